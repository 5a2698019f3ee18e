"""One text on its way through a group of detectors."""

import asyncio
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from time import perf_counter
from typing import TYPE_CHECKING

from gateway.errors import DefenseError
from gateway.redaction import PlainWriter, Writer
from gateway.text import views
from gateway.text.rules import LARGE
from gateway.trail import Footprint
from gateway.types import Action, Detection, Exchange, Finding, Role, Side
from gateway.window import NOTHING, Release, Settle, Sighting, Window

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
            raise DefenseError(f"defense {self.name} {'timed out' if late else 'failed'}") from error
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


MANY = 1_000
"""Past so many sightings their release is worked out in a thread, so that nobody else waits for it."""


class Crew:
    """Detectors that look through one window, by name, and what that takes: the same for every text."""

    __slots__ = ("aligning", "detectors", "lookbehind", "reads", "side", "waiting")

    def __init__(self, detectors: "Sequence[tuple[str, Detector]]", side: Side) -> None:
        self.detectors = tuple(detectors)
        self.side = side
        looking = [detector for _, detector in detectors]
        self.waiting = sum(not detector.inline for detector in looking)
        self.aligning = [detector.align for detector in looking if detector.lookahead is not None]
        self.reads = any(detector.normalise for detector in looking)
        self.lookbehind = max([views.LOOKBEHIND, *(detector.lookbehind for detector in looking)])

    def members(self, exchange: Exchange) -> list[Member]:
        """The crew of one exchange."""
        return [Member(name, detector, exchange, self.side) for name, detector in self.detectors]


class Panel:
    """Those of a group who judge one side: a crew that may change a text, and one that only flags."""

    __slots__ = ("_by_role", "_detectors", "acting", "blocks", "flagging", "side")

    def __init__(self, detectors: "Iterable[tuple[str, Detector]]", side: Side) -> None:
        detectors = list(detectors)
        self.side = side
        self.acting = Crew([entry for entry in detectors if entry[1].action != "flag"], side)
        self.flagging = Crew([entry for entry in detectors if entry[1].action == "flag"], side)
        self.blocks = any(detector.action == "block" for _, detector in detectors)
        self._detectors = detectors
        self._by_role: dict[Role, Panel] = {}

    def of_role(self, role: Role) -> "Panel":
        """Those who judge the turns of `role`."""
        if role not in self._by_role:
            chosen = [entry for entry in self._detectors if role in entry[1].roles]
            self._by_role[role] = self if len(chosen) == len(self._detectors) else Panel(chosen, self.side)
        return self._by_role[role]

    def __bool__(self) -> bool:
        return bool(self.acting.detectors or self.flagging.detectors)


class Judges:
    """A panel in one exchange."""

    __slots__ = ("accounting", "acting", "flagging", "panel")

    def __init__(self, panel: Panel, exchange: Exchange) -> None:
        self.panel = panel
        self.acting = panel.acting.members(exchange)
        self.flagging = panel.flagging.members(exchange)
        # What a prompt waits is time before the model, not before a character of the answer.
        self.accounting = exchange.trail.accounting if panel.side == "output" else None


class Pass:
    """One window and the members that look through it, all at the same text."""

    __slots__ = ("_crew", "_failed", "_members", "unchecked", "window")

    def __init__(self, crew: Crew, members: Sequence[Member], writer: Writer) -> None:
        self._crew = crew
        self._members = members
        self.window = Window(crew.lookbehind, writer)
        self.unchecked: list[int] = []
        self._failed: set[int] = set()

    @property
    def waits(self) -> bool:
        """Whether a look may take time."""
        return self._crew.waiting > 0

    def take(self, piece: str, final: bool) -> Release | None:
        """Take in `piece`, give out what is final if a glance is enough; else None, and a look is due."""
        window = self.window
        window.push(piece)
        if not (final or window.due) or not window.held:
            return NOTHING
        text, start = window.gather(), window.start
        if len(text) > LARGE:
            return None
        reading = views.read(text, start) if self._crew.reads else views.AS_IT_IS
        if reading.views or reading.joints:
            return None
        most = 0 if final else reading.unsettled
        for member in self._members:
            needed = member.glance(text, start, final)
            if needed is None:
                return None
            most = max(most, needed)
        cut = reading.settle(len(text) - most)
        return window.let_go(cut if final else window.part(cut), reading.settle)

    async def look(self, final: bool) -> Release:
        """Give out what is final; raises DefenseError when a check fails closed."""
        window = self.window
        if not window.held:
            return NOTHING
        text = window.gather()
        reading = await views.read_aside(text, window.start) if self._crew.reads else views.AS_IT_IS
        self._failed.clear()
        align = self._aligner(text, reading, final)
        cut = align(len(text) if final else len(text) - self._pending(text, reading))
        if cut <= window.start:  # nothing could leave, whatever was found
            return NOTHING
        found = await self._detect(text, reading, cut)
        if len(found) > MANY:
            return await asyncio.to_thread(window.release, found, cut, reading.settle, align)
        return window.release(found, cut, reading.settle, align)

    def _aligner(self, text: str, reading: views.Reading, final: bool) -> Settle:
        """What moves a cut back to where nobody minds it; nobody minds one at the end of it all."""
        aligning, start, part = self._crew.aligning, self.window.start, self.window.part

        def align_all(position: int) -> int:
            if final and position == len(text):
                return position
            position = part(reading.settle(position))
            return min([position, *(align(text, start, position) for align in aligning)])

        return align_all

    def _pending(self, text: str, reading: views.Reading) -> int:
        most, start = reading.unsettled, self.window.start
        for index, member in enumerate(self._members):
            began = perf_counter()
            try:
                most = max(most, member.pending(text, reading, start))
            except Exception as error:
                self._fail(index, error)
            member.book(perf_counter() - began)
        return most

    async def _detect(self, text: str, reading: views.Reading, cut: int) -> list[Sighting]:
        looks = [self._look(index, text, reading, cut) for index in range(len(self._members))]
        if self._crew.waiting < 2:
            return [sighting for look in looks for sighting in await look]
        try:
            async with asyncio.TaskGroup() as group:
                tasks = [group.create_task(look) for look in looks]
        except ExceptionGroup as failed:
            raise failed.exceptions[0] from None
        return [sighting for task in tasks for sighting in task.result()]

    async def _look(self, index: int, text: str, reading: views.Reading, cut: int) -> list[Sighting]:
        if index in self._failed:
            return []
        member = self._members[index]
        began = perf_counter()
        try:
            found = await member.detect(text, reading, self.window.start, cut)
        except Exception as error:
            self._fail(index, error)
            found = []
        member.book(perf_counter() - began)
        return [Sighting.of(detection, member.detector.action, index) for detection in found]

    def _fail(self, index: int, error: Exception) -> None:
        self._failed.add(index)
        if self._members[index].fail(error):
            self.unchecked.append(index)


