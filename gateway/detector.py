"""The usual defense: finds spans in a text; the operator chooses what happens to them."""

import asyncio
from abc import ABC, abstractmethod
from collections.abc import AsyncGenerator, Sequence
from contextlib import aclosing
from dataclasses import dataclass, replace
from typing import ClassVar, Literal

from gateway.errors import ConfigError, DefenseError
from gateway.text.rules import RuleSet
from gateway.types import (
    Action,
    Delta,
    Deltas,
    Detection,
    Exchange,
    Finding,
    Finish,
    Message,
    Risk,
    Side,
    Text,
    ToolCallPart,
    Upstream,
)
from gateway.window import Release, Window

# Past this a search runs in a thread, so that one huge text does not stall every other exchange.
_LARGE = 20_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Detector(ABC):
    """A defense by subclassing: write `detect`, and `pending` if a match can span deltas.

    action: what happens to a detected span: `block` ends the exchange, `redact` replaces the span,
        `flag` reports it and changes nothing.
    side: which text is judged: the prompt (`input`), the answer (`output`) or `both`.
    threshold: detections that score lower are ignored; in [0, 1].
    on_error: what happens to text whose check failed or timed out: `block` refuses the exchange,
        `flag` lets it pass with a finding, `allow` lets it pass; each pass is counted.
    timeout: seconds for one call of `detect`; none by default.
    """

    risk: ClassVar[Risk]
    labels: ClassVar[frozenset[str]]
    lookbehind: ClassVar[int] = 0
    """Characters before the text to be judged that `detect` wants to see again as context."""

    action: Action = "block"
    side: Literal["input", "output", "both"] = "both"
    threshold: float = 0.5
    on_error: Literal["block", "flag", "allow"] = "block"
    timeout: float | None = None

    def __post_init__(self) -> None:
        if not 0 <= self.threshold <= 1:
            raise ConfigError(f"threshold: must be in [0, 1], not {self.threshold}")
        if self.timeout is not None and self.timeout <= 0:
            raise ConfigError(f"timeout: must be more than 0 seconds, not {self.timeout}")

    @abstractmethod
    async def detect(self, text: str, exchange: Exchange, start: int = 0) -> Sequence[Detection]:
        """Find spans from code point `start` on; text before `start` is context, already released.

        What is found from `start` on must not depend on where `start` lies, as long as no
        detection spans it and `lookbehind` characters before it are there.
        """

    def pending(self, text: str) -> int:
        """Code points at the end of `text` that later text could still turn into a detection.

        The default needs all of it: right for every detector, and the answer then waits for its end.
        """
        return len(text)

    async def __call__(self, exchange: Exchange, upstream: Upstream) -> Deltas:
        if self.side != "output":
            judged = await _judge_prompt(self, exchange)
            for finding in judged.findings:
                yield finding
            if judged.blocked:
                yield Finish("content_filter")
                return
            exchange = judged.exchange
        async with aclosing(upstream(exchange)) as deltas:
            if self.side == "input":
                async for delta in deltas:
                    yield delta
                return
            async with aclosing(_judge_answer(self, exchange, deltas)) as released:
                async for delta in released:
                    yield delta


@dataclass(frozen=True, slots=True, kw_only=True)
class PatternDetector(Detector):
    """A detector whose eyes are a `RuleSet`; it holds back only what a rule may still need."""

    rules: ClassVar[RuleSet]
    lookbehind: ClassVar[int] = 1

    async def detect(self, text: str, exchange: Exchange, start: int = 0) -> Sequence[Detection]:
        if len(text) - start > _LARGE:
            return await asyncio.to_thread(self.rules.find, text, start)
        return self.rules.find(text, start)

    def pending(self, text: str) -> int:
        return self.rules.pending(text)


@dataclass(frozen=True, slots=True)
class JudgedPrompt:
    """The exchange as it may go on, and what was found in it."""

    exchange: Exchange
    findings: tuple[Finding, ...]
    blocked: bool


async def _judge_prompt(detector: Detector, exchange: Exchange) -> JudgedPrompt:
    findings: list[Finding] = []
    messages: list[Message] = []
    for position, message in enumerate(exchange.messages):
        judge = _Judge(detector, exchange, "input", f"messages[{position}].content")
        release = await judge.push(message.content, final=True)
        findings += judge.take_findings()
        messages.append(
            message if release.text == message.content else replace(message, content=release.text)
        )
    blocked = any(finding.action == "block" for finding in findings)
    if detector.action == "redact":
        exchange = replace(exchange, messages=tuple(messages))
    return JudgedPrompt(exchange, tuple(findings), blocked)


