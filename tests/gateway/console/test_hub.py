"""The hub: one look for all, nothing for whoever has left, and a timeline that stays bounded."""

import asyncio
import itertools
import math
from collections.abc import AsyncIterator
from contextlib import aclosing, asynccontextmanager, suppress
from dataclasses import replace
from pathlib import Path

import pytest

from gateway.commands.console import explained_of, matrix_of
from gateway.console import hub as hubs
from gateway.console.board import Explained, Matrix
from gateway.console.hub import Hub
from gateway.console.timeline import POINTS, SPAN, Timeline
from gateway.errors import OverloadedError, UpstreamError
from gateway.servers.token import Token
from gateway.v1.control_pb2 import GetStatusResponse
from monitors.effects_server import EffectsServicer
from tests.watched import Told


class Monitors:
    """Evidence that answers at once, and counts how often it was asked."""

    def __init__(self) -> None:
        self.told = Told()
        self.told.fold(400)
        self.looks = self.asked = 0
        self.away = False
        self._servicer = EffectsServicer(self.told.evidence, Token(""))

    async def matrix(self) -> Matrix:
        self.looks += 1
        if self.away:
            raise UpstreamError("away")
        return matrix_of(self._servicer._matrix())

    async def explain(self, defense: str, measure: str) -> Explained:
        self.asked += 1
        await asyncio.sleep(0.01)
        return explained_of(self._servicer._explained(defense, measure))


@pytest.fixture(scope="module")
def monitors() -> Monitors:
    return Monitors()


@pytest.fixture
def hub(monitors: Monitors) -> Hub:
    monitors.looks = monitors.asked = 0
    monitors.away = False
    return Hub(GetStatusResponse, monitors, look=0.05)


@asynccontextmanager
async def looking(hub: Hub) -> AsyncIterator[None]:
    task = asyncio.create_task(hub.run())
    try:
        yield
    finally:
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task


async def test_one_look_serves_all_viewers(monitors: Monitors) -> None:
    monitors.looks, monitors.away = 0, False
    hub = Hub(GetStatusResponse, monitors, look=30)  # we say when it looks
    viewers = [hub.events() for _ in range(20)]
    await hub.look()
    firsts = await asyncio.gather(*map(anext, viewers))
    waiting = [asyncio.ensure_future(anext(viewer)) for viewer in viewers]
    await asyncio.sleep(1.1)  # the age of what is known is told in seconds
    await hub.look()
    seconds = await asyncio.gather(*waiting)
    assert hub.viewers == 20
    assert len(set(firsts)) == len(set(seconds)) == 1
    assert b"event: effects" in firsts[0]
    assert b"event: health" in seconds[0]
    assert monitors.looks == 2
    for viewer in viewers:
        await viewer.aclose()
    assert hub.viewers == 0


async def test_nothing_is_told_again_that_did_not_change(hub: Hub) -> None:
    async with looking(hub), aclosing(hub.events()) as events:
        await anext(events)
        later = await anext(events)
    assert b"event: effects" not in later


async def test_who_is_slow_gets_the_newest_and_holds_nobody_up(hub: Hub, monitors: Monitors) -> None:
    async with looking(hub), aclosing(hub.events()) as slow, aclosing(hub.events()) as quick:
        await anext(slow)
        await anext(quick)
        for _ in range(6):
            await asyncio.wait_for(anext(quick), 5)
        monitors.told.fold(50)
        while b"event: effects" not in await asyncio.wait_for(anext(quick), 5):
            pass
        late = await asyncio.wait_for(anext(slow), 5)
    assert late.count(b"event: health") == 1, "what it missed is not queued"
    assert b"event: effects" in late


async def test_viewers_are_bounded(hub: Hub) -> None:
    async with looking(hub):
        viewers = [hub.events() for _ in range(hubs.VIEWERS)]
        await asyncio.gather(*map(anext, viewers))
        with pytest.raises(OverloadedError):
            await anext(hub.events())
        await viewers.pop().aclose()
        async with aclosing(hub.events()) as welcome:
            assert await anext(welcome)
        for viewer in viewers:
            await viewer.aclose()


