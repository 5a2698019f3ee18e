"""One detector on one side of one exchange: what it needs, what it sees, and what happens when it fails."""

import asyncio
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from time import perf_counter
from typing import TYPE_CHECKING

from gateway.errors import DefenseError, TextTooLongError
from gateway.text import views
from gateway.trail import Footprint
from gateway.types import Action, Detection, Exchange, Finding, Side

if TYPE_CHECKING:  # a detector is a defense through the group it forms, so the import would be a cycle
    from gateway.detector import Detector


@dataclass(slots=True)
class Member:
    """A detector in one exchange: under which name it looks, and where its cost is noted.

    least: what scores lower is ignored; the detector's threshold unless given.
    """

    name: str
    detector: "Detector"
    exchange: Exchange
    side: Side
    least: float = -1.0
    footprint: Footprint = field(init=False)

    def __post_init__(self) -> None:
        if self.least < 0:
            self.least = self.detector.threshold
        self.footprint = self.exchange.trail.footprint(self.name)
        if not self.detector.inline:  # a copy costs more than a pattern's look, which has no use for it
            self.exchange = replace(self.exchange, layer=self.name)

    def pending(self, text: str, reading: views.Reading, start: int) -> int:
        """Code points at the end of `text` that this detector may still need, in any view of it."""
        detector = self.detector
        most = detector.pending(text, start)
        if detector.normalise and detector.lookahead is None:
            most = max([most, *self._pending_in_views(text, reading, start)])
        self.footprint.held_max = max(self.footprint.held_max, most)
        return most

    def _pending_in_views(self, text: str, reading: views.Reading, start: int) -> Iterator[int]:
        """The same for the folded view, and for what it may become where an escape is not complete."""
        pending = self.detector.pending
        view = next((view for view in reading.views if view.open), None)
        if view is None:
            for joint in reading.joints:
                yield len(text) - joint + pending(text[:joint], start)
            return
        for end in (len(view.text), *map(view.before, reading.joints)):
            index = max(end - pending(view.text[:end], view.start), 0)
            yield len(text) - view.source_start(index)

    def glance(self, text: str, start: int, final: bool) -> int | None:
        """What `pending` says, if the detector is sure that there is nothing before that."""
        began = perf_counter()
        try:
            most = self.detector.glance(text, start, final)
        except Exception:
            return None  # it fails again, and by policy, when it looks
        if most is not None and most > self.footprint.held_max:
            self.footprint.held_max = most
        self.book(perf_counter() - began)
        return most

    async def detect(self, text: str, reading: views.Reading, start: int, cut: int) -> list[Detection]:
        """What this detector is sure of from `start` on, in any view of `text`."""
        detector = self.detector
        whole = text if detector.lookahead is None else text[: cut + detector.lookahead]
        found = _within(await self._detect(whole, start), start, len(whole))
        if detector.normalise and reading.views:
            for view in filter(self._looks_at, reading.views):
                for seen in _within(await self._detect(view.text, view.start), view.start, len(view.text)):
                    span = view.source(seen.start, seen.end)
                    since = view.source_start(seen.start if seen.since is None else seen.since)
                    found.append(Detection(span.start, span.end, seen.label, seen.score, since))
        if len(found) > 1:
            found = _united(found)
        return [detection for detection in found if detection.score >= self.least]

    def _looks_at(self, view: views.View) -> bool:
        # One that wants no text after the cut looks at pieces of its own making, and folds them itself.
        return self.detector.normalise and not (view.open and self.detector.lookahead is not None)

    async def _detect(self, text: str, start: int) -> Sequence[Detection]:
        if self.detector.timeout is None:
            return await self.detector.detect(text, self.exchange, start)
        async with asyncio.timeout(self.detector.timeout):
            return await self.detector.detect(text, self.exchange, start)

    def fail(self, error: Exception) -> bool:
        """Note that a check failed and its text passes; whether it is flagged.

        Raises DefenseError when the policy is `block`.
        """
        late = isinstance(error, TimeoutError)
        policy = self.detector.on_timeout if late else self.detector.on_error
        if policy == "block":
            if self.side == "input" and isinstance(error, TextTooLongError):
                raise error  # the client can mend it, and reads how
            what = "timed out" if late else "failed"
            raise DefenseError(f"defense {self.name} {what}", self.name) from error
        if late:
            self.footprint.allowed_on_timeout += 1
        else:
            self.footprint.allowed_on_error += 1
        return policy == "flag"

    def finding(
        self, label: str, action: Action, location: str, start: int, end: int, score: float
    ) -> Finding:
        """This detector's verdict on a span."""
        return Finding(self.name, self.detector.risk, label, action, self.side, location, start, end, score)

    def book(self, seconds: float) -> None:
        """Note time spent looking."""
        if self.side == "input":
            self.footprint.input_seconds += seconds
        else:
            self.footprint.output_seconds += seconds


def _within(found: Sequence[Detection], start: int, end: int) -> list[Detection]:
    """`found`; released text cannot be called back, so a detector that claims it is broken."""
    for detection in found:
        if not start <= detection.start < detection.end <= end:
            raise ValueError("a detection lies outside of the text that was to be judged")
    return list(found)


def _united(found: list[Detection]) -> list[Detection]:
    """`found`, with what overlaps under one label as one: two views may show the same thing."""
    united: list[Detection] = []
    for detection in sorted(found, key=lambda detection: (detection.label, detection.start)):
        last = united[-1] if united else None
        if last is not None and last.label == detection.label and detection.start < last.end:
            end, score = max(last.end, detection.end), max(last.score, detection.score)
            united[-1] = Detection(last.start, end, last.label, score, min(_since(last), _since(detection)))
        else:
            united.append(detection)
    return united


def _since(detection: Detection) -> int:
    return detection.start if detection.since is None else detection.since