async def _ended(looking: "asyncio.Task[Release]") -> Release:
    """What came of a task; whoever stops waiting for it stops it."""
    try:
        return await looking
    finally:
        looking.cancel()


class Lane:
    """One text, through those who may change it and then past those who only flag.

    Who only flags holds nothing back: it looks at the source of what is released, so what it
    reports depends on the text that was let through and on nothing else.
    """

    __slots__ = (
        "_accounting",
        "_acting",
        "_flagging",
        "_judges",
        "_location",
        "_looking",
        "blocked",
        "findings",
    )

    def __init__(self, judges: Judges, location: str, writer: Writer | None = None) -> None:
        panel, acting, flagging = judges.panel, judges.acting, judges.flagging
        self._judges = judges
        self._acting = Pass(panel.acting, acting, writer or PlainWriter()) if acting else None
        self._flagging = Pass(panel.flagging, flagging, PlainWriter()) if flagging else None
        self._location = location
        self._accounting = judges.accounting
        self._looking: asyncio.Task[Release] | None = None
        self.blocked = False
        self.findings: list[Finding] = []

    def keep(self, piece: str) -> bool:
        """Take in `piece` and look at it only in the end; False if nothing would be held anyhow."""
        if self._acting is None:
            return False
        self._acting.window.push(piece)
        self._account(NOTHING, self._acting.window.held)
        return True

    async def push(self, piece: str, final: bool = False) -> Release:
        """Take in `piece`, give out what is final; `findings` and `blocked` say what was seen."""
        acting = self._acting
        if acting is None:
            release = Release(piece, piece)
        else:
            glanced = acting.take(piece, final)
            release = await acting.look(final) if glanced is None else glanced
            self._report(acting, self._judges.acting, release)
            self.blocked |= release.blocked
            self._account(release, acting.window.held)
        if self._flagging is not None:
            await self._flag(self._flagging, release.source, final or release.blocked)
        return release

    async def _flag(self, flagging: Pass, source: str, final: bool) -> None:
        """Show `source` to those who only flag; only the end of the text waits for those who take time."""
        if final or not flagging.waits:
            await self._flagged(flagging)
            glanced = flagging.take(source, final)
            seen = await flagging.look(final) if glanced is None else glanced
            self._report(flagging, self._judges.flagging, seen)
            return
        flagging.window.push(source)
        if self._looking is not None and self._looking.done():
            await self._flagged(flagging)
        if self._looking is None and flagging.window.due:
            self._looking = asyncio.create_task(flagging.look(False))

    async def _flagged(self, flagging: Pass) -> None:
        """Report what the look in the background saw, once it is over."""
        if self._looking is not None:
            looking, self._looking = self._looking, None
            self._report(flagging, self._judges.flagging, await _ended(looking))

    async def close(self) -> None:
        """Stop looking."""
        if self._looking is not None:
            self._looking.cancel()
            await asyncio.wait({self._looking})

    def _account(self, release: Release, held: int) -> None:
        accounting = self._accounting
        if accounting is None:
            return
        if held > accounting.held_max:
            accounting.held_max = held
        if release.lag > accounting.release_lag:
            accounting.release_lag = release.lag

    def take_findings(self) -> list[Finding]:
        """What was found since the last call."""
        findings, self.findings = self.findings, []
        return findings

    def _report(self, looked: Pass, members: Sequence[Member], release: Release) -> None:
        if not (release.sightings or looked.unchecked):
            return
        for index in looked.unchecked:
            self.findings.append(members[index].finding("unchecked", "flag", self._location, 0, 0, 1.0))
        looked.unchecked.clear()
        for seen in release.sightings:
            member = members[seen.member]
            self.findings.append(
                member.finding(seen.label, seen.action, self._location, seen.start, seen.end, seen.score)
            )
