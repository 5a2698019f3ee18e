"""Puts every item before every system, and writes down each score as soon as it is there."""

import asyncio
import fcntl
import json
import logging
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import aclosing, suppress
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, TextIO, cast

from gateway.chain import Layer
from gateway.engine import Engine, Route
from gateway.errors import ConfigError, DefenseError, GatewayError
from gateway.metrics import GatewayMetrics
from gateway.tap import Tap
from gateway.types import Exchange, Message
from gateway.unit import Units
from gateway.v1 import record_pb2
from monitors.crossrisk.task import Item, Task, View
from monitors.measure import Monitor

log = logging.getLogger(__name__)
UNDEFENDED = "none"


@dataclass(frozen=True, slots=True)
class System:
    """An upstream and a chain: a row of the matrix."""

    name: str
    layers: tuple[Layer, ...]


@dataclass(frozen=True, slots=True)
class Result:
    """What one system did with one item; `scores` by measure, 1 worst.

    calls: to the model, over all conversations of the item. blocked: whether one was. Holds no text.
    """

    system: str
    task: str
    item: str
    scores: Mapping[str, float] = field(default_factory=dict)
    calls: int = 0
    blocked: bool = False


def systems(layers: Sequence[Layer], together: bool) -> tuple[System, ...]:
    """The undefended model, each defense alone, and, where wished, all of them in their order."""
    alone = [System(layer.name, (layer,)) for layer in layers]
    every = [System("all", tuple(layers))] if together else []
    return (System(UNDEFENDED, ()), *alone, *every)


class Results:
    """The results in one file, a line each, under a head that says how they came about.

    Raises ConfigError where the file belongs to other items, another model or other settings, and where
    another run writes it now.
    """

    def __init__(self, file: Path, head: Mapping[str, Any]) -> None:
        self._file = file
        self._lock = _locked(file.with_suffix(".lock"))
        self._known: dict[tuple[str, str, str], Result] = {}
        try:
            if file.exists():
                self._read(head)
            else:
                file.write_text(json.dumps(head) + "\n")
        except BaseException:
            self.close()
            raise

    def __iter__(self) -> Iterator[Result]:
        return iter(self._known.values())

    def __contains__(self, key: tuple[str, str, str]) -> bool:
        return key in self._known

    def close(self) -> None:
        """Let another run write."""
        self._lock.close()

    def add(self, result: Result) -> None:
        """Write a result down."""
        with self._file.open("a") as file:
            file.write(json.dumps(asdict(result)) + "\n")
        self._known[result.system, result.task, result.item] = result

    def _read(self, head: Mapping[str, Any]) -> None:
        first, *lines = self._file.read_text().splitlines()
        try:
            found = json.loads(first)
            # The last line may be cut: the run that wrote it was stopped.
            results = [Result(**json.loads(line)) for line in lines if line.endswith("}")]
        except (ValueError, TypeError) as error:
            raise ConfigError(
                f"{self._file}: cannot be read: {error}; remove it or choose another folder"
            ) from error
        if found != head:
            named = ", ".join(key for key in head if found.get(key) != head[key])
            raise ConfigError(
                f"{self._file}: begun with other settings ({named}); continue with those, "
                "or choose another folder"
            )
        self._known = {(one.system, one.task, one.item): one for one in results}


def _locked(file: Path) -> TextIO:
    """A file that is locked for as long as it is open, which the system sees to when a run dies."""
    lock = file.open("w")
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as error:
        lock.close()
        raise ConfigError(
            f"{file.parent}: another run writes there; wait for it or choose another"
        ) from error
    return lock


class _Kept:
    """Where the engine puts its records, in place of a tap to another process."""

    connected, offered, dropped = True, 0, 0

    def __init__(self) -> None:
        self.records: dict[str, record_pb2.Record] = {}

    def reserve(self) -> bool:
        return True

    def forfeit(self) -> None:
        """Nobody waits for a place here."""

    def publish(self, record: record_pb2.Record) -> None:
        self.records[record.exchange_id] = record


class Bench:
    """Runs items through systems over the same routes."""

    def __init__(
        self, routes: Sequence[Route], parameters: Mapping[str, Any], monitors: Sequence[Monitor]
    ) -> None:
        self._routes = tuple(routes)
        self._parameters = parameters
        self._monitors = tuple(monitors)

    async def run(
        self,
        system: System,
        work: Iterable[tuple[Task, Item]],
        at_once: int,
        done: Callable[[Result | None], object],
    ) -> None:
        """Every item of `work`, `at_once` at a time; `done` hears of each, with None where it failed."""
        kept = _Kept()
        engine = Engine(
            system.layers, self._routes, Units(("first_turns",), b"matrix"),
            GatewayMetrics(system.layers), cast("Tap", kept), max_exchanges=10_000,
        )  # fmt: skip
        waiting = iter(list(work))

        async def worker() -> None:
            for task, item in waiting:
                done(await self._one(engine, kept, system, task, item))

        async with asyncio.TaskGroup() as group:
            for _ in range(at_once):
                group.create_task(worker())

    async def _one(
        self, engine: Engine, kept: _Kept, system: System, task: Task, item: Item
    ) -> Result | None:
        try:
            records = [await self._asked(engine, kept, messages) for messages in item.prompts]
        except GatewayError as error:
            # The item's name, not its text.
            log.warning("%s, %s: %s", system.name, item.key, error)
            return None
        views = [View.of(record) for record in records]
        score = task.score(item, views)
        scores = dict(self._watched(views[0])) | ({} if score is None else {task.name: score})
        return Result(
            system.name, task.name, item.key, scores,
            sum(len(record.calls) for record in records), any(view.answer.blocked for view in views),
        )  # fmt: skip

    async def _asked(self, engine: Engine, kept: _Kept, messages: tuple[Message, ...]) -> record_pb2.Record:
        exchange = Exchange(model="", messages=messages, parameters=self._parameters, streamed=False)
        # A defense that fails turns the client away, which is an outcome like any other.
        with suppress(DefenseError):
            async with aclosing(engine.serve(exchange, {}, "http")) as deltas:
                async for _ in deltas:
                    pass
        return kept.records.pop(exchange.id)

    def _watched(self, view: View) -> Iterator[tuple[str, float]]:
        """What the live monitors would say of it."""
        for monitor in self._monitors:
            if (score := monitor.score(view.prompt, view.answer)) is not None:
                yield monitor.measure.name, score
