"""The canaries as Prometheus series."""

from collections.abc import Iterator

from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from monitors.canary.controller import Controller
from monitors.canary.state import STAGES


class CanaryCollector(Collector):
    """Labels are names of configured defenses and the closed sets of stages, decisions and reasons."""

    def __init__(self, controller: Controller) -> None:
        self._controller = controller

    def collect(self) -> Iterator[Metric]:
        controller = self._controller
        stages = GaugeMetricFamily(
            "crossrisk_canary_state", "1 for the stage that a canary is in.", labels=["defense", "state"]
        )
        held = GaugeMetricFamily(
            "crossrisk_canary_held", "1 while something keeps a canary from going on.", labels=["defense"]
        )
        since = GaugeMetricFamily(
            "crossrisk_canary_since_timestamp_seconds", "When its stage began.", labels=["defense"]
        )
        decisions = CounterMetricFamily(
            "crossrisk_canary_decisions",
            "Transitions since this process began.",
            labels=["defense", "decision", "reason"],
        )
        leading = GaugeMetricFamily(
            "crossrisk_canary_leading", "1 where this process is the one that decides."
        )
        leading.add_metric([], controller.leading)
        for defense, run in tuple(controller.courses.items()):
            for stage in STAGES:
                stages.add_metric([defense, stage], run.state.stage == stage)
            held.add_metric([defense], bool(run.state.held) or run.state.paused)
            since.add_metric([defense], run.state.since)
        for labels, count in tuple(controller.counted.items()):
            decisions.add_metric(list(labels), count)
        yield from (stages, held, since, decisions, leading)
