"""Scorer: shows a record to every monitor, and lets none of them stop the others."""

import asyncio
import inspect
import logging
import time
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from types import MappingProxyType
from typing import cast

from gateway.errors import ConfigError
from gateway.v1 import record_pb2
from monitors.exporter import Exporter, is_score
from monitors.keeping import Keeper
from monitors.measure import Answer, Measure, Monitor, Prompt, WaitingMonitor
from monitors.sampling import place
from monitors.view import delivered_view, prompt_view

logger = logging.getLogger(__name__)


WAITING = 256
"""Records one monitor may have in work; while it has, those that come are lost to it, and counted."""
PATIENCE = 60.0
"""Seconds after which a score that has not come is lost."""

AnyMonitor = Monitor | WaitingMonitor
Told = Callable[[record_pb2.Record, Prompt, Mapping[str, float]], object]
"""Hears a record, its prompt, and scores of it by measure."""


@dataclass(frozen=True, slots=True)
class _Seen:
    """A record and its views."""

    record: record_pb2.Record
    prompt: Prompt
    answer: Answer


@dataclass(frozen=True, slots=True)
class _Watch:
    """A monitor, its measure with the rate in force, and what it has in work."""

    monitor: AnyMonitor
    measure: Measure
    waits: bool
    tasks: set[asyncio.Task[None]] = field(default_factory=set)


class Scorer:
    """Scores one record at a time with every monitor; those that wait for a model do so aside.

    rates: by name, the share of exchanges that a measure scores, where it is not the measure's own.
    keeper: is given the record and the scores that came at once. told: hears of every score, those that
    come later by themselves.
    """

    def __init__(
        self,
        monitors: Sequence[AnyMonitor],
        exporter: Exporter,
        patience: float = PATIENCE,
        rates: Mapping[str, float] = MappingProxyType({}),
        keeper: Keeper | None = None,
        told: Told | None = None,
    ) -> None:
        self._exporter = exporter
        self._patience = patience
        self._keeper = keeper
        self._told = told
        watches = [
            _Watch(one, in_force(one.measure, rates), inspect.iscoroutinefunction(one.score))
            for one in monitors
        ]
        self._watches = sorted(watches, key=lambda watch: watch.waits)

    def score(self, record: record_pb2.Record) -> None:
        """Score the record, and begin what takes a while; raises nothing that a monitor raises."""
        self._exporter.received(record)
        seen = _Seen(record, prompt_view(record), delivered_view(record))
        where = place(record)
        scores: dict[str, float] = {}
        for watch in self._watches:
            if where >= watch.measure.rate:
                continue
            self._exporter.offered(watch.measure)
            if watch.waits:
                self._begin(watch, seen)
            elif (score := self._ask(watch, seen)) is not None:
                scores[watch.measure.name] = score
        if self._keeper is not None:
            self._keeper.keep(record, seen.prompt, seen.answer, scores)
        self._tell(seen, scores)

    async def settle(self) -> None:
        """Wait for every score that was begun."""
        while tasks := [task for watch in self._watches for task in watch.tasks]:
            await asyncio.wait(tasks)

    async def aclose(self) -> None:
        """Give up the scores that have not come."""
        for watch in self._watches:
            for task in tuple(watch.tasks):
                task.cancel()
        await self.settle()

    def _begin(self, watch: _Watch, seen: _Seen) -> None:
        if len(watch.tasks) >= WAITING:
            self._exporter.failed(watch.measure)
            return
        task = asyncio.get_running_loop().create_task(self._wait(watch, seen))
        watch.tasks.add(task)
        task.add_done_callback(watch.tasks.discard)

    def _ask(self, watch: _Watch, seen: _Seen) -> float | None:
        started = time.perf_counter()
        try:
            score = cast("Monitor", watch.monitor).score(seen.prompt, seen.answer)
            groups = _groups(watch.measure, seen.prompt, score)
        except Exception as error:  # a monitor is anyone's code
            self._lost(watch.measure, error)
            return None
        return self._count(watch.measure, seen.record, groups, score, started)

    async def _wait(self, watch: _Watch, seen: _Seen) -> None:
        started = time.perf_counter()
        try:
            async with asyncio.timeout(self._patience):
                score = await cast("WaitingMonitor", watch.monitor).score(seen.prompt, seen.answer)
            groups = _groups(watch.measure, seen.prompt, score)
        except Exception as error:  # a monitor is anyone's code
            self._lost(watch.measure, error)
            return
        counted = self._count(watch.measure, seen.record, groups, score, started)
        if counted is not None:
            self._tell(seen, {watch.measure.name: counted})

    def _tell(self, seen: _Seen, scores: Mapping[str, float]) -> None:
        if self._told is None or not scores:
            return
        try:
            self._told(seen.record, seen.prompt, scores)
        except Exception as error:  # what becomes of scores must not cost the next record its own
            logger.error("scores could not be folded: %s", type(error).__name__)

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
    ) -> float | None:
        """Count the score, and return it if it is one."""
        self._exporter.judged(measure, time.perf_counter() - started)
        if score is None:
            return None
        if not is_score(score):
            self._exporter.failed(measure)
            return None
        self._exporter.scored(measure, record, groups, score)
        return score


def at_once(monitors: Sequence[AnyMonitor]) -> list[Monitor]:
    """The monitors that score without waiting for anybody."""
    return [cast("Monitor", one) for one in monitors if not inspect.iscoroutinefunction(one.score)]


def in_force(measure: Measure, rates: Mapping[str, float]) -> Measure:
    """The measure with the rate that the operator chose, if any."""
    return replace(measure, rate=rates.get(measure.name, measure.rate))


def _groups(measure: Measure, prompt: Prompt, score: float | None) -> frozenset[str]:
    return prompt.groups if measure.groups and score is not None else frozenset()


def check_names(monitors: Sequence[AnyMonitor]) -> None:
    """Raise `ConfigError` when two monitors would write the same series."""
    names = Counter(monitor.measure.name for monitor in monitors)
    for name, count in names.items():
        if count > 1:
            raise ConfigError(f"monitors: {count} monitors measure {name!r}; keep one of them")
