"""Writes released text: what is kept as it is, and substitutes in the place of redacted spans."""

import json
import re
from collections.abc import Callable, Iterator
from typing import Protocol

Substitute = Callable[[str, str], str]
"""What stands for a span, from its label and its text."""


def placeholder(label: str) -> str:
    """What stands in the place of a redacted span.

    >>> placeholder("email")
    '[EMAIL]'
    """
    return f"[{label.upper()}]"


def redacted(label: str, text: str) -> str:
    """The usual substitute: what kind of thing stood here, and nothing of it."""
    return placeholder(label)


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
    """For prose: the substitute and nothing else."""

    def __init__(self, substitute: Substitute = redacted) -> None:
        self._substitute = substitute

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
        """The substitute."""
        return self._substitute(label, text)


class JsonWriter:
    r"""For JSON text: what was valid JSON stays valid.

    >>> writer = JsonWriter()
    >>> writer.keep('{"to": "') + writer.replace("email", "a@b.org") + writer.keep('", "card": ')
    '{"to": "[EMAIL]", "card": '
    >>> writer.replace("card", "4539148803436467")
    '"[CARD]"'
    """

    def __init__(self, substitute: Substitute = redacted) -> None:
        self._substitute = substitute
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
        """The substitute, with the quotes it needs to stay one string between what surrounds it."""
        opening = "" if self._in_string else '"'
        self._pass(text)
        closing = "" if self._in_string else '"'
        written = json.dumps(self._substitute(label, _meaning(text)), ensure_ascii=False)[1:-1]
        return f"{opening}{written}{closing}"

    def _pass(self, text: str) -> None:
        for mark in _MARKS.finditer(text):
            if mark[0] == '"':
                self._in_string = not self._in_string


def _meaning(text: str) -> str:
    """What a part of a JSON string says; what is none says itself."""
    try:
        return str(json.loads(f'"{text}"'))
    except ValueError:
        return text


_SHORT = 2
_MARKS = re.compile(r'"|\\u[0-9A-Fa-f]{0,4}|\\.?|[^\s"\\{}\[\]:,]+', re.DOTALL)
