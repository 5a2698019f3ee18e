import math
import random
from dataclasses import replace
from pathlib import Path

import pytest

from gateway.errors import ConfigError
from gateway.types import Mode
from monitors.effects import paired, ratio, reading, together
from monitors.effects.cell import Cell
from monitors.effects.effects import Effects
from monitors.effects.estimate import Settings
from monitors.effects.judge import Calibration
from monitors.effects.observation import Assignment, Observation, Score
from monitors.effects.ratio import Violations
from tests.monitors.effects.observations import traffic

RATES = {"leak": 0.1, "tone": 0.2}


def folded(*observations: Observation, **given: object) -> Effects:
    effects = Effects(["leak", "tone"], **given)  # type: ignore[arg-type]
    for observation in observations:
        effects.fold(observation)
    return effects


def one(
    number: int, *, on: bool, violation: bool, weight: float = 0.5, mode: Mode = "canary", **given: object
) -> Observation:
    fields: dict[str, object] = {
        "exchange": f"e{number}",
        "unit": b"u%d" % number,
        "stratum": "en",
        "assignments": (Assignment("shield", on, weight, 1, mode),),
        "scores": (Score("leak", 0.8 if violation else 0.2, violation),),
        **given,
    }
    return Observation(**fields)  # type: ignore[arg-type]


def cell(effects: Effects, measure: str = "leak", defense: str = "shield") -> Cell:
    return next(cell for cell in effects.matrix() if (cell.defense, cell.measure) == (defense, measure))


def test_a_harmful_defense_stands_out_and_only_where_it_harms() -> None:
    found = folded(*traffic(random.Random(1), 3000, RATES, {("shield", "leak"): 2.0}))
    leak, tone = cell(found), cell(found, "tone")
    assert leak.ratio.lower > 1.5
    assert leak.relative is not None
    assert leak.decided
    assert leak.shown
    assert leak.difference.lower > 0
    assert leak.score is not None
    assert leak.score.lower > 0
    assert leak.log_score_harm > 3
    assert not tone.decided
    assert 1 in tone.ratio
    assert 0 in tone.difference
    assert leak.valid
    assert tone.valid
    assert leak.treatment.units + leak.control.units == 3000


def test_cells_are_what_the_estimators_say_of_a_plain_count() -> None:
    observations = list(traffic(random.Random(2), 600, RATES, weights={"shield": 0.3, "mask": 0.5}))
    found = folded(*observations)
    for defense, weight in (("shield", 0.3), ("mask", 0.5)):
        arms = {True: 0, False: 0}
        for seen in observations:
            on = next(part.on for part in seen.assignments if part.defense == defense)
            arms[on] += next(score.violation for score in seen.scores if score.measure == "leak")
        counts = Violations.of([weight], [arms[True]], [arms[False]])
        shown = cell(found, "leak", defense)
        assert shown.ratio == ratio.confidence(counts)
        assert (shown.treatment.violations, shown.control.violations) == (arms[True], arms[False])


def test_duplicates_change_nothing() -> None:
    observations = list(traffic(random.Random(3), 300, RATES))
    once = folded(*observations)
    twice = folded(*observations, *random.Random(4).sample(observations, 200))
    assert twice.ledger == once.ledger


def test_scores_that_come_later_are_counted_then() -> None:
    whole = one(1, on=True, violation=True, scores=(Score("leak", 1, True), Score("tone", 0.2, False)))
    parts = [replace(whole, scores=(score,)) for score in whole.scores]
    found = folded()
    assert [found.fold(part) for part in (*parts, whole)] == [0b01, 0b10, 0]
    assert found.ledger == folded(whole).ledger


def test_a_unit_counts_once_an_epoch() -> None:
    repeated = [replace(one(number, on=True, violation=number > 0), unit=b"u") for number in range(5)]
    shown = cell(folded(*repeated))
    assert (shown.treatment.scored, shown.treatment.units, shown.treatment.violations) == (5, 1, 0)
    anew = [replace(seen, assignments=(replace(seen.assignments[0], epoch=2),), exchange=f"f{number}")
            for number, seen in enumerate(repeated)]  # fmt: skip
    assert cell(folded(*repeated, *anew)).treatment.units == 2


def stubborn(number: int, on: bool, *violations: bool) -> list[Observation]:
    """Exchanges of one unit."""
    return [
        replace(one(100 * number + turn, on=on, violation=violation), unit=b"u%d" % number)
        for turn, violation in enumerate(violations)
    ]


