"""Patterns as RE2 automata: exact ones, and a loose one for many patterns, all that most text needs."""

from collections.abc import Iterable, Sequence

import re2

from gateway.errors import ConfigError
from gateway.text.prefix import loosened, prefix_form, written

_MEMORY = 64 << 20


class Encoded:
    """A text as RE2 sees it; its places are turned into code points only where somebody asks."""

    __slots__ = ("data", "text")

    def __init__(self, text: str) -> None:
        self.text = text
        self.data = text.encode()

    def byte(self, place: int) -> int:
        """The byte at which the code point at `place` begins."""
        return place if len(self.data) == len(self.text) else len(self.text[:place].encode())

    def place(self, byte: int) -> int:
        """The code point that begins at `byte`."""
        return byte if len(self.data) == len(self.text) else len(self.data[:byte].decode())


def compile_pattern(pattern: str) -> "re2._Regexp":
    """The automaton of a pattern in RE2's syntax; ConfigError if it is none."""
    try:
        return re2.compile(pattern, _options())
    except re2.error as error:
        raise ConfigError(f"RE2 refuses the pattern {pattern[:200]!r}: {error}") from error


class Which:
    """Says which of many patterns match somewhere in a text."""

    def __init__(self, patterns: Iterable[str]) -> None:
        self._set = re2.Set.SearchSet(_options())
        # The last matches anything: without it, no answer and no memory for one would look the same.
        self._size = [self._set.Add(pattern) for pattern in [*patterns, ""]][-1]
        self._set.Compile()

    def any(self, text: str) -> bool:
        """Whether one of them does; true where RE2 has no memory for the answer."""
        found = self._set.Match(text.encode())
        return not found or len(found) > 1

    def matching(self, text: str) -> Sequence[int]:
        """Their numbers, in order; all of them where RE2 has no memory for the answer."""
        found = self._set.Match(text.encode())
        return sorted(found)[:-1] if found else range(self._size)


def tail_pattern(*prefixes: str) -> str:
    """The pattern of the longest end of a text that one of these matches."""
    return f"(?:{'|'.join(prefixes)})\\z"


class Screen:
    """Says at a glance that many patterns have no match in a text, and where one may yet begin.

    It searches for all of them, loosened, at once: it may see a match where there is none and wait for
    more than is needed, but it never misses one, nor waits for less.
    """

    def __init__(self, patterns: Iterable[str]) -> None:
        trees = [loosened(pattern) for pattern in patterns]
        self.patterns = _once(f"(?:{written(tree)})" for tree in trees)
        prefixes = _once(prefix_form(tree) for tree in trees)
        self._which = Which(written(tree) for tree in trees)
        self._match = compile_pattern("|".join(self.patterns))
        self._tail = compile_pattern(tail_pattern(*prefixes))

    def matching(self, text: str, start: int) -> Sequence[int]:
        """Numbers of the patterns that may have a match from `start` on, in order."""
        return self._which.matching(text[max(start - 1, 0) :])  # one more, so that a boundary sees it

    def clean(self, text: str, start: int) -> bool:
        """Whether certainly no pattern has a match from `start` on."""
        encoded = Encoded(text)
        return self._match.search(encoded.data, encoded.byte(start)) is None

    def waiting(self, text: str, start: int = 0) -> int:
        """Code points at the end of `text`, from `start` on, that may become part of a match."""
        # Anchored at the end, it is searched from there backwards, and only as far as anything may wait.
        encoded = Encoded(text)
        found = self._tail.search(encoded.data, encoded.byte(start))
        return len(text) - encoded.place(found.start())


def _options() -> "re2.Options":
    options = re2.Options()
    options.max_mem = _MEMORY
    options.log_errors = False
    options.never_capture = True  # only spans of whole matches are wanted, and they are found faster
    return options


def _once(patterns: Iterable[str]) -> list[str]:
    return list(dict.fromkeys(patterns))
