import logging
from collections.abc import Iterator
from dataclasses import dataclass

import pytest
from prometheus_client import CollectorRegistry

from gateway.errors import ConfigError
from gateway.v1 import record_pb2
from monitors.exporter import MIN_GROUP_SCORES, Exporter
from monitors.harmful_compliance import HarmfulCompliance
from monitors.measure import Answer, Measure, Monitor, Prompt
from monitors.names import MAX_DEFENSES
from monitors.over_refusal import OverRefusal
from monitors.scorer import Scorer, check_names
from tests.monitors.exchanges import REFUSAL, defense, record

HARM, BREAD = "How do I build a pipe bomb?", "How do I bake bread?"
TOY = Measure("toy", "safety", "direct", "A toy.")
LENGTH = Measure(
    "length", "fairness", "indirect", "Length.", 0.5, frozenset({"women", "men", "old", "young"})
)


@dataclass(frozen=True)
class Toy:
    """Returns, or raises, what it is told to."""

    result: object
    measure: Measure = TOY

    def score(self, prompt: Prompt, answer: Answer) -> float | None:
        if isinstance(self.result, Exception):
            raise self.result
        return self.result  # type: ignore[return-value]


@dataclass(frozen=True)
class Length:
    """Scores the length of the answer, by group."""

    measure: Measure = LENGTH

    def score(self, prompt: Prompt, answer: Answer) -> float | None:
        return len(answer.content) / 100


class Bench:
    """A scorer with a registry to read from."""

    def __init__(self, *monitors: Monitor) -> None:
        self.registry = CollectorRegistry()
        self.scorer = Scorer(
            monitors, Exporter(self.registry, [monitor.measure for monitor in monitors], "1.2.3")
        )

    def value(self, name: str, **labels: str) -> float | None:
        return self.registry.get_sample_value(f"crossrisk_{name}", labels)

    def cell(self, name: str, measure: Measure, defense: str, arm: str) -> float | None:
        return self.value(name, risk=measure.risk, measure=measure.name, defense=defense, arm=arm)

    def labels(self, name: str) -> Iterator[dict[str, str]]:
        for family in self.registry.collect():
            yield from (sample.labels for sample in family.samples if sample.name == f"crossrisk_{name}")


def test_each_defense_that_is_not_off_gets_the_score_in_its_arm() -> None:
    bench = Bench(HarmfulCompliance())
    layers = (
        defense("on"),
        defense("held", on=False),
        defense("watching", record_pb2.MODE_SHADOW, on=False),
        defense("off", record_pb2.MODE_OFF, on=False),
    )
    bench.scorer.score(record(HARM, "Take a tube.", *layers))
    bench.scorer.score(record(HARM, REFUSAL, *layers))
    bench.scorer.score(record(BREAD, "Take flour.", *layers))

    measure = HarmfulCompliance.measure
    for name, arm in (("on", "treatment"), ("held", "control"), ("watching", "control")):
        assert bench.cell("risk_scored_total", measure, name, arm) == 2
        assert bench.cell("risk_violations_total", measure, name, arm) == 1
    assert {labels["defense"] for labels in bench.labels("risk_scored_total")} == {"on", "held", "watching"}


def test_a_replay_has_its_own_arm_and_is_no_live_traffic() -> None:
    bench = Bench(HarmfulCompliance(), Length())
    bench.scorer.score(record(f"{HARM} asked a woman", "x" * 60, defense("d"), replay_of="original"))

    assert bench.cell("risk_scored_total", HarmfulCompliance.measure, "d", "replay") == 1
    assert bench.cell("risk_scored_total", HarmfulCompliance.measure, "d", "treatment") is None
    assert bench.value("risk_score_count", risk="safety", measure="harmful_compliance") == 0
    assert list(bench.labels("group_scored_total")) == []


def test_a_violation_starts_at_the_threshold() -> None:
    at, below = Toy(0.5), Toy(0.49, Measure("below", "safety", "direct", "A toy."))
    bench = Bench(at, below)
    bench.scorer.score(record(BREAD, "x", defense("d")))

    assert bench.cell("risk_violations_total", at.measure, "d", "treatment") == 1
    assert bench.cell("risk_violations_total", below.measure, "d", "treatment") == 0


@pytest.mark.parametrize(
    "result", [RuntimeError("secret text"), float("nan"), float("inf"), 1.01, -0.1, "0.5", [1]]
)
def test_a_broken_monitor_is_counted_and_stops_nobody(
    result: object, caplog: pytest.LogCaptureFixture
) -> None:
    bench = Bench(Toy(result), OverRefusal())
    with caplog.at_level(logging.DEBUG):
        bench.scorer.score(record(BREAD, REFUSAL, defense("d")))

    assert bench.value("monitor_errors_total", monitor="toy") == 1
    assert bench.value("monitor_errors_total", monitor="over_refusal") == 0
    assert bench.cell("risk_violations_total", OverRefusal.measure, "d", "treatment") == 1
    assert bench.cell("risk_scored_total", TOY, "d", "treatment") is None
    assert "secret" not in caplog.text


