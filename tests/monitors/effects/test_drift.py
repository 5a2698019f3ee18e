import random
from dataclasses import replace

import pytest

from monitors.effects.drift import Alarm, Drift, Patience
from monitors.effects.observation import Observation
from tests.monitors.effects.observations import traffic

PATIENCE = Patience(violations=100_000, windows=1000)
RATES = {"leak": 0.1}


def watched(drift: Drift, observations: list[Observation]) -> list[Alarm]:
    return [alarm for seen in observations for alarm in drift.fold(seen, 1)]


def test_nothing_is_found_where_nothing_changes() -> None:
    drift = Drift(["leak"], PATIENCE)
    assert watched(drift, list(traffic(random.Random(1), 20_000, RATES, strata=("en", "de")))) == []
    kinds = {statistic.kind for statistic in drift.statistics()}
    assert kinds == {"measure", "effect", "mix"}
    assert all(0 <= statistic.value < statistic.threshold for statistic in drift.statistics())


@pytest.mark.parametrize(("factor", "direction"), [(1.6, "up"), (0.5, "down"), (0.0, "down")])
def test_a_measure_that_moves_is_found_with_its_beginning(factor: float, direction: str) -> None:
    drift = Drift(["leak"], PATIENCE)
    assert watched(drift, list(traffic(random.Random(2), 8_000, RATES))) == []
    changed = list(traffic(random.Random(3), 4_000, {"leak": 0.1 * factor}, start=8_000.0))
    alarm = watched(drift, changed)[0]
    assert (alarm.kind, alarm.measure, alarm.found.direction) == ("measure", "leak", direction)
    assert alarm.at < 10_000
    assert alarm.found.since == pytest.approx(8_000, abs=700)


def test_the_stratum_that_moved_is_named_first() -> None:
    drift, rng = Drift(["leak"], PATIENCE), random.Random(4)
    watched(drift, list(traffic(rng, 8_000, RATES, strata=("en", "de", "fr"))))
    mixed = [
        next(
            traffic(rng, 1, {"leak": 0.3 if stratum == "de" else 0.1}, strata=(stratum,), start=8_000.0 + at)
        )
        for at, stratum in enumerate(rng.choices(["en", "de", "fr"], k=3_000))
    ]
    alarm = watched(drift, mixed)[0]
    first = alarm.found.moved[0]
    assert first.stratum == "de"
    assert 1.5 * first.expected < first.observed < 6 * first.expected  # three times as often
    assert all(other.observed == pytest.approx(other.expected, abs=15) for other in alarm.found.moved[1:])


def test_a_traffic_that_is_riskier_is_no_drift_of_the_measure_but_of_the_mix() -> None:
    drift, rng = Drift(["leak"], PATIENCE), random.Random(5)
    found: list[Alarm] = []
    for at in range(20_000):
        late = at > 12_000
        stratum = "attack" if rng.random() < (0.5 if late else 0.2) else "plain"
        rate = 0.3 if stratum == "attack" else 0.05
        found += watched(drift, list(traffic(rng, 1, {"leak": rate}, strata=(stratum,), start=float(at))))
    assert {alarm.kind for alarm in found} == {"mix"}
    assert found[0].found.moved[0].stratum == "attack"


def test_an_effect_that_changes_is_found_while_the_rate_swings() -> None:
    drift, rng, found = Drift(["leak"], PATIENCE), random.Random(6), []
    for at in range(16_000):
        swing = 0.2 + 0.1 * (at // 500 % 2)
        ratio = {("shield", "leak"): 0.5 if at < 8_000 else 1.0}  # it stopped working
        found += watched(drift, list(traffic(rng, 1, {"leak": swing}, ratio, start=float(at))))
    effect = [alarm for alarm in found if alarm.kind == "effect"]
    assert (effect[0].defense, effect[0].found.direction) == ("shield", "up")
    assert 8_000 < effect[0].at < 11_000


def test_the_hour_of_the_day_is_expected_once_a_day_was_seen() -> None:
    drift, rng, found = Drift(["leak"], PATIENCE), random.Random(7), []
    drift._measures[0].rates.events = 3000
    for at in range(0, 4 * 86_400, 12):
        rate = 0.2 if at % 86_400 < 43_200 else 0.1
        found += watched(drift, list(traffic(rng, 1, {"leak": rate}, start=float(at))))
    assert [alarm for alarm in found if alarm.kind == "measure"] == []


def test_replays_and_duplicates_are_not_watched() -> None:
    drift = Drift(["leak"], PATIENCE)
    seen = next(traffic(random.Random(8), 1, {"leak": 1.0}))
    assert drift.fold(seen, 0) == []
    assert drift._measures[0].rates.violations == 0
    drift.fold(seen, 1)
    assert drift._measures[0].rates.violations == 1
    drift.fold(replace(seen, exchange="another"), 1)  # the same unit, the same day
    drift.fold(replace(seen, exchange="a third", at=90_000.0), 1)
    assert drift._measures[0].rates.violations == 2


def test_a_known_baseline_is_not_learned() -> None:
    drift = Drift(["leak"], PATIENCE, {("shield", "leak"): 1.0})
    found = watched(drift, list(traffic(random.Random(9), 6000, RATES, {("shield", "leak"): 3.0})))
    effect = next(alarm for alarm in found if alarm.kind == "effect")
    assert effect.at < 1500


def test_more_patience_than_permutations_can_tell_is_refused() -> None:
    with pytest.raises(ValueError, match="windows"):
        Patience(windows=1e6)