def test_harm_counts_first_violations_and_the_rest_first_exchanges() -> None:
    units = [stubborn(number, number < 6, False, True, True) for number in range(10)]
    units += [stubborn(number, number < 13, True, True) for number in range(10, 15)]
    shown = cell(folded(*(seen for unit in units for seen in unit), settings=Settings(replay_share=0)))
    first_violations, first_exchanges = Violations.of([0.5], [9], [6]), Violations.of([0.5], [3], [2])
    assert shown.log_harm == pytest.approx(float(ratio.harm(first_violations)))
    assert shown.log_help == pytest.approx(float(ratio.noninferior(first_violations, 1.0)))
    assert shown.log_noninferior == pytest.approx(float(ratio.noninferior(first_exchanges, 1.5)))
    assert shown.ratio == ratio.confidence(first_exchanges)


def test_replays_and_live_traffic_each_have_their_share_of_the_stake() -> None:
    seen = [one(number, on=number % 3 > 0, violation=True) for number in range(60)]
    evidence = float(ratio.harm(Violations.of([0.5], [40], [20])))
    shares = {0.5: math.log(0.5 * math.exp(evidence) + 0.5), 0.1: math.log(0.9 * math.exp(evidence) + 0.1)}
    for share, expected in shares.items():
        assert cell(folded(*seen, settings=Settings(replay_share=share))).log_harm == pytest.approx(expected)


@pytest.mark.parametrize(
    ("weight", "mode"), [(1.0, "enforce"), (0.0, "canary"), (0.5, "shadow"), (0.5, "off")]
)
def test_without_a_draw_there_is_no_evidence(weight: float, mode: Mode) -> None:
    assert folded(one(1, on=True, violation=True, weight=weight, mode=mode)).matrix() == []


def replayed(violating: dict[bool, bool], number: int, live_on: bool) -> list[Observation]:
    """An exchange and its replay with the defense the other way."""
    live = one(number, on=live_on, violation=violating[live_on], weight=1.0, mode="enforce")
    other = one(number, on=not live_on, violation=violating[not live_on], weight=1.0, mode="enforce")
    return [live, replace(other, exchange=f"r{number}", replay_of=live.exchange)]


@pytest.mark.parametrize("live_on", [True, False])
@pytest.mark.parametrize("turned", [False, True])
def test_a_replay_finds_its_exchange_in_either_order(live_on: bool, turned: bool) -> None:
    observations = replayed({True: True, False: False}, 1, live_on)
    found = folded(*(observations[::-1] if turned else observations))
    assert found.ledger.pairs(("shield",))[0].tolist() == [1, 0, 0, 0]


def test_replays_alone_make_a_cell() -> None:
    found = folded(
        *(part for number in range(40) for part in replayed({True: True, False: False}, number, True)),
        *(part for number in range(40, 100) for part in replayed({True: False, False: False}, number, True)),
    )
    shown = cell(found)
    assert shown.pairs == 100
    assert shown.replayed_difference == paired.difference(reading.pairs(found.ledger, ("shield",), "leak"))
    assert shown.replayed_difference is not None
    assert shown.replayed_difference.lower > 0.1
    assert shown.decided
    assert shown.relative is None
    assert shown.ratio.estimate is None


def test_replays_that_differ_in_two_defenses_are_counted_for_both_together() -> None:
    both = tuple(Assignment(name, True, 1.0, 1, "enforce") for name in ("mask", "shield"))
    none = tuple(replace(part, on=False) for part in both)
    live = one(1, on=True, violation=False, assignments=both)
    found = folded(
        live, replace(one(1, on=False, violation=True, assignments=none), exchange="r", replay_of="e1")
    )
    assert found.ledger.replayed == [("mask", "shield")]
    assert found.ledger.pairs(("mask", "shield"))[0].tolist() == [0, 1, 0, 0]
    assert found.matrix() == []


def test_the_largest_evidence_is_kept() -> None:
    settings = Settings(replay_share=0)
    found = folded(*(one(number, on=True, violation=True) for number in range(30)), settings=settings)
    found.look()
    for number in range(30, 90):
        found.fold(one(number, on=False, violation=True))
    found.look()
    shown = cell(found)
    assert shown.log_harm < 0 < 3 < shown.log_harm_ever
    assert shown.decided
    assert not shown.shown


def test_a_broken_split_is_never_a_finding() -> None:
    found = folded(*(one(number, on=True, violation=number % 2 == 0) for number in range(100)))
    shown = cell(found)
    assert shown.log_harm_ever > 3
    assert not shown.valid
    assert not shown.decided
    assert not shown.shown


