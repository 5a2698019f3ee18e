"""One text on its way through a group of detectors."""

import asyncio
from collections.abc import Sequence
from time import perf_counter

from gateway.member import Member
from gateway.panel import Crew, Judges
from gateway.redaction import PlainWriter, Writer
from gateway.text import views
from gateway.text.rules import LARGE
from gateway.types import Finding
from gateway.window import NOTHING, Release, Settle, Sighting, Window

MANY = 1_000
"""Past so many sightings their release is worked out in a thread, so that nobody else waits for it."""


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
        "_released",
        "blocked",
        "findings",
    )

    def __init__(self, judges: Judges, location: str, writer: Writer) -> None:
        panel, acting, flagging = judges.panel, judges.acting, judges.flagging
        self._judges = judges
        self._acting = Pass(panel.acting, acting, writer) if acting else None
        self._flagging = Pass(panel.flagging, flagging, PlainWriter()) if flagging else None
        self._location = location
        self._accounting = judges.accounting
        self._looking: asyncio.Task[Release] | None = None
        self._released: Release | None = None
        self.blocked = False
        self.findings: list[Finding] = []

    def keep(self, piece: str) -> bool:
        """Take in `piece` and look at it only in the end; False if nothing would be held anyhow."""
        if self._acting is None:
            return False
        self._acting.window.push(piece)
        self._account(NOTHING, self._acting.window.held)
        return True

    def glance(self, piece: str) -> Release | None:
        """What `push` gives, where that takes no time; else None, and the piece is in: `look` does the rest.

        Nearly every delta of an answer goes this way, which is why it is worth a method.
        """
        acting = self._acting
        if acting is None:
            release: Release | None = Release(piece, piece)
        else:
            release = acting.take(piece, False)
            if release is not None:
                self._account(release, acting.window.held)
        if release is not None and self._flagging is not None:
            self._released = release
            return None
        return release

    async def look(self) -> Release:
        """What is final after a glance that was not enough."""
        release, self._released = self._released, None
        if release is None:
            return await self._judged(None, False)
        if self._flagging is not None:
            await self._flag(self._flagging, release.source, False)
        return release

    async def push(self, piece: str, final: bool = False) -> Release:
        """Take in `piece`, give out what is final; `findings` and `blocked` say what was seen."""
        acting = self._acting
        glanced = Release(piece, piece) if acting is None else acting.take(piece, final)
        return await self._judged(glanced, final)

    async def _judged(self, glanced: Release | None, final: bool) -> Release:
        acting = self._acting
        release = glanced
        if acting is not None:
            release = await acting.look(final) if glanced is None else glanced
            self._report(acting, self._judges.acting, release)
            self.blocked |= release.blocked
            self._account(release, acting.window.held)
        assert release is not None
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
