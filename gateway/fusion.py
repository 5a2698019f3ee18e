"""Adjacent detectors as one defense: one window a text, and all judge what enters the group."""

import asyncio
from collections.abc import Iterable
from contextlib import aclosing
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from gateway.lanes import AnswerLanes, PromptLanes
from gateway.panel import Panel
from gateway.types import Delta, Deltas, Exchange, Finding, Finish, Upstream

if TYPE_CHECKING:  # a detector is a defense through the group it forms, so the import would be a cycle
    from gateway.detector import Detector


@dataclass(frozen=True, slots=True)
class Judged:
    """The exchange as it may go on, and what was found in its prompt."""

    exchange: Exchange
    findings: tuple[Finding, ...] = ()
    blocked: bool = False

    def deltas(self) -> list[Delta]:
        """What the verdict adds to the answer."""
        return [*self.findings, Finish("content_filter")] if self.blocked else [*self.findings]


class Fusion:
    """A group of detectors by name, in the order of the configuration.

    All judge the text that enters the group, at the same time; together they hold back the most
    that one of them needs, not the sum. Spans that overlap are one: block beats redact beats flag.
    So fused is not folded: no member sees what another has redacted.
    """

    __slots__ = ("_answer", "_before", "_beside", "detectors")

    def __init__(self, detectors: "Iterable[tuple[str, Detector]]") -> None:
        self.detectors = tuple(detectors)
        entering = [entry for entry in self.detectors if entry[1].side != "output"]
        self._before = Panel((entry for entry in entering if entry[1].stands == "before"), "input")
        self._beside = Panel((entry for entry in entering if entry[1].stands == "beside"), "input")
        self._answer = Panel((entry for entry in self.detectors if entry[1].side != "input"), "output")

    async def __call__(self, exchange: Exchange, upstream: Upstream) -> Deltas:
        judged = await _judge(self._before, exchange)
        for out in judged.deltas():
            yield out
        if judged.blocked:
            return
        asked = judged.exchange
        if self._answer.blocks and not asked.streamed:
            asked = replace(asked, streamed=True)  # so that a block stops the model in its course
        async with aclosing(upstream(asked)) as deltas:
            lanes = AnswerLanes(self._answer, exchange, whole=not asked.streamed)
            try:
                if self._beside:
                    started = await self._start_beside(exchange, deltas)
                    for out in (*started.judged.deltas(), *await lanes.take(started.first)):
                        yield out
                    if started.judged.blocked or lanes.blocked:
                        return
                async for delta in deltas:
                    glanced = lanes.glance(delta)
                    for out in await lanes.take(delta) if glanced is None else glanced:
                        yield out
                    if lanes.blocked:
                        return
            finally:
                await lanes.close()

    async def _start_beside(self, exchange: Exchange, deltas: Deltas) -> "_Started":
        """The verdict of those who stand beside the model, and the model's first delta."""
        starting = asyncio.create_task(_next(deltas))
        try:
            await asyncio.sleep(0)  # so that the request is on its way before a check takes the core
            judged = await _judge(self._beside, exchange)
            return _Started(judged, None if judged.blocked else await starting)
        finally:
            starting.cancel()
            await asyncio.wait({starting})
            if not starting.cancelled():
                starting.exception()  # nobody asks how the model of a blocked prompt would have failed


@dataclass(frozen=True, slots=True)
class _Started:
    judged: Judged
    first: Delta | None


async def _judge(panel: Panel, exchange: Exchange) -> Judged:
    """Every text of the prompt, judged by `panel`."""
    if not panel:
        return Judged(exchange)
    lanes = PromptLanes(panel, exchange)
    messages = [await lanes.judge(number, turn) for number, turn in enumerate(exchange.messages)]
    if lanes.rewritten:
        exchange = replace(exchange, messages=tuple(messages))
    return Judged(exchange, tuple(lanes.findings), lanes.blocked)


async def _next(deltas: Deltas) -> Delta | None:
    return await anext(deltas, None)