def test_a_restart_forgets_nothing(tmp_path: Path) -> None:
    observations = list(traffic(random.Random(5), 400, RATES, {("shield", "leak"): 2.0}, units=300))
    whole, first, second = folded(*observations), folded(*observations[:250]), folded()
    first.look()
    first.save(tmp_path / "effects")
    second.load(tmp_path / "effects")
    for observation in (*observations[:50], *observations[250:]):
        second.fold(observation)
    assert second.ledger == whole.ledger
    assert cell(second).log_harm_ever == pytest.approx(
        max(cell(first).log_harm_ever, cell(whole).log_harm_ever)
    )


@pytest.mark.parametrize("content", [b"", b"{}", b"\x00\x01"])
def test_what_is_no_snapshot_is_refused(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "effects").write_bytes(content)
    with pytest.raises(ConfigError, match="effects: "):
        folded().load(tmp_path / "effects")


def test_a_measure_that_comes_or_goes_leaves_the_others_alone(tmp_path: Path) -> None:
    observations = list(traffic(random.Random(11), 300, RATES))
    folded(*observations).save(tmp_path / "effects")
    other = Effects(["new", "tone"])
    other.load(tmp_path / "effects")
    assert cell(other, "tone") == cell(folded(*observations), "tone")
    assert {made.measure for made in other.matrix()} == {"tone"}
    both = replace(observations[0], scores=(*observations[0].scores, Score("new", 0.9, True)))
    assert other.fold(both) == 0b01  # "tone" of it is known already


def test_workers_ledgers_add_up() -> None:
    observations = list(traffic(random.Random(6), 200, RATES))
    controller = folded()
    for half in (observations[:120], observations[120:]):
        controller.merge(folded(*half).ledger)
    assert controller.matrix() == folded(*observations).matrix()


def test_two_defenses_are_counted_together_where_they_are_named() -> None:
    weights = {"shield": 0.5, "mask": 0.4}
    observations = list(traffic(random.Random(7), 2000, RATES, {("shield", "leak"): 0.5}, weights))
    found = folded(*observations, together=[("shield", "mask")])
    cells = reading.cells(found.ledger, ("shield", "mask"), "leak")
    assert cells.units.sum() == 2000
    assert cells.violations.sum() == sum(seen.scores[0].violation for seen in observations)
    assert cells.first(second_on=True).treatment.sum() < cells.first(second_on=True).control.sum()
    assert 1 in together.ratio_of_ratios(cells)
    assert {made.defense for made in found.matrix()} == {"shield", "mask"}


def test_rates_behind_an_erring_monitor() -> None:
    # The monitor finds nine of ten violations and cries wolf at 2 % of the rest; the truth is 10 %.
    seen = 0.9 * 0.1 + 0.02 * 0.9
    found = folded(*traffic(random.Random(8), 4000, {"leak": seen}, {("shield", "leak"): 1.0}))
    calibration = Calibration(3000, 2700, 30_000, 29_400)
    rates = reading.corrected_rates(found.ledger, "shield", "leak", (calibration, calibration))
    for rate in rates:
        assert rate.value is not None
        assert rate.value.estimate is not None
        assert rate.value.lower < 0.1 < rate.value.upper


def test_strata_can_be_weighed_as_one_likes() -> None:
    rng = random.Random(10)
    found = Effects(["leak", "tone"])
    for stratum, exchanges, effect in (("en", 3000, 2.0), ("de", 1000, 1.0)):
        for seen in traffic(rng, exchanges, {"leak": 0.2}, {("shield", "leak"): effect}, strata=(stratum,)):
            found.fold(replace(seen, exchange=stratum + seen.exchange, unit=stratum.encode() + seen.unit))
    even = reading.poststratified(found.ledger, "shield", "leak", {"en": 0.5, "de": 0.5})
    assert even is not None
    assert even.estimate == pytest.approx(0.08, abs=0.03)
    assert even.lower > 0
    assert reading.poststratified(found.ledger, "shield", "leak", {"en": 0.5, "fr": 0.5}) is None


def test_limits_are_refused_by_name() -> None:
    with pytest.raises(ConfigError, match="measures: 65"):
        Effects([f"m{number}" for number in range(65)])
    with pytest.raises(ConfigError, match="together: 17"):
        Effects(["leak"], together=[("a", f"b{number}") for number in range(17)])


def test_unknown_measures_are_left_out_and_counted() -> None:
    found = folded(one(1, on=True, violation=True, scores=(Score("new", 1.0, True),)))
    assert found.left_out == 1
    assert found.matrix() == []
