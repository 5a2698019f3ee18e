"""Readings of a text beside the raw one; none yet."""

from collections.abc import Sequence
from dataclasses import dataclass

LOOKBEHIND = 1


@dataclass(frozen=True, slots=True)
class Span:
    """A half-open span."""

    start: int
    end: int


@dataclass(frozen=True, slots=True)
class View:
    """A text as one reading of it shows it."""

    text: str
    starts: Sequence[int]
    ends: Sequence[int]
    open: bool
    start: int

    def source(self, start: int, end: int) -> Span:
        return Span(self.starts[start], self.ends[end - 1])

    def source_start(self, index: int) -> int:
        return self.starts[index]


@dataclass(frozen=True, slots=True)
class Reading:
    """All views of a text."""

    views: tuple[View, ...]
    unsettled: int

    def settle(self, position: int) -> int:
        return position


def read(text: str, start: int = 0) -> Reading:
    """Read `text` from `start` on."""
    return Reading((), 0)


def fold(text: str) -> str:
    """The text itself."""
    return text