async def test_closing_ends_every_stream(hub: Hub) -> None:
    async with looking(hub):
        viewer = hub.events()
        await anext(viewer)
        hub.close()
        async with asyncio.timeout(5):
            async for _ in viewer:
                pass
    assert hub.viewers == 0


async def test_while_nobody_watches_there_is_rest(hub: Hub, monitors: Monitors) -> None:
    async with looking(hub):
        await asyncio.sleep(0.4)
        assert monitors.looks == 1
        async with aclosing(hub.events()) as events:
            await anext(events)
            await anext(events)
        assert monitors.looks >= 2


async def test_an_effect_is_asked_for_once_a_look(hub: Hub, monitors: Monitors) -> None:
    await hub.look()
    told = await asyncio.gather(*(hub.explain("prompt_filter/over_refusal") for _ in range(10)))
    assert monitors.asked == 1
    assert "What would settle it" in told[0]
    with pytest.raises(KeyError):
        await hub.explain("prompt_filter/nothing")
    assert monitors.asked == 1, "only of what is known the monitors are asked"


async def test_silence_is_told_with_its_beginning_and_breaks_the_line(hub: Hub, monitors: Monitors) -> None:
    await hub.look()
    monitors.away = True
    await hub.look()
    lost = hub.board().monitors.lost
    await hub.look()
    board = hub.board()
    assert lost is not None
    assert board.monitors.lost == lost
    assert board.monitors.matrix is not None, "what was known is still shown"
    assert math.isnan(hub.timeline.points("prompt_filter/over_refusal")[-1].values[0])
    assert "no answer since" in hubs.page_parts(board, hub.timeline)["health"]
    monitors.away = False
    await hub.look()
    assert hub.board().monitors.lost is None


async def test_the_timeline_survives_a_restart(monitors: Monitors, tmp_path: Path) -> None:
    file = tmp_path / "timeline"
    first = Hub(GetStatusResponse, monitors, file)
    async with looking(first):
        async with aclosing(first.events()) as events:
            await anext(events)
    again = Hub(GetStatusResponse, monitors, file)
    key = "prompt_filter/over_refusal"
    assert again.timeline.points(key) == first.timeline.points(key) != []
    assert file.stat().st_mode & 0o777 == 0o600
    file.write_bytes(b"\x93 no timeline")
    assert Hub(GetStatusResponse, monitors, file).timeline.began is None


def test_a_timeline_covers_the_last_day_evenly_and_is_bounded() -> None:
    timeline = Timeline()
    for step in range(40_000):
        timeline.add(step * 4.0, {"a/b": (step, 0.0, 1.0)})
    points = timeline.points("a/b")
    gaps = [later.at - earlier.at for earlier, later in itertools.pairwise(points)]
    assert POINTS / 4 < len(points) <= POINTS
    assert points[-1].at - points[0].at <= SPAN
    assert points[-1].at == 39_999 * 4.0
    assert max(gaps) < SPAN / 50


def test_a_series_that_begins_late_or_ends_has_gaps() -> None:
    timeline = Timeline()
    timeline.add(0.0, {"a": (1, 1, 1)})
    timeline.add(10.0, {"a": (1, 1, 1), "b": (2, 2, 2)})
    timeline.add(20.0, {"b": (3, 3, 3)})
    assert [math.isnan(point.values[0]) for point in timeline.points("b")] == [True, False, False]
    assert [math.isnan(point.values[0]) for point in timeline.points("a")] == [False, False, True]
    assert [point.at for point in timeline.points("b", 15.0)] == [20.0]


async def test_names_are_escaped(hub: Hub, monitors: Monitors) -> None:
    await hub.look()
    board = hub.board()
    assert board.monitors.matrix is not None
    evil = [replace(one, measure="<img src=x onerror=alert(1)>") for one in board.monitors.matrix.effects]
    told = replace(board.monitors, matrix=replace(board.monitors.matrix, effects=tuple(evil)))
    markup = hubs.page_parts(replace(board, monitors=told), Timeline())["effects"]
    assert "<img" not in markup
    assert "&lt;img" in markup
