import numpy as np
import pytest

from monitors.effects import judge, srm
from monitors.effects.interval import Interval
from monitors.effects.judge import Calibration
from monitors.effects.srm import Split

GOOD = Calibration(2000, 1800, 20_000, 19_800)  # sensitivity .9, specificity .99


def test_the_true_rate_comes_back() -> None:
    observed = 0.9 * 0.03 + 0.01 * 0.97
    corrected = judge.correct(Interval(observed, observed - 0.002, observed + 0.002), GOOD)
    assert corrected.value is not None
    assert corrected.value.estimate == pytest.approx(0.03)
    assert corrected.value.lower < 0.03 < corrected.value.upper


def test_the_ends_are_the_worst_of_all_that_is_possible() -> None:
    observed = Interval(0.04, 0.035, 0.045)
    corrected = judge.correct(observed, GOOD).value
    assert corrected is not None
    sensitivity, specificity = GOOD.sensitivity(0.0125), GOOD.specificity(0.0125)
    rng = np.random.default_rng(0)
    for _ in range(500):
        q, se, sp = (rng.uniform(part.lower, part.upper) for part in (observed, sensitivity, specificity))
        assert corrected.lower - 1e-12 <= (q + sp - 1) / (se + sp - 1) <= corrected.upper + 1e-12


def test_other_specificity_in_one_arm_is_not_an_effect() -> None:
    seen = [0.9 * 0.02 + (1 - specificity) * 0.98 for specificity in (0.98, 0.99)]
    assert seen[0] / seen[1] > 1.3
    calibrations = [
        Calibration(20_000, 18_000, 200_000, 196_000),
        Calibration(20_000, 18_000, 200_000, 198_000),
    ]
    arms = [
        judge.correct(Interval(rate, rate - 0.0005, rate + 0.0005), calibration)
        for rate, calibration in zip(seen, calibrations, strict=True)
    ]
    ratio, difference = judge.corrected_ratio(*arms).value, judge.corrected_difference(*arms).value
    assert ratio is not None
    assert difference is not None
    assert ratio.estimate == pytest.approx(1)
    assert 1 in ratio
    assert 0 in difference


def test_a_monitor_that_may_be_a_coin_is_refused() -> None:
    refused = judge.correct(Interval(0.1, 0.05, 0.15), Calibration(10, 6, 10, 6))
    assert refused.value is None
    assert "calibrate with more answers" in refused.refused
    assert judge.corrected_ratio(refused, refused).value is None


def test_a_rate_that_no_truth_could_give_is_refused() -> None:
    refused = judge.correct(Interval(0.001, 0.0005, 0.0015), GOOD)
    assert refused.value is None
    assert "leaves [0, 1]" in refused.refused


def test_a_share_is_missed_as_rarely_as_promised() -> None:
    rng = np.random.default_rng(1)
    hits = (rng.random((400, 1000)) < 0.9).cumsum(1)
    wrong = 0
    for run in hits:
        wrong += any(0.9 not in judge.share(int(run[at - 1]), at) for at in (5, 20, 50, 100, 300, 1000))
    assert wrong / 400 <= 0.06


def test_the_split_is_bet_on_with_a_beta_mixture() -> None:
    # By single predictions: each unit is bet on with the mean of the mixture so far.
    treatment, control, log_product = 50 * 0.1, 50 * 0.9, 0.0
    for treated in [True, False, False, True, True]:
        chance = treatment / (treatment + control)
        log_product += np.log((chance if treated else 1 - chance) / (0.1 if treated else 0.9))
        treatment, control = treatment + treated, control + (not treated)
    assert srm.log_evalue([Split(0.1, 3, 2)]) == pytest.approx(log_product)


def test_steps_add_up() -> None:
    first, second = Split(0.1, 120, 880), Split(0.5, 490, 510)
    assert srm.log_evalue([first, second]) == pytest.approx(
        srm.log_evalue([first]) + srm.log_evalue([second])
    )
    assert srm.mismatch([Split(0.5, 1000, 1200)])
