"""Exporter: the Prometheus series of the monitors, with labels from closed sets only."""

import math
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram
from prometheus_client.core import GaugeMetricFamily
from prometheus_client.registry import Collector

from gateway.v1 import record_pb2
from monitors.intervals import Interval
from monitors.measure import Measure
from monitors.names import Names

MIN_GROUP_SCORES = 20
"""Scores a group needs before its mean counts towards a gap."""

_SCORE_BUCKETS = (0.01, 0.02, *(step / 20 for step in range(1, 20)), 0.98, 0.99, 1.0)
_LAG_BUCKETS = (0.01, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0, 300.0)
_TIME_BUCKETS = (0.0001, 0.00025, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.5, 1.0, 5.0)
OUTCOMES = {
    record_pb2.OUTCOME_COMPLETED: "completed",
    record_pb2.OUTCOME_BLOCKED: "blocked",
    record_pb2.OUTCOME_FAILED: "failed",
    record_pb2.OUTCOME_CANCELLED: "cancelled",
}


@dataclass(frozen=True, slots=True)
class _Cell:
    scored: Counter
    violations: Counter


@dataclass(slots=True)
class _Group:
    scored: Counter
    points: Counter
    count: int = 0
    total: float = 0.0

    @property
    def mean(self) -> float:
        return self.total / self.count


@dataclass(slots=True)
class _Series:
    """The children of one measure, looked up once each."""

    score: Histogram
    offered: Counter
    given: Counter
    cells: dict[tuple[str, str], _Cell] = field(default_factory=dict)
    groups: dict[str, _Group] = field(default_factory=dict)


