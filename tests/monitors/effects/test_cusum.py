import math
import random

import numpy as np
import pytest

from benchmarks import simulations
from monitors.effects.cusum import (
    _ARMS,
    _RATES,
    Cusum,
    arm_evidence,
    arm_threshold_for,
    rate_evidence,
    threshold_for,
)
from monitors.effects.shiryaev import Shiryaev


@pytest.mark.parametrize(("rate", "factor"), [(0.03, 1.5), (0.03, 1 / 1.5), (0.4, 1.5)])
def test_run_lengths_are_those_of_the_table(rate: float, factor: float) -> None:
    # Exchange by exchange with the product's class; the table was made otherwise.
    rng, alarms, violations, wanted = random.Random(5), 0, 0, 600.0
    violation, absence = rate_evidence(rate, factor)
    cusum = Cusum(threshold_for(wanted, rate, factor))
    for at in range(int(27_000 / rate)):
        hit = rng.random() < rate
        violations += hit
        if cusum.add(violation if hit else absence, at):
            alarms += 1
            cusum.restart(at)
    assert violations / alarms == pytest.approx(wanted, rel=0.3)


@pytest.mark.parametrize("share", [0.1, 0.5, 0.95])
def test_run_lengths_of_arms_are_those_of_the_table(share: float) -> None:
    found = simulations.arm_run_length(share, 1.5, arm_threshold_for(3000, share), 1500, seed=6)
    assert found == pytest.approx(3000, rel=0.3)


def test_tables_rise_and_thresholds_between_lines_are_between() -> None:
    for table in (*_RATES.values(), *(table for arms in _ARMS.values() for table in arms.values())):
        assert list(table) == sorted(table)
    assert threshold_for(610) == pytest.approx(4)
    assert 4 < threshold_for(1000) < 5
    assert threshold_for(1e6) > 9
    assert arm_threshold_for(2984, 0.5) == pytest.approx(4)
    assert arm_threshold_for(2984, 0.4) == pytest.approx(4)  # 0.25 needs less
    with pytest.raises(ValueError, match="no run lengths"):
        threshold_for(1000, factor=3.0)


def test_evidence_costs_nothing_on_average_when_nothing_changed() -> None:
    for expected in (0.001, 0.02, 0.8):
        for factor in (1.5, 1 / 1.5):
            violation, absence = rate_evidence(expected, factor)
            assert expected * math.exp(violation) + (1 - expected) * math.exp(absence) == pytest.approx(1)
    treated, untreated = arm_evidence(0.1, 2.0, 1.5)
    share = 0.2 / (0.2 + 0.9)
    assert share * math.exp(treated) + (1 - share) * math.exp(untreated) == pytest.approx(1)


def test_the_change_began_where_the_sum_was_last_zero() -> None:
    cusum = Cusum(3.0)
    for at in range(100):
        cusum.add(-0.1, at)
    alarms = [cusum.add(0.4, at) for at in range(100, 110)]
    assert cusum.since == 99
    assert alarms.index(True) == 7


def test_the_second_opinion_waits_as_long_as_it_says() -> None:
    rng = np.random.default_rng(7)
    lengths = []
    for _ in range(60):
        detector, events = Shiryaev(200), 0
        while True:
            events += 1
            treated = rng.random() < 0.5
            evidence = [arm_evidence(0.5, 1.0, factor)[0 if treated else 1] for factor in (1.25, 1.5, 2, 4)]
            if detector.add(evidence, events):
                break
        lengths.append(events)
    assert np.mean(lengths) >= 200


def test_a_change_that_begins_with_the_first_event_began_then_and_not_in_1970() -> None:
    cusum, shiryaev = Cusum(threshold=2.0), Shiryaev(events=10, bets=1)
    for at in (1000.0, 1001.0, 1002.0):
        cusum.add(1.5, at)
        shiryaev.add([1.5], at)
    assert (cusum.since, shiryaev.since) == (1000.0, 1000.0)
