import math

import numpy as np
import pytest

from monitors.effects import ratio
from monitors.effects.interval import Interval
from monitors.effects.ratio import Violations


@pytest.mark.parametrize(
    ("treatment", "control", "lower", "upper"),
    [(32, 180, 0.86, 2.75), (182, 1080, 1.16, 1.95)],  # by another implementation, of the same prior
)
def test_intervals_are_those_of_an_independent_implementation(
    treatment: int, control: int, lower: float, upper: float
) -> None:
    interval = ratio.confidence(Violations.of([0.1], [treatment], [control]))
    assert interval.lower == pytest.approx(lower, abs=0.006)
    assert interval.upper == pytest.approx(upper, abs=0.006)


def test_evidence_of_harm_is_a_mean_of_plain_products() -> None:
    events = [(0.1, True), (0.1, False), (0.5, True), (0.5, True), (0.5, False), (0.1, True)]
    bets = []
    for offset in ratio._HALF:
        product = 1.0
        for weight, treated in events:
            share = [weight * at / (weight * at + 1 - weight) for at in (1.2, 1.2 * math.exp(offset))]
            product *= share[1] / share[0] if treated else (1 - share[1]) / (1 - share[0])
        bets.append(product)
    counts = Violations.of([0.1, 0.5], [2, 2], [1, 1])
    assert float(ratio.harm(counts, 1.2)) == pytest.approx(math.log(sum(bets) / len(bets)))


def test_the_rate_does_not_matter_and_strata_add_up() -> None:
    strata = [Violations.of([0.1, 0.5], [3, 1], [20, 2]), Violations.of([0.1, 0.5], [1, 9], [12, 4])]
    together = Violations.of([0.1, 0.5], [4, 10], [32, 6])
    grid = np.linspace(-1, 1, 7)
    assert together.log_likelihood(grid) == pytest.approx(sum(part.log_likelihood(grid) for part in strata))


def test_many_counts_at_once_are_as_each_by_itself() -> None:
    treatment, control = np.array([[3, 5], [0, 0], [40, 9]]), np.array([[20, 4], [7, 0], [90, 30]])
    counts = Violations.of([0.1, 0.4], treatment, control)
    lower, upper = ratio.bounds(counts)
    for place in range(3):
        one = ratio.confidence(Violations.of([0.1, 0.4], treatment[place], control[place]))
        assert (lower[place], upper[place]) == pytest.approx((one.lower, one.upper))
        assert ratio.harm(counts)[place] == pytest.approx(
            float(ratio.harm(Violations.of([0.1, 0.4], treatment[place], control[place])))
        )


def test_without_violations_everything_is_possible() -> None:
    nothing = Violations.of([0.1], [0], [0])
    assert ratio.confidence(nothing) == Interval(None, 0.0, math.inf)
    assert float(ratio.harm(nothing)) == pytest.approx(0)


def test_an_arm_without_violations_leaves_one_end_open() -> None:
    assert ratio.confidence(Violations.of([0.1], [5], [0])).upper == math.inf
    assert ratio.confidence(Violations.of([0.1], [0], [50])).lower == 0


def test_the_interval_is_where_the_evidence_against_a_ratio_is_small() -> None:
    counts = Violations.of([0.25], [30], [60])
    interval = ratio.confidence(counts)
    for end in (interval.lower, interval.upper):
        assert float(ratio.against(counts, end)) == pytest.approx(math.log(20), abs=1e-3)


def test_a_weight_that_leaves_an_arm_empty_is_refused() -> None:
    with pytest.raises(ValueError, match="strictly between 0 and 1"):
        Violations.of([1.0], [1], [0])
