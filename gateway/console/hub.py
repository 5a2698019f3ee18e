"""One look at gateway and monitors serves all viewers: each gets the newest, and none waits for another."""

import asyncio
import contextlib
import logging
import time
from collections.abc import AsyncGenerator, Callable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path

from gateway.console import gateway_view, matrix_view
from gateway.console.board import Board, Explained, Matrix, Monitors, Source
from gateway.console.markup import Markup, tag
from gateway.console.timeline import Timeline
from gateway.errors import GatewayError, OverloadedError, UpstreamError
from gateway.v1.control_pb2 import GetStatusResponse

log = logging.getLogger(__name__)
LOOK = 2.0
"""Seconds between two looks while somebody watches."""
REST = 30.0
"""Seconds between two looks while nobody does: the timeline goes on."""
SAVED = 60.0
"""Seconds between two times that the timeline is written."""
VIEWERS = 32
"""Viewers at one time in one process; more are turned away."""
ASKED = 2
"""Effects that are being explained at one time."""
TIMELINE = "timeline.msgpack"
"""Name of the file in the run folder."""


@dataclass(frozen=True, slots=True)
class _Part:
    """A part of the page: its markup as an event, and in which look it changed."""

    look: int
    event: bytes


class Hub:
    """Looks, remembers what was seen, and tells viewers what has changed.

    gateway: the state of this process, told at once. source: who is asked for effects. file: where the
    timeline is kept across restarts; None keeps none. process: words that tell this process from others.
    """

    def __init__(
        self,
        gateway: Callable[[], GetStatusResponse],
        source: Source,
        file: Path | None = None,
        process: str = "",
        look: float = LOOK,
    ) -> None:
        self.viewers = 0
        self.timeline = Timeline.load(file) if file is not None else Timeline()
        self._gateway = gateway
        self._source = source
        self._file = file
        self._process = process
        self._look = look
        self._looks = 0
        self._parts: dict[str, _Part] = {}
        self._began = time.time()
        self._monitors = Monitors()
        self._changed = asyncio.Event()
        self._watched = asyncio.Event()
        self._closed = False
        self._saved = self._began
        self._asking = asyncio.Semaphore(ASKED)
        self._pending: asyncio.Task[None] | None = None
        self._explained: dict[str, tuple[int, asyncio.Task[Explained]]] = {}

    async def run(self) -> None:
        """Look for ever; what goes wrong is logged and tried again."""
        try:
            while True:
                try:
                    await self.look()
                except Exception as error:
                    log.error("the console could not look: %s", type(error).__name__)
                await self._rest()
        finally:
            if self._pending is not None:
                self._pending.cancel()
            self._save()

    async def look(self) -> None:
        """One look: ask, remember, tell."""
        await self._heard()
        board = self.board()
        self._looks += 1
        for name, markup in page_parts(board, self.timeline).items():
            event = _event(name, markup)
            if name not in self._parts or self._parts[name].event != event:
                self._parts[name] = _Part(self._looks, event)
        self._tell()
        if board.at - self._saved > SAVED:
            self._saved = board.at
            self._save()

    def board(self) -> Board:
        """What is known now."""
        return Board(time.time(), self._began, self._gateway(), self._monitors, self._process)

    async def events(self) -> AsyncGenerator[bytes, None]:
        """Everything, then whatever has changed since the viewer last took something, as server-sent events.

        A viewer that is slow misses looks, never parts. Raises OverloadedError where there are too many.
        """
        if self.viewers >= VIEWERS:
            raise OverloadedError(f"{VIEWERS} viewers watch already; close one")
        self.viewers += 1
        self._watched.set()
        try:
            seen = -1
            while not self._closed:
                changed = self._changed
                events = [part.event for part in self._parts.values() if part.look > seen]
                seen = self._looks
                if events:
                    yield b"".join(events)
                await changed.wait()
        finally:
            self.viewers -= 1

    async def explain(self, key: str) -> Markup:
        """One effect in full. Raises KeyError where there is none, UpstreamError where nobody answers."""
        matrix = self._monitors.matrix
        if matrix is None:
            raise UpstreamError("the monitors have not answered yet")
        effect = next((one for one in matrix.effects if one.key == key), None)
        if effect is None:
            raise KeyError(key)
        told = await self._told(key, effect.defense, effect.measure)
        return matrix_view.explained(told, matrix, self.timeline.points(key))

    def close(self) -> None:
        """Let every viewer go."""
        self._closed = True
        self._tell()

    def _tell(self) -> None:
        self._changed.set()
        self._changed = asyncio.Event()

    async def _heard(self) -> None:
        """Wait for the monitors' answer, but no longer than a look: they have idle priority."""
        if self._pending is None:
            self._pending = asyncio.create_task(self._ask())
        done, _ = await asyncio.wait({self._pending}, timeout=self._look)
        if done:
            answered, self._pending = self._pending, None
            answered.result()

    async def _ask(self) -> None:
        try:
            matrix = await self._source.matrix()
        except GatewayError:
            if self._monitors.lost is None:
                self._monitors = replace(self._monitors, lost=time.time())
            if self.timeline.began is not None:  # the lines break, lest a guess be drawn
                self.timeline.add(time.time(), {})
        else:
            self._monitors = Monitors(matrix, time.time())
            series = series_of(matrix)
            if series or self.timeline.began is not None:  # until something is known there is nothing to keep
                self.timeline.add(time.time(), series)

    async def _rest(self) -> None:
        if self.viewers:
            await asyncio.sleep(self._look)
            return
        self._watched.clear()
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(REST):
                await self._watched.wait()

    async def _told(self, key: str, defense: str, measure: str) -> Explained:
        """Asked once a look, however many viewers ask."""
        look, task = self._explained.get(key, (-1, None))
        if task is None or look != self._looks:
            self._explained = {one: kept for one, kept in self._explained.items() if kept[0] == self._looks}
            task = asyncio.create_task(self._ask_for(defense, measure))
            # Where every viewer has left, nobody else takes note of what went wrong.
            task.add_done_callback(lambda done: done.cancelled() or done.exception())
            self._explained[key] = self._looks, task
        return await asyncio.shield(task)

    async def _ask_for(self, defense: str, measure: str) -> Explained:
        async with self._asking:
            return await self._source.explain(defense, measure)

    def _save(self) -> None:
        if self._file is None or self.timeline.began is None:
            return
        try:
            self.timeline.save(self._file)
        except OSError as error:
            log.warning("the console's timeline is not kept: %s", error.strerror)


def series_of(matrix: Matrix) -> Mapping[str, tuple[float, float, float]]:
    """What the timeline keeps of a matrix: each ratio with its interval, and where detectors stand."""
    ratios = {
        effect.key: (effect.ratio.estimate, effect.ratio.lower, effect.ratio.upper)
        for effect in matrix.effects
        if effect.known and effect.ratio.estimate is not None
    }
    return {**ratios, **gateway_view.series_of(matrix.detectors)}


def page_parts(board: Board, timeline: Timeline) -> dict[str, Markup]:
    """The parts of the page, by the id of the element that holds each."""
    return {
        "verdict": tag("span", matrix_view.verdict(board.monitors.matrix)),
        "effects": matrix_view.effects(board),
        "drift": gateway_view.drift(board, timeline),
        "arms": gateway_view.arms(board),
        "health": gateway_view.health(board),
        "blocked": gateway_view.blocked(board),
    }


def _event(name: str, markup: Markup) -> bytes:
    # A line break would end the data of an event.
    data = " ".join(markup.splitlines())
    return f"event: {name}\ndata: {data}\n\n".encode()
