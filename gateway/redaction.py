"""Writes released text: what is kept as it is, and placeholders in the place of redacted spans."""

import re
from collections.abc import Iterator
from typing import Protocol


def placeholder(label: str) -> str:
    """What stands in the place of a redacted span.

    >>> placeholder("email")
    '[EMAIL]'
    """
    return f"[{label.upper()}]"


class Writer(Protocol):
    """Sees every released character once, in order."""

    def part(self, text: str, start: int, cut: int) -> int:
        """The last place up to `cut` where `text` may be parted; what lies before `start` was seen."""
        ...

    def widen(self, text: str, start: int, begin: int, end: int) -> tuple[int, int]:
        """What has to go so that `text[begin:end]` can go; what lies before `start` was seen."""
        ...

    def keep(self, text: str) -> str:
        """Text that no redaction touches."""
        ...

    def replace(self, label: str, text: str) -> str:
        """What to write instead of `text`."""
        ...


class PlainWriter:
    """For prose: the placeholder and nothing else."""

    def part(self, text: str, start: int, cut: int) -> int:
        """Anywhere."""
        return cut

    def widen(self, text: str, start: int, begin: int, end: int) -> tuple[int, int]:
        """The span itself."""
        return begin, end

    def keep(self, text: str) -> str:
        """The text itself."""
        return text

    def replace(self, label: str, text: str) -> str:
        """The placeholder."""
        return placeholder(label)


class JsonWriter:
    r"""For JSON text: what was valid JSON stays valid.

    >>> writer = JsonWriter()
    >>> writer.keep('{"to": "') + writer.replace("email", "a@b.org") + writer.keep('", "card": ')
    '{"to": "[EMAIL]", "card": '
    >>> writer.replace("card", "4539148803436467")
    '"[CARD]"'
    """

    def __init__(self) -> None:
        self._in_string = False

    def part(self, text: str, start: int, cut: int) -> int:
        """Not within a number or an escape: a redaction takes all of it or nothing."""
        for begin, end in self._atoms(text, start):
            if begin < cut < end or cut == end == len(text):
                return begin
        return cut

    def widen(self, text: str, start: int, begin: int, end: int) -> tuple[int, int]:
        """The span with all of the numbers and escapes that it touches, less the rest of a short escape."""
        for first, last in self._atoms(text, start):
            if first < begin < last and last - first == _SHORT and text[first] == "\\":
                begin = last  # the letter of a line feed is no part of what follows it
            elif first < end and begin < last:
                begin, end = min(begin, first), max(end, last)
        return begin, max(begin, end)

    def _atoms(self, text: str, start: int) -> Iterator[tuple[int, int]]:
        """The spans of escapes, and of the numbers and literals outside of strings."""
        inside = self._in_string
        for mark in _MARKS.finditer(text, start):
            if mark[0] == '"':
                inside = not inside
            elif not inside or mark[0][0] == "\\":
                yield mark.span()

    def keep(self, text: str) -> str:
        """The text itself; its quotes are counted."""
        self._pass(text)
        return text

    def replace(self, label: str, text: str) -> str:
        """The placeholder, with the quotes it needs to stay one string between what surrounds it."""
        opening = "" if self._in_string else '"'
        self._pass(text)
        closing = "" if self._in_string else '"'
        return f"{opening}{placeholder(label)}{closing}"

    def _pass(self, text: str) -> None:
        for mark in _MARKS.finditer(text):
            if mark[0] == '"':
                self._in_string = not self._in_string


_SHORT = 2
_MARKS = re.compile(r'"|\\u[0-9A-Fa-f]{0,4}|\\.?|[^\s"\\{}\[\]:,]+', re.DOTALL)
