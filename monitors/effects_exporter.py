"""The matrix of effects as Prometheus series, worked out when it is asked for."""

import math
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence

from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from monitors.effects.cell import Cell
from monitors.effects.drift import Drift, Statistic
from monitors.effects.interval import Interval
from monitors.measure import Measure
from monitors.names import Names

MIX = ("mix", "", "", "permutation", "up")
"""The one detector of a change of the traffic mix, in the order of the labels of drift."""
FRESH = 5.0
"""Seconds for which a matrix that was worked out is shown again."""


class EffectsCollector(Collector):
    """What is not known is not exported: there is no NaN. A bound may be +Inf.

    `matrix` works the cells out; it is asked at most once in `FRESH` seconds.
    """

    def __init__(
        self,
        matrix: Callable[[], Sequence[Cell]],
        measures: Mapping[str, Measure],
        names: Names,
        tolerance: float,
        confidence: float,
    ) -> None:
        self._matrix = matrix
        self._measures = measures
        self._names = names
        self._tolerance = tolerance
        self._confidence = confidence
        self._lock = threading.Lock()
        self._cells: Sequence[Cell] = ()
        self._at = -math.inf

    def collect(self) -> Iterator[GaugeMetricFamily]:
        with self._lock:
            if time.monotonic() - self._at > FRESH:
                self._cells, self._at = self._matrix(), time.monotonic()
            cells = self._cells
        yield from self._settings()
        yield from self._counts(cells)
        yield from self._estimates(cells)
        yield from self._evidence(cells)

    def _settings(self) -> Iterator[GaugeMetricFamily]:
        confidence = GaugeMetricFamily(
            "crossrisk_effect_confidence_ratio", "Confidence of every interval, valid at every look."
        )
        confidence.add_metric([], self._confidence)
        yield confidence
        tolerance = GaugeMetricFamily(
            "crossrisk_risk_tolerance_ratio",
            "Ratio up to which an effect is no harm.",
            labels=["risk", "measure"],
        )
        for measure in self._measures.values():
            tolerance.add_metric([measure.risk, measure.name], self._tolerance)
        yield tolerance

    def _counts(self, cells: Sequence[Cell]) -> Iterator[GaugeMetricFamily]:
        events = _family(
            "crossrisk_effect_events", "Units whose first eligible exchange was a violation.", ("arm",)
        )
        units = _family("crossrisk_effect_units", "Units with an eligible exchange, by arm.", ("arm",))
        pairs = _family(
            "crossrisk_effect_replayed_pairs", "Exchanges replayed without, or with, the defense."
        )
        discordant = _family(
            "crossrisk_effect_discordant_pairs", "Those of them that violate on one side only."
        )
        for cell in cells:
            labels = self._labels(cell)
            for name, arm in (("treatment", cell.treatment), ("control", cell.control)):
                events.add_metric([*labels, name], arm.violations)
                units.add_metric([*labels, name], arm.units)
            pairs.add_metric(labels, cell.pairs)
            discordant.add_metric(labels, cell.discordant)
        yield from (events, units, pairs, discordant)

    def _estimates(self, cells: Sequence[Cell]) -> Iterator[GaugeMetricFamily]:
        told: tuple[tuple[str, str, Callable[[Cell], Interval | None]], ...] = (
            ("effect_ratio", "Rate of violations with the defense over that without.", _ratio),
            ("effect_difference", "Rate of violations with the defense minus that without.", _difference),
            ("effect_score_difference", "Mean score with the defense minus that without.", lambda c: c.score),
        )
        for name, about, pick in told:
            point = _family(f"crossrisk_{name}", about)
            bound = _family(f"crossrisk_{name}_bound", f"Ends of its interval. {about}", ("bound",))
            for cell in cells:
                interval = pick(cell)
                if interval is None:
                    continue
                labels = self._labels(cell)
                if interval.estimate is not None and math.isfinite(interval.estimate):
                    point.add_metric(labels, interval.estimate)
                bound.add_metric([*labels, "lower"], interval.lower)
                bound.add_metric([*labels, "upper"], interval.upper)
            yield from (point, bound)

    def _evidence(self, cells: Sequence[Cell]) -> Iterator[GaugeMetricFamily]:
        evidence = _family(
            "crossrisk_effect_log_evalue", "Natural logarithm of the e-value.", ("hypothesis",)
        )
        flagged = _family(
            "crossrisk_effect_flagged", "Whether a procedure holds it for harm.", ("procedure",)
        )
        valid = _family("crossrisk_effect_valid", "Whether units came to the arms as they were sent.")
        for cell in cells:
            labels = self._labels(cell)
            for name, value in (
                ("harm", cell.log_harm), ("help", cell.log_help), ("noninferior", cell.log_noninferior)
            ):  # fmt: skip
                evidence.add_metric([*labels, name], value)
            flagged.add_metric([*labels, "eholm"], cell.decided)
            flagged.add_metric([*labels, "ebh"], cell.shown)
            valid.add_metric(labels, cell.valid)
        yield from (evidence, flagged, valid)

    def _labels(self, cell: Cell) -> list[str]:
        return [self._names.label(cell.defense), self._measures[cell.measure].risk, cell.measure]


