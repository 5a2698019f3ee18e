"""The part of a text that detectors have not yet released."""

from collections import deque
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from time import perf_counter
from typing import NamedTuple

from gateway.redaction import Writer
from gateway.types import STRENGTH, Action, Detection

Settle = Callable[[int], int]
"""Moves a place in the text back to the next one where the text may be parted."""
PATIENCE = 32
"""A window is looked at again once its new text is a 32nd of it, so that all looks together see at
most 33 characters for each character of the text, whatever the cutting. Below 32 characters, and
for deltas that are not tiny, that is at every delta; the longest extra wait is 3 % of what is held."""


@dataclass(frozen=True, slots=True)
class Sighting:
    """A detection, what is to happen to its span, and the number of the group's member that saw it."""

    start: int
    end: int
    label: str
    score: float
    action: Action
    member: int
    since: int
    """Where the evidence begins, which may lie before the span; nothing is cut in between."""

    @classmethod
    def of(cls, detection: Detection, action: Action, member: int) -> "Sighting":
        """The sighting of `detection`."""
        since = detection.start if detection.since is None else detection.since
        return cls(detection.start, detection.end, detection.label, detection.score, action, member, since)


class Release(NamedTuple):
    """What may leave now.

    `text` has its redactions in place, `source` is the same part as it came in; `sightings` became
    final, their spans count from the beginning of the whole text; `lag` is how long the oldest
    released character waited, in seconds.
    """

    text: str = ""
    source: str = ""
    sightings: tuple[Sighting, ...] = ()
    blocked: bool = False
    lag: float = 0.0


NOTHING = Release()


class Window:
    """Grows by pieces, shrinks by what is proven final.

    `text` is what detectors look at, `start` where the part to be judged begins: what lies before
    was released already and serves as context (`lookbehind` characters of it are kept).
    """

    __slots__ = (
        "_arrivals",
        "_base",
        "_new",
        "_pieces",
        "_received",
        "_writer",
        "lookbehind",
        "start",
        "text",
    )

    def __init__(self, lookbehind: int, writer: Writer) -> None:
        self.lookbehind = lookbehind
        self.text = ""
        self.start = 0
        self._writer = writer
        self._base = 0
        self._pieces: list[str] = []
        self._new = 0
        self._received = 0
        self._arrivals: deque[tuple[int, float]] = deque()

    @property
    def held(self) -> int:
        """Characters received and not yet released."""
        return len(self.text) - self.start + self._new

    @property
    def due(self) -> bool:
        """Whether enough came in to look again."""
        return self._new * PATIENCE >= len(self.text)

    def push(self, piece: str) -> None:
        """Take in the next piece of the text."""
        if not piece:
            return
        self._pieces.append(piece)
        self._new += len(piece)
        self._received += len(piece)
        self._arrivals.append((self._received, perf_counter()))

    def gather(self) -> str:
        """All that is to be looked at, as one text."""
        if self._pieces:
            self.text += "".join(self._pieces)
            self._pieces.clear()
            self._new = 0
        return self.text

    def part(self, cut: int) -> int:
        """The last place up to `cut` at which the writer can part the text."""
        return self._writer.part(self.text, self.start, cut) if cut > self.start else cut

    def let_go(self, cut: int, settle: Settle) -> Release:
        """Cut off everything before `cut`, in which nothing was found; see `release`."""
        if cut <= self.start:
            return NOTHING
        text = self.text[self.start : cut]
        return Release(self._writer.keep(text), text, lag=self._forget(cut, settle))

    def release(self, found: Iterable[Sighting], cut: int, settle: Settle, align: Settle) -> Release:
        """Cut off everything before `cut` that no sighting crosses.

        `settle` moves a place back to where the text may be parted at all, `align` to where the
        detectors agree that it is.
        """
        ordered = sorted(found, key=lambda sighting: (sighting.start, -sighting.end, sighting.member))
        cut = self._last_cut(ordered, cut, align)
        final = [sighting for sighting in ordered if sighting.end <= cut]
        if not final:
            return self.let_go(cut, settle)
        regions = _regions(final)
        block = next((region for region in regions if region.action == "block"), None)
        if block is not None:
            cut = block.start
            final = [sighting for sighting in final if sighting.start < block.end]
        text, source = self._written(regions, cut), self.text[self.start : cut]
        sightings = tuple(self._placed(sighting) for sighting in final)
        return Release(text, source, sightings, block is not None, self._forget(cut, settle))

    def _last_cut(self, found: Sequence[Sighting], cut: int, align: Settle) -> int:
        """The last position up to `cut` that lies inside no sighting and where nobody minds a cut."""
        while True:
            cut = max(cut, self.start)
            moved = align(cut)
            for sighting in reversed(found):
                if sighting.since < moved < sighting.end:
                    moved = sighting.since
            if moved >= cut or moved <= self.start:
                return max(moved, self.start)
            cut = moved

    def _written(self, regions: Sequence["_Region"], cut: int) -> str:
        pieces: list[str] = []
        position = self.start
        for region in regions:
            if region.action != "redact" or not position < region.end <= cut:
                continue
            begin, end = self._writer.widen(self.text, position, region.start, region.end)
            pieces.append(self._writer.keep(self.text[position:begin]))
            pieces.append(self._writer.replace(region.label, self.text[begin:end]))
            position = end
        pieces.append(self._writer.keep(self.text[position:cut]))
        return "".join(pieces)

    def _placed(self, sighting: Sighting) -> Sighting:
        start, end = self._base + sighting.start, self._base + sighting.end
        since = self._base + sighting.since
        return Sighting(start, end, sighting.label, sighting.score, sighting.action, sighting.member, since)

    def _forget(self, cut: int, settle: Settle) -> float:
        """Drop what lies before `cut`, but for the context; how long its oldest character waited."""
        if cut == self.start:
            return 0.0
        lag = perf_counter() - self._arrivals[0][1]
        keep_from = settle(max(cut - self.lookbehind, 0))
        self.text = self.text[keep_from:]
        self.start = cut - keep_from
        self._base += keep_from
        released = self._base + self.start
        while self._arrivals and self._arrivals[0][0] <= released:
            self._arrivals.popleft()
        return lag


@dataclass(slots=True)
class _Region:
    """Sightings that overlap, taken as one: the strongest action, and of those the longest, names it."""

    start: int
    end: int
    action: Action
    label: str
    length: int

    def add(self, sighting: Sighting) -> None:
        self.end = max(self.end, sighting.end)
        length = sighting.end - sighting.start
        if (STRENGTH[sighting.action], length) > (STRENGTH[self.action], self.length):
            self.action, self.label, self.length = sighting.action, sighting.label, length


def _regions(found: Sequence[Sighting]) -> list[_Region]:
    """`found`, ordered by start, as regions that do not overlap."""
    regions: list[_Region] = []
    for sighting in found:
        if regions and sighting.start < regions[-1].end:
            regions[-1].add(sighting)
        else:
            length = sighting.end - sighting.start
            regions.append(_Region(sighting.start, sighting.end, sighting.action, sighting.label, length))
    return regions


def strongest(actions: Iterable[Action]) -> Action | None:
    """The strongest of `actions`, None of none.

    >>> strongest(["flag", "block", "redact"])
    'block'
    """
    return max(actions, key=STRENGTH.__getitem__, default=None)
