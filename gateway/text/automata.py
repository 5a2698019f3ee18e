"""Patterns as RE2 automata: exact ones, and a loose one for many patterns, all that most text needs."""

from collections.abc import Iterable, Sequence
from functools import cached_property

import re2

from gateway.errors import ConfigError
from gateway.text.prefix import loosened, prefix_form, written

_MEMORY = 64 << 20


def searchable(text: str) -> str | bytes:
    """The form of `text` that RE2's binding searches fastest, with the same offsets."""
    # The binding spends most of its time on the way from bytes to code points, which ASCII needs not.
    return text.encode() if text.isascii() else text


def compile_pattern(pattern: str) -> "re2._Regexp":
    """The automaton of a pattern in RE2's syntax; ConfigError if it is none."""
    try:
        return re2.compile(pattern, _options())
    except re2.error as error:
        raise ConfigError(f"RE2 refuses the pattern {pattern[:200]!r}: {error}") from error


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
        self.patterns = [f"(?:{written(tree)})" for tree in trees]
        whole = _once(self.patterns)
        prefixes = _once(prefix_form(tree) for tree in trees)
        self._match = compile_pattern("|".join(whole))
        self._tail = compile_pattern(tail_pattern(*prefixes))

    def matching(self, text: str, start: int) -> Sequence[int]:
        """Numbers of the patterns that may have a match from `start` on, in order."""
        if self._match.search(searchable(text), start) is None:
            return ()
        # One character more, so that a boundary sees what precedes it. One pattern at least matches: if
        # none does, RE2 had no memory for the answer.
        found = self._which.Match(searchable(text[max(start - 1, 0) :]))
        return sorted(found) if found else range(len(self.patterns))

    def clean(self, text: str, start: int) -> bool:
        """Whether certainly no pattern has a match from `start` on."""
        return self._match.search(searchable(text), start) is None

    def waiting(self, text: str, start: int = 0) -> int:
        """Code points at the end of `text`, from `start` on, that may become part of a match."""
        # Anchored at the end, it is searched from there backwards, and only as far as anything may wait.
        return len(text) - int(self._tail.search(searchable(text), start).start())

    @cached_property
    def _which(self) -> "re2.Set":
        found = re2.Set.SearchSet(_options())
        for pattern in self.patterns:
            found.Add(pattern)
        found.Compile()
        return found


def _options() -> "re2.Options":
    options = re2.Options()
    options.max_mem = _MEMORY
    options.log_errors = False
    options.never_capture = True  # only spans of whole matches are wanted, and they are found faster
    return options


def _once(patterns: Iterable[str]) -> list[str]:
    return list(dict.fromkeys(patterns))