async def judge_text(
    detector: Detector, exchange: Exchange, side: Side, location: str, text: str
) -> list[Finding]:
    """What `detector` finds in a whole text; nothing is cut or replaced."""
    judge = _Judge(detector, exchange, side, location)
    await judge.push(text, final=True)
    return judge.take_findings()


async def _judge_answer(
    detector: Detector, exchange: Exchange, deltas: Deltas
) -> AsyncGenerator[Delta, None]:
    # Each channel and each tool call is a text of its own, so each has its own window.
    judges: dict[str, _Judge] = {}
    async for delta in deltas:
        if isinstance(delta, (Text, ToolCallPart)):
            location = _location(delta)
            judge = judges.get(location)
            if judge is None:
                judge = judges[location] = _Judge(detector, exchange, "output", location, delta)
            for out in await judge.pass_on(delta):
                yield out
            if judge.blocked:
                yield Finish("content_filter")
                return
        elif isinstance(delta, Finish):
            for judge in judges.values():
                for out in await judge.flush():
                    yield out
                if judge.blocked:
                    yield Finish("content_filter")
                    return
            yield delta
        else:
            yield delta


def _location(delta: Text | ToolCallPart) -> str:
    if isinstance(delta, Text):
        return delta.channel
    return f"tool_calls[{delta.index}].arguments"


class _Judge:
    """One text on its way through one detector."""

    def __init__(
        self,
        detector: Detector,
        exchange: Exchange,
        side: Side,
        location: str,
        kind: Text | ToolCallPart | None = None,
    ) -> None:
        self.detector = detector
        self.exchange = exchange
        self.side: Side = side
        self.location = location
        self.kind = kind
        self.blocked = False
        self._window = Window(detector.lookbehind)
        self._findings: list[Finding] = []

    async def push(self, piece: str, final: bool) -> Release:
        """Take in `piece`, give out what is final; raises DefenseError when the check fails closed."""
        self._window.text += piece
        try:
            release = await self._judge(final)
        except Exception as error:
            release = self._let_pass(error)
        footprint = self.exchange.trail.footprint(self.exchange.layer)
        footprint.held_max = max(footprint.held_max, self._window.held)
        for verdict in release.verdicts:
            self._report(verdict.label, verdict.start, verdict.end, verdict.score, self.detector.action)
            if self.blocked:
                break
        return release

    def take_findings(self) -> list[Finding]:
        """What was found since the last call."""
        findings, self._findings = self._findings, []
        return findings

    async def pass_on(self, delta: Text | ToolCallPart) -> list[Delta]:
        """The deltas that may leave after `delta` came in."""
        if isinstance(delta, Text):
            return self._outgoing(await self.push(delta.text, final=False))
        head: list[Delta] = [replace(delta, arguments="")] if delta.id or delta.name else []
        return head + self._outgoing(await self.push(delta.arguments, final=False))

    async def flush(self) -> list[Delta]:
        """The deltas that leave when the text has ended."""
        return self._outgoing(await self.push("", final=True))

    def _outgoing(self, release: Release) -> list[Delta]:
        out: list[Delta] = []
        if release.text and isinstance(self.kind, Text):
            out.append(Text(release.text, self.kind.channel))
        elif release.text and isinstance(self.kind, ToolCallPart):
            out.append(ToolCallPart(self.kind.index, arguments=release.text))
        return out + self.take_findings()

    async def _judge(self, final: bool) -> Release:
        detector, window = self.detector, self._window
        pending = 0 if final else detector.pending(window.text)
        if pending >= window.held:  # nothing could leave, whatever was found
            return Release("")
        found = await self._timed(window.text, window.start)
        sure = [detection for detection in found if detection.score >= detector.threshold]
        return window.release(sure, pending, detector.action)

    def _let_pass(self, error: Exception) -> Release:
        policy, layer = self.detector.on_error, self.exchange.layer
        if policy == "block":
            raise DefenseError(f"defense {layer} failed") from error
        self.exchange.trail.footprint(layer).allowed_on_error += 1
        if policy == "flag":
            self._report("unchecked", 0, 0, 1.0, "flag")
        return self._window.release((), 0, self.detector.action)

    async def _timed(self, text: str, start: int) -> Sequence[Detection]:
        if self.detector.timeout is None:
            return await self.detector.detect(text, self.exchange, start)
        async with asyncio.timeout(self.detector.timeout):
            return await self.detector.detect(text, self.exchange, start)

    def _report(self, label: str, start: int, end: int, score: float, action: Action) -> None:
        self.blocked |= action == "block"
        layer, risk = self.exchange.layer, self.detector.risk
        self._findings.append(
            Finding(layer, risk, label, action, self.side, self.location, start, end, score)
        )