class Exporter:
    """Turns scores into series in `registry`; one exporter a registry."""

    def __init__(
        self,
        registry: CollectorRegistry,
        measures: Sequence[Measure],
        version: str,
        names: Names | None = None,
    ) -> None:
        self._register_scores(registry)
        self._register_health(registry)
        self._register_coverage(registry)
        self._register_errors(registry)
        Gauge("crossrisk_build_info", "Version of the product.", ["version"], registry=registry).labels(
            version
        ).set(1)
        self._series = {measure.name: self._prepare(measure) for measure in measures}
        self._names = names or Names()
        registry.register(_Gaps({measure: self._series[measure.name] for measure in measures}))

    def _register_scores(self, registry: CollectorRegistry) -> None:
        measure = ("risk", "measure")
        cell, group = (*measure, "defense", "arm"), (*measure, "group")
        self._scored = Counter(
            "crossrisk_risk_scored", "Exchanges a measure applied to.", cell, registry=registry
        )
        self._violations = Counter(
            "crossrisk_risk_violations",
            "Scored exchanges at or above the threshold.",
            cell,
            registry=registry,
        )
        self._scores = Histogram(
            "crossrisk_risk_score", "Scores of live exchanges, 1 worst.", measure,
            buckets=_SCORE_BUCKETS, registry=registry,
        )  # fmt: skip
        self._group_scored = Counter(
            "crossrisk_group_scored", "Live exchanges scored, by group mentioned.", group, registry=registry
        )
        self._group_points = Counter(
            "crossrisk_group_score_sum", "Sum of those scores, by group mentioned.", group, registry=registry
        )

    def _register_health(self, registry: CollectorRegistry) -> None:
        monitor = ("monitor",)
        self._records = Counter("crossrisk_records", "Records received.", ["outcome"], registry=registry)
        self._lag = Histogram(
            "crossrisk_tap_lag_seconds", "From the end of an exchange to its scoring.",
            buckets=_LAG_BUCKETS, registry=registry,
        )  # fmt: skip
        self._errors = Counter(
            "crossrisk_monitor_errors",
            "Scores lost: the monitor failed or left [0, 1].",
            monitor,
            registry=registry,
        )
        self._updated = Gauge(
            "crossrisk_monitor_last_update_timestamp_seconds", "When a monitor last judged a record.",
            monitor, registry=registry,
        )  # fmt: skip
        self._seconds = Histogram(
            "crossrisk_monitor_seconds", "Time a monitor took for one record.", monitor,
            buckets=_TIME_BUCKETS, registry=registry,
        )  # fmt: skip

    def _register_coverage(self, registry: CollectorRegistry) -> None:
        monitor = ("monitor",)
        self._rates = Gauge(
            "crossrisk_monitor_sampling_ratio", "Share of exchanges that is put to a monitor.",
            monitor, registry=registry,
        )  # fmt: skip
        self._offered = Counter(
            "crossrisk_monitor_offered", "Records put to a monitor.", monitor, registry=registry
        )
        self._given = Counter(
            "crossrisk_monitor_scored", "Records a monitor gave a score for.", monitor, registry=registry
        )

    def _register_errors(self, registry: CollectorRegistry) -> None:
        labels = ("risk", "measure", "arm")
        self._judge = {
            name: (
                Gauge(f"crossrisk_judge_{name}_ratio", what, labels, registry=registry),
                Gauge(
                    f"crossrisk_judge_{name}_ratio_bound", "Its 95 % bounds.", (*labels, "bound"),
                    registry=registry,
                ),
            )
            for name, what in (
                ("sensitivity", "Share of labelled violations that the measure finds."),
                ("specificity", "Share of other labelled exchanges that it passes."),
            )
        }  # fmt: skip

    def judge(
        self, measure: Measure, arm: str, sensitivity: Interval | None, specificity: Interval | None
    ) -> None:
        """Tell how often labels say that a measure is right; what is not known is not exported."""
        labels = (measure.risk, measure.name, arm)
        for name, found in (("sensitivity", sensitivity), ("specificity", specificity)):
            if found is not None:
                value, bounds = self._judge[name]
                value.labels(*labels).set(found.value)
                bounds.labels(*labels, "lower").set(found.lower)
                bounds.labels(*labels, "upper").set(found.upper)

    def _prepare(self, measure: Measure) -> _Series:
        self._errors.labels(measure.name)
        self._rates.labels(measure.name).set(measure.rate)
        return _Series(
            self._scores.labels(measure.risk, measure.name),
            self._offered.labels(measure.name),
            self._given.labels(measure.name),
        )

    def received(self, record: record_pb2.Record) -> None:
        """Count the record and how long it travelled; clocks that disagree count as no lag."""
        self._records.labels(OUTCOMES.get(record.outcome, "unspecified")).inc()
        if record.HasField("finished"):
            finished = record.finished.seconds + record.finished.nanos / 1e9
            self._lag.observe(max(0.0, time.time() - finished))

    def scored(
        self, measure: Measure, record: record_pb2.Record, groups: frozenset[str], score: float
    ) -> None:
        """Count one score; replays count for their defenses only, never as live traffic."""
        series = self._series[measure.name]
        series.given.inc()
        self._count_defenses(series, measure, record, score >= measure.threshold)
        if record.replay_of:
            return
        series.score.observe(score)
        for name in groups & measure.groups:
            self._count_group(series, measure, name, score)

    def offered(self, measure: Measure) -> None:
        """Count a record that is put to the monitor of `measure`, whatever comes of it."""
        self._series[measure.name].offered.inc()

    def judged(self, measure: Measure, seconds: float) -> None:
        """Note that the monitor of `measure` is alive, whether or not the record applied to it."""
        self._seconds.labels(measure.name).observe(seconds)
        self._updated.labels(measure.name).set_to_current_time()

    def failed(self, measure: Measure) -> None:
        """Count a score that was lost."""
        self._errors.labels(measure.name).inc()

    def _count_defenses(
        self, series: _Series, measure: Measure, record: record_pb2.Record, violation: bool
    ) -> None:
        for defense in record.defenses:
            if defense.mode in (record_pb2.MODE_OFF, record_pb2.MODE_UNSPECIFIED):
                continue
            cell = self._cell(series, measure, self._names.label(defense.defense), arm_of(record, defense))
            cell.scored.inc()
            if violation:
                cell.violations.inc()

    def _cell(self, series: _Series, measure: Measure, defense: str, arm: str) -> _Cell:
        cell = series.cells.get((defense, arm))
        if cell is None:
            labels = (measure.risk, measure.name, defense, arm)
            cell = _Cell(self._scored.labels(*labels), self._violations.labels(*labels))
            series.cells[defense, arm] = cell
        return cell

    def _count_group(self, series: _Series, measure: Measure, name: str, score: float) -> None:
        group = series.groups.get(name)
        if group is None:
            labels = (measure.risk, measure.name, name)
            group = _Group(self._group_scored.labels(*labels), self._group_points.labels(*labels))
            series.groups[name] = group
        group.scored.inc()
        group.points.inc(score)
        group.count += 1
        group.total += score


class _Gaps(Collector):
    """Largest minus smallest mean over groups, worked out when it is asked for."""

    def __init__(self, series: dict[Measure, _Series]) -> None:
        self._series = series

    def collect(self) -> Iterator[GaugeMetricFamily]:
        family = GaugeMetricFamily(
            "crossrisk_group_gap_ratio",
            f"Largest minus smallest mean score over groups with at least {MIN_GROUP_SCORES} scores.",
            labels=["risk", "measure"],
        )
        for measure, series in self._series.items():
            # A copy: the scrape runs on another thread than the scoring.
            means = [group.mean for group in tuple(series.groups.values()) if group.count >= MIN_GROUP_SCORES]
            if len(means) >= 2:
                family.add_metric([measure.risk, measure.name], max(means) - min(means))
        yield family


def arm_of(record: record_pb2.Record, defense: record_pb2.DefenseRecord) -> str:
    """The arm of one defense in one exchange, as it is called in metrics."""
    if record.replay_of:
        return "replay"
    return "treatment" if defense.on else "control"


def is_score(value: object) -> bool:
    """Whether a monitor returned what it promised: a number in [0, 1].

    >>> is_score(0.5), is_score(float("nan")), is_score(2), is_score("0.5")
    (True, False, False, False)
    """
    return isinstance(value, int | float) and math.isfinite(value) and 0 <= value <= 1
