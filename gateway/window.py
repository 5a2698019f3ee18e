"""The part of a text that detectors have not yet released."""

from collections.abc import Iterable
from dataclasses import dataclass

from gateway.types import STRENGTH, Action, Detection


@dataclass(frozen=True, slots=True)
class Verdict:
    """A final detection: `start` and `end` are code points of the whole text as it came in."""

    start: int
    end: int
    label: str
    score: float


@dataclass(frozen=True, slots=True)
class Release:
    """What may leave now: text with its redactions, and the verdicts that became final."""

    text: str
    verdicts: tuple[Verdict, ...] = ()


class Window:
    """Grows by pieces, shrinks by what is proven final; positions count from the text's beginning.

    `text` is what a detector looks at, `start` where its search begins: what lies before was
    released already and serves as context (`lookbehind` characters of it are kept).
    """

    __slots__ = ("_base", "lookbehind", "start", "text")

    def __init__(self, lookbehind: int) -> None:
        self.lookbehind = lookbehind
        self.text = ""
        self.start = 0
        self._base = 0

    @property
    def held(self) -> int:
        """Characters received and not yet released."""
        return len(self.text) - self.start

    def release(self, detections: Iterable[Detection], pending: int, action: Action) -> Release:
        """Cut off everything that no detection crosses and that the detector needs no more.

        Raises ValueError for a detection that reaches outside of what was to be judged: released
        text cannot be called back, so a detector that claims it is broken.
        """
        found = sorted(detections, key=lambda detection: (detection.start, -detection.end))
        if found:
            self._check_bounds(found)
        cut = _last_cut(found, max(len(self.text) - pending, self.start))
        final = [detection for detection in found if detection.end <= cut]
        if action == "block" and final:
            cut = final[0].start
            released = self.text[self.start : cut]
        elif action == "redact" and final:
            released = _redacted(self.text, self.start, cut, final)
        else:
            released = self.text[self.start : cut]
        verdicts = tuple(self._verdict(detection) for detection in final)
        self._forget(cut)
        return Release(released, verdicts)

    def _check_bounds(self, found: list[Detection]) -> None:
        end = len(self.text)
        for detection in found:
            if not self.start <= detection.start < detection.end <= end:
                raise ValueError("a detection lies outside of the text that was to be judged")

    def _verdict(self, detection: Detection) -> Verdict:
        start, end = self._base + detection.start, self._base + detection.end
        return Verdict(start, end, detection.label, detection.score)

    def _forget(self, cut: int) -> None:
        keep_from = max(cut - self.lookbehind, 0)
        self.text = self.text[keep_from:]
        self.start = cut - keep_from
        self._base += keep_from


def _last_cut(found: list[Detection], cut: int) -> int:
    """The last position up to `cut` that lies inside no detection."""
    for detection in sorted(found, key=lambda detection: detection.start, reverse=True):
        if detection.start < cut < detection.end:
            cut = detection.start
    return cut


def _redacted(text: str, start: int, cut: int, final: list[Detection]) -> str:
    pieces: list[str] = []
    position = start
    for detection in final:
        if detection.start >= position:
            pieces += text[position : detection.start], placeholder(detection.label)
        position = max(position, detection.end)
    pieces.append(text[position:cut])
    return "".join(pieces)


def placeholder(label: str) -> str:
    """What stands in the place of a redacted span.

    >>> placeholder("email")
    '[EMAIL]'
    """
    return f"[{label.upper()}]"


def strongest(actions: Iterable[Action]) -> Action | None:
    """The strongest of `actions`, None of none.

    >>> strongest(["flag", "block", "redact"])
    'block'
    """
    return max(actions, key=STRENGTH.__getitem__, default=None)
