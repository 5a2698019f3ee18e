"""Scorer: shows a record to every monitor, and lets none of them stop the others."""

import asyncio
import inspect
import logging
import time
from collections import Counter
from collections.abc import Sequence
from typing import cast

from gateway.errors import ConfigError
from gateway.v1 import record_pb2
from monitors.exporter import Exporter, is_score
from monitors.measure import Answer, Measure, Monitor, Prompt, WaitingMonitor
from monitors.view import delivered_view, prompt_view

logger = logging.getLogger(__name__)


WAITING = 256
"""Records one monitor may have in work; while it has, those that come are lost to it, and counted."""
PATIENCE = 60.0
"""Seconds after which a score that has not come is lost."""

AnyMonitor = Monitor | WaitingMonitor


class Scorer:
    """Scores one record at a time with every monitor; those that wait for a model do so aside."""

    def __init__(
        self, monitors: Sequence[AnyMonitor], exporter: Exporter, patience: float = PATIENCE
    ) -> None:
        self._monitors: list[Monitor] = []
        self._waiting: list[tuple[WaitingMonitor, set[asyncio.Task[None]]]] = []
        self._exporter = exporter
        self._patience = patience
        for monitor in monitors:
            if inspect.iscoroutinefunction(monitor.score):
                self._waiting.append((cast("WaitingMonitor", monitor), set()))
            else:
                self._monitors.append(cast("Monitor", monitor))

    def score(self, record: record_pb2.Record) -> None:
        """Score the record, and begin what takes a while; raises nothing that a monitor raises."""
        self._exporter.received(record)
        prompt, answer = prompt_view(record), delivered_view(record)
        for monitor in self._monitors:
            self._ask(monitor, record, prompt, answer)
        for waiting, tasks in self._waiting:
            if len(tasks) >= WAITING:
                self._exporter.failed(waiting.measure)
                continue
            task = asyncio.get_running_loop().create_task(self._wait(waiting, record, prompt, answer))
            tasks.add(task)
            task.add_done_callback(tasks.discard)

    async def settle(self) -> None:
        """Wait for every score that was begun."""
        while tasks := [task for _, tasks in self._waiting for task in tasks]:
            await asyncio.wait(tasks)

    async def aclose(self) -> None:
        """Give up the scores that have not come."""
        for _, tasks in self._waiting:
            for task in tuple(tasks):
                task.cancel()
        await self.settle()

    def _ask(self, monitor: Monitor, record: record_pb2.Record, prompt: Prompt, answer: Answer) -> None:
        started = time.perf_counter()
        try:
            score = monitor.score(prompt, answer)
            groups = _groups(monitor.measure, prompt, score)
        except Exception as error:  # a monitor is anyone's code
            self._lost(monitor.measure, error)
            return
        self._count(monitor.measure, record, groups, score, started)

    async def _wait(
        self, monitor: WaitingMonitor, record: record_pb2.Record, prompt: Prompt, answer: Answer
    ) -> None:
        started = time.perf_counter()
        try:
            async with asyncio.timeout(self._patience):
                score = await monitor.score(prompt, answer)
            groups = _groups(monitor.measure, prompt, score)
        except Exception as error:  # a monitor is anyone's code
            self._lost(monitor.measure, error)
            return
        self._count(monitor.measure, record, groups, score, started)

    def _lost(self, measure: Measure, error: Exception) -> None:
        # The error's text may quote the exchange, so only its kind is told.
        logger.warning("monitor %s failed: %s", measure.name, type(error).__name__)
        self._exporter.failed(measure)

    def _count(
        self,
        measure: Measure,
        record: record_pb2.Record,
        groups: frozenset[str],
        score: float | None,
        started: float,
    ) -> None:
        self._exporter.judged(measure, time.perf_counter() - started)
        if score is None:
            return
        if is_score(score):
            self._exporter.scored(measure, record, groups, score)
        else:
            self._exporter.failed(measure)


def _groups(measure: Measure, prompt: Prompt, score: float | None) -> frozenset[str]:
    return prompt.groups if measure.groups and score is not None else frozenset()


def check_names(monitors: Sequence[AnyMonitor]) -> None:
    """Raise `ConfigError` when two monitors would write the same series."""
    names = Counter(monitor.measure.name for monitor in monitors)
    for name, count in names.items():
        if count > 1:
            raise ConfigError(f"monitors: {count} monitors measure {name!r}; keep one of them")