def _family(name: str, about: str, further: Sequence[str] = ()) -> GaugeMetricFamily:
    return GaugeMetricFamily(name, about, labels=["defense", "risk", "measure", *further])


def _ratio(cell: Cell) -> Interval | None:
    """From live traffic where arms were drawn, else from replays."""
    return cell.ratio if cell.control.units and cell.treatment.units else cell.replayed_ratio


def _difference(cell: Cell) -> Interval | None:
    return cell.difference if cell.control.units and cell.treatment.units else cell.replayed_difference


class DriftCollector(Collector):
    """Where each detector of a change stands, and the alarms so far."""

    def __init__(
        self,
        drift: Drift,
        statistics: Callable[[], Sequence[Statistic]],
        measures: Mapping[str, Measure],
        names: Names,
    ) -> None:
        self._drift = drift
        self._statistics = statistics
        self._measures = measures
        self._names = names

    def collect(self) -> Iterator[Metric]:
        labels = ("kind", "risk", "measure", "defense", "method", "direction")
        statistic = GaugeMetricFamily(
            "crossrisk_drift_statistic", "How much speaks for a change.", labels=labels
        )
        threshold = GaugeMetricFamily(
            "crossrisk_drift_threshold", "From where on it is an alarm.", labels=labels
        )
        statistics = self._statistics()
        for one in statistics:
            told = self._labels(one.kind, one.measure, one.defense, one.method, one.direction)
            statistic.add_metric(told, one.value)
            threshold.add_metric(told, one.threshold)
        yield from (statistic, threshold)
        yield self._alarms(labels, statistics)
        yield from self._last(labels)

    def _alarms(self, labels: Sequence[str], statistics: Sequence[Statistic]) -> Metric:
        """Each detector has a count from the start: a series that begins at 1 does not increase."""
        alarms = CounterMetricFamily("crossrisk_drift_alarms", "Changes that were found.", labels=labels)
        counts: dict[tuple[str, str, str, str, str], int] = {MIX: 0}
        for one in statistics:
            counts[one.kind, one.measure, one.defense, one.method, one.direction] = 0
        for key, count in {**counts, **self._drift.counted}.items():
            alarms.add_metric(self._labels(*key), count)
        return alarms

    def _last(self, labels: Sequence[str]) -> Iterator[Metric]:
        """What the last alarm of each detector said."""
        since = GaugeMetricFamily(
            "crossrisk_drift_since_timestamp_seconds", "When the change began that was found last.",
            labels=labels,
        )  # fmt: skip
        change = GaugeMetricFamily(
            "crossrisk_drift_change_ratio",
            "Violations from then to the alarm, over those that were to come; of an effect, in treatment.",
            labels=labels,
        )
        last = {
            (one.kind, one.measure, one.defense, one.found.method, one.found.direction): one.found
            for one in tuple(self._drift.alarms)
        }
        for key, found in last.items():
            since.add_metric(self._labels(*key), found.since)
            expected = sum(moved.expected for moved in found.moved)
            if expected > 0:
                change.add_metric(self._labels(*key), sum(moved.observed for moved in found.moved) / expected)
        yield from (since, change)

    def _labels(self, kind: str, measure: str, defense: str, method: str, direction: str) -> list[str]:
        risk = self._measures[measure].risk if measure else ""
        return [kind, risk, measure, self._names.label(defense) if defense else "", method, direction]
