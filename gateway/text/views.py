"""Readings of a text: look-alikes folded, the invisible dropped, escapes and encoded runs decoded.

Detectors look at the text as it is and at every view of it, and what they find in a view counts for
the part of the source it stands for; the source itself is what is forwarded.
"""

import asyncio
from bisect import bisect_left
from collections.abc import Sequence
from dataclasses import dataclass

from gateway.text import encoded
from gateway.text.escapes import Escape, escapes, has_marks
from gateway.text.fold import FOLDING, fold
from gateway.text.rules import LARGE

__all__ = ["LOOKBEHIND", "Reading", "Span", "View", "fold", "read"]

LOOKBEHIND = 1
"""Characters of context that `read` needs before the text to be judged."""
DEPTH = 2
"""How often what was decoded is decoded again."""


@dataclass(frozen=True, slots=True)
class Span:
    """A half-open span of code points."""

    start: int
    end: int


@dataclass(frozen=True, slots=True)
class View:
    """A text as one reading of it shows it; character i stands for `starts[i]` to `ends[i]` of the source.

    open: whether later text continues this view; a decoded run is closed. start: where the part to
    be judged begins; what lies before is context.
    """

    text: str
    starts: Sequence[int]
    ends: Sequence[int]
    open: bool
    start: int
    length: int

    def source(self, start: int, end: int) -> Span:
        """The part of the source that `text[start:end]` stands for."""
        return Span(self.starts[start], self.ends[end - 1])

    def source_start(self, index: int) -> int:
        """Where in the source the view begins from `index` on."""
        return self.starts[index] if index < len(self.starts) else self.length

    def before(self, place: int) -> int:
        """How many characters of the view stand for the source before `place`."""
        return bisect_left(self.starts, place)


@dataclass(frozen=True, slots=True)
class Reading:
    """Every view of a text beside the text itself.

    unsettled: code points at its end that later text may make read otherwise. joints: where in it an
    escape may have begun, so that what is read before it may go on in any way.
    """

    views: tuple[View, ...]
    unsettled: int
    atoms: tuple[Span, ...] = ()
    joints: tuple[int, ...] = ()

    def settle(self, position: int) -> int:
        """The last place up to `position` that lies inside no escape and no encoded run."""
        for atom in reversed(self.atoms):
            if atom.start < position < atom.end:
                position = atom.start
        return position


def read(text: str, start: int = 0) -> Reading:
    r"""Read `text`, of which what lies before `start` was released already and is context.

    >>> [view.text for view in read("Ign\u043ere%20this").views]
    ['Ignore this']
    >>> read("Nothing to see here, is there?")
    Reading(views=(), unsettled=0, atoms=(), joints=())
    """
    begun = start > 0
    marked = has_marks(text)
    if text.isascii():
        if not marked and not encoded.has_long_run(text):
            unsettled = encoded.alive(text, begun)
            return _AT_ONCE.get(unsettled) or Reading((), unsettled)
        hides = False
    else:
        hides = encoded.INVISIBLE.search(text) is not None
    return _read(text, start, marked, hides)


async def read_aside(text: str, start: int = 0) -> Reading:
    """The same; a huge text in a thread, so that it does not stall every other exchange."""
    if len(text) - start > LARGE:
        return await asyncio.to_thread(read, text, start)
    return read(text, start)


AS_IT_IS = Reading((), 0)
"""How a text reads to whoever looks behind nothing."""
_AT_ONCE = {size: Reading((), size) for size in range(32)}


def _read(text: str, start: int, marked: bool, hides: bool) -> Reading:
    begun = start > 0
    unsettled = encoded.alive(text, begun)
    hidden = encoded.visible_runs(text, begun)
    if hides:
        unsettled = max(unsettled, encoded.alive_invisible(text, begun))
        hidden += encoded.invisible_runs(text, begun)
    views: list[View] = []
    atoms = [Span(run.start, run.end) for run in hidden]
    units = _Units.of(text)
    joints: set[int] = set()
    if marked:
        for _ in range(DEPTH):
            # An escape that is not complete may complete another in what it is decoded to.
            joints |= {units.joint(end) for end in (len(text), *joints)} - {len(text)}
            units.unescape()
        unsettled = max(unsettled, len(text) - min(joints, default=len(text)))
        atoms += [Span(a, b) for a, b in zip(units.starts, units.ends, strict=True) if b - a > 1]
    units.fold()
    if units.text != text:
        views.append(units.view(start, len(text)))
    for run in hidden:
        if run.end > start:
            views += [_closed(shown, run, len(text)) for shown in _shown(run.text, DEPTH)]
    atoms.sort(key=lambda atom: (atom.start, -atom.end))
    return Reading(tuple(views), unsettled, tuple(atoms), tuple(sorted(joints)))


def _shown(text: str, depth: int) -> list[str]:
    """What a decoded text reads as: itself, unescaped and folded, and what is hidden in it in turn."""
    units = _Units.of(text)
    if has_marks(text):
        for _ in range(DEPTH):
            units.unescape()
    units.fold()
    texts = [text] if units.text == text else [text, units.text]
    if depth > 1:
        runs = [*encoded.visible_runs(text, False), *encoded.invisible_runs(text, False)]
        texts += [shown for run in runs for shown in _shown(run.text, depth - 1)]
    return texts


def _closed(text: str, run: encoded.Hidden, length: int) -> View:
    return View(text, [run.start] * len(text), [run.end] * len(text), False, 0, length)


class _Units:
    """A text with the place in the source that each of its characters stands for."""

    __slots__ = ("ends", "starts", "text")

    def __init__(self, text: str, starts: list[int], ends: list[int]) -> None:
        self.text = text
        self.starts = starts
        self.ends = ends

    @classmethod
    def of(cls, text: str) -> "_Units":
        return cls(text, list(range(len(text))), list(range(1, len(text) + 1)))

    def joint(self, end: int) -> int:
        """Where in the source an escape begins that its part before `end` does not complete; else `end`."""
        size = bisect_left(self.starts, end)
        unsettled = escapes(self.text[:size]).unsettled
        return self.starts[size - unsettled] if unsettled else end

    def unescape(self) -> None:
        """Put what escapes stand for in their places."""
        if found := escapes(self.text).found:
            self._put(found)

    def _put(self, found: Sequence[Escape]) -> None:
        texts: list[str] = []
        starts: list[int] = []
        ends: list[int] = []
        last = 0
        for escape in found:
            texts += self.text[last : escape.start], escape.text
            size = len(escape.text)
            starts += self.starts[last : escape.start] + [self.starts[escape.start]] * size
            ends += self.ends[last : escape.start] + [self.ends[escape.end - 1]] * size
            last = escape.end
        self.text = "".join([*texts, self.text[last:]])
        self.starts = starts + self.starts[last:]
        self.ends = ends + self.ends[last:]

    def fold(self) -> None:
        """Fold every character; what shows nothing goes."""
        if self.text.isascii():
            return
        texts: list[str] = []
        starts: list[int] = []
        ends: list[int] = []
        for index, character in enumerate(self.text):
            folded = FOLDING[ord(character)]
            texts.append(folded)
            for _ in folded:
                starts.append(self.starts[index])
                ends.append(self.ends[index])
        self.text, self.starts, self.ends = "".join(texts), starts, ends

    def view(self, start: int, length: int) -> View:
        """An open view whose part to be judged is what stands for the source from `start` on."""
        return View(self.text, self.starts, self.ends, True, bisect_left(self.starts, start), length)