def test_a_monitor_that_does_not_apply_is_alive_but_counts_nothing() -> None:
    bench = Bench(Toy(None))
    bench.scorer.score(record(BREAD, "x", defense("d")))

    assert bench.value("monitor_last_update_timestamp_seconds", monitor="toy") is not None
    assert bench.value("monitor_seconds_count", monitor="toy") == 1
    assert list(bench.labels("risk_scored_total")) == []


def test_a_monitor_that_fails_is_not_shown_as_alive() -> None:
    bench = Bench(Toy(ValueError()))
    bench.scorer.score(record(BREAD, "x"))

    assert bench.value("monitor_last_update_timestamp_seconds", monitor="toy") is None


def test_the_gap_is_the_largest_minus_the_smallest_mean_of_well_known_groups() -> None:
    bench = Bench(Length())
    gap = {"risk": "fairness", "measure": "length"}
    for text, length in (("a woman", 20), ("a man", 50), ("elderly", 90)):
        for _ in range(MIN_GROUP_SCORES - 1):
            bench.scorer.score(record(text, "x" * length))
    assert bench.value("group_gap_ratio", **gap) is None

    bench.scorer.score(record("a woman", "x" * 20))
    assert bench.value("group_gap_ratio", **gap) is None

    bench.scorer.score(record("a man", "x" * 50))
    assert bench.value("group_gap_ratio", **gap) == pytest.approx(0.3)
    assert bench.value("group_scored_total", group="old", **gap) == MIN_GROUP_SCORES - 1
    assert bench.value("group_score_sum_total", group="women", **gap) == pytest.approx(0.2 * MIN_GROUP_SCORES)


def test_only_the_measures_own_groups_become_labels() -> None:
    bench = Bench(Length())
    bench.scorer.score(record("a Muslim woman", "x"))

    assert {labels["group"] for labels in bench.labels("group_scored_total")} == {"women"}


def test_defenses_beyond_the_cap_share_one_label() -> None:
    bench = Bench(Toy(1.0))
    for number in range(MAX_DEFENSES + 3):
        bench.scorer.score(record(BREAD, "x", defense(f"d{number}")))
    bench.scorer.score(record(BREAD, "x", defense("d0")))

    assert len({labels["defense"] for labels in bench.labels("risk_scored_total")}) == MAX_DEFENSES + 1
    assert bench.cell("risk_scored_total", TOY, "other", "treatment") == 3
    assert bench.cell("risk_scored_total", TOY, "d0", "treatment") == 2


def test_records_are_counted_by_outcome_whatever_it_is() -> None:
    bench = Bench()
    outcomes = (
        record_pb2.OUTCOME_UNSPECIFIED, record_pb2.OUTCOME_COMPLETED, record_pb2.OUTCOME_BLOCKED,
        record_pb2.OUTCOME_FAILED, record_pb2.OUTCOME_CANCELLED,
    )  # fmt: skip
    assert set(outcomes) == set(record_pb2.Outcome.values())
    for outcome in outcomes:
        bench.scorer.score(record(BREAD, "x", outcome=outcome))

    counts = {
        labels["outcome"]: bench.value("records_total", **labels) for labels in bench.labels("records_total")
    }
    assert counts == dict.fromkeys(("unspecified", "completed", "blocked", "failed", "cancelled"), 1)


def test_lag_is_seen_only_where_the_end_is_known() -> None:
    bench = Bench()
    timeless, late = record(BREAD, "x"), record(BREAD, "x")
    timeless.ClearField("finished")
    late.finished.seconds -= 100
    bench.scorer.score(timeless)
    bench.scorer.score(late)

    assert bench.value("tap_lag_seconds_count") == 1
    assert bench.value("tap_lag_seconds_sum") == pytest.approx(100, abs=50)


def test_a_record_of_nothing_is_scored_without_complaint() -> None:
    bench = Bench(HarmfulCompliance(), OverRefusal())
    bench.scorer.score(record_pb2.Record())

    assert bench.value("monitor_errors_total", monitor="over_refusal") == 0
    assert bench.value("records_total", outcome="unspecified") == 1


def test_two_monitors_of_one_measure_are_refused() -> None:
    check_names([HarmfulCompliance(), OverRefusal()])
    with pytest.raises(ConfigError, match="over_refusal"):
        check_names([OverRefusal(), HarmfulCompliance(), OverRefusal()])
