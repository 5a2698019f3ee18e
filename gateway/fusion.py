"""Adjacent detectors as one defense: one window a text, and all judge what enters the group."""

import asyncio
from contextlib import aclosing
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from gateway.lane import Lane, Member
from gateway.lanes import AnswerLanes, PromptLanes
from gateway.types import Delta, Deltas, Exchange, Finding, Finish, Upstream

if TYPE_CHECKING:  # a detector is a defense through the group it forms, so the import would be a cycle
    from gateway.detector import Detector, Stand


@dataclass(frozen=True, slots=True)
class Judged:
    """The exchange as it may go on, and what was found in its prompt."""

    exchange: Exchange
    findings: tuple[Finding, ...] = ()
    blocked: bool = False

    def deltas(self) -> list[Delta]:
        """What the verdict adds to the answer."""
        return [*self.findings, Finish("content_filter")] if self.blocked else [*self.findings]


@dataclass(frozen=True, slots=True)
class Fusion:
    """A group of detectors by name, in the order of the configuration.

    All judge the text that enters the group, at the same time; together they hold back the most
    that one of them needs, not the sum. Spans that overlap are one: block beats redact beats flag.
    So fused is not folded: no member sees what another has redacted.
    """

    detectors: "tuple[tuple[str, Detector], ...]"

    async def __call__(self, exchange: Exchange, upstream: Upstream) -> Deltas:
        judged = await self.judge_prompt(exchange, "before")
        for out in judged.deltas():
            yield out
        if judged.blocked:
            return
        leaving = self._leaving(exchange)
        asked = judged.exchange
        if not asked.streamed and any(member.detector.action == "block" for member in leaving):
            asked = replace(asked, streamed=True)  # so that a block stops the model in its course
        async with aclosing(upstream(asked)) as deltas:
            lanes = AnswerLanes(leaving, whole=not asked.streamed)
            if self._any_beside():
                started = await self._beside(exchange, deltas)
                for out in (*started.judged.deltas(), *await lanes.take(started.first)):
                    yield out
                if started.judged.blocked:
                    return
            async for delta in deltas:
                for out in await lanes.take(delta):
                    yield out
                if lanes.blocked:
                    return

    async def judge_prompt(self, exchange: Exchange, stands: "Stand | None" = None) -> Judged:
        """Judge every text of the prompt, by those who stand before or beside the model, or by all."""
        members = [
            Member(name, detector, exchange, "input")
            for name, detector in self.detectors
            if detector.side != "output" and stands in (None, detector.stands)
        ]
        if not members:
            return Judged(exchange)
        lanes = PromptLanes(members)
        messages = [await lanes.judge(number, turn) for number, turn in enumerate(exchange.messages)]
        if lanes.rewritten:
            exchange = replace(exchange, messages=tuple(messages))
        return Judged(exchange, tuple(lanes.findings), lanes.blocked)

    async def judge_answer(self, exchange: Exchange, answer: str) -> list[Finding]:
        """What the group finds in a whole answer; nothing is cut or replaced."""
        members = self._leaving(exchange)
        if not members:
            return []
        lane = Lane(members, "content")
        await lane.push(answer, final=True)
        return lane.take_findings()

    def _leaving(self, exchange: Exchange) -> list[Member]:
        return [
            Member(name, detector, exchange, "output")
            for name, detector in self.detectors
            if detector.side != "input"
        ]

    def _any_beside(self) -> bool:
        return any(
            detector.side != "output" and detector.stands == "beside" for _, detector in self.detectors
        )

    async def _beside(self, exchange: Exchange, deltas: Deltas) -> "_Started":
        """The verdict of those who stand beside the model, and the model's first delta."""
        starting = asyncio.create_task(_next(deltas))
        try:
            await asyncio.sleep(0)  # so that the request is on its way before a check takes the core
            judged = await self.judge_prompt(exchange, "beside")
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


async def _next(deltas: Deltas) -> Delta | None:
    return await anext(deltas, None)
