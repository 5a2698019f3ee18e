"""Scorer: shows a record to every monitor, and lets none of them stop the others."""

import logging
import time
from collections import Counter
from collections.abc import Sequence

from gateway.errors import ConfigError
from gateway.v1 import record_pb2
from monitors.exporter import Exporter, is_score
from monitors.measure import Answer, Monitor, Prompt
from monitors.view import delivered_view, prompt_view

logger = logging.getLogger(__name__)


class Scorer:
    """Scores one record at a time with every monitor."""

    def __init__(self, monitors: Sequence[Monitor], exporter: Exporter) -> None:
        self._monitors = tuple(monitors)
        self._exporter = exporter

    def score(self, record: record_pb2.Record) -> None:
        """Score the record; raises nothing that a monitor raises."""
        self._exporter.received(record)
        prompt, answer = prompt_view(record), delivered_view(record)
        for monitor in self._monitors:
            self._ask(monitor, record, prompt, answer)

    def _ask(self, monitor: Monitor, record: record_pb2.Record, prompt: Prompt, answer: Answer) -> None:
        measure = monitor.measure
        started = time.perf_counter()
        try:
            score = monitor.score(prompt, answer)
            groups = prompt.groups if measure.groups and score is not None else frozenset()
        except Exception as error:  # a monitor is anyone's code
            # The error's text may quote the exchange, so only its kind is told.
            logger.warning("monitor %s failed: %s", measure.name, type(error).__name__)
            self._exporter.failed(measure)
            return
        self._exporter.judged(measure, time.perf_counter() - started)
        if score is None:
            return
        if is_score(score):
            self._exporter.scored(measure, record, groups, score)
        else:
            self._exporter.failed(measure)


def check_names(monitors: Sequence[Monitor]) -> None:
    """Raise `ConfigError` when two monitors would write the same series."""
    names = Counter(monitor.measure.name for monitor in monitors)
    for name, count in names.items():
        if count > 1:
            raise ConfigError(f"monitors: {count} monitors measure {name!r}; keep one of them")
