"""Phrases: tables of English wording compiled to linear-time patterns for the word-list eyes."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import re2

from gateway.types import Detection

# Lone surrogates cannot be encoded for RE2.
_SURROGATES = dict.fromkeys(range(0xD800, 0xE000), "�")
_STRAIGHT = {
    **_SURROGATES,
    **dict.fromkeys(map(ord, "‘’‚‛ʼ`´′＇"), "'"),
    **dict.fromkeys(map(ord, "“”„‟″«»＂"), '"'),
    **dict.fromkeys(map(ord, "\t\n\r\v\f\x1c\x1d\x1e\x85\u00a0\u2007\u2028\u2029\u202f"), " "),
    **dict.fromkeys(map(ord, "‐‑‒–—―"), "-"),
}
_INDENT = re2.compile(" {2,}")


def plain(text: str) -> str:
    r"""The same text with straight quotes, plain hyphens and spaces, code point for code point.

    >>> plain("don\u2019t\nstop")
    "don't stop"
    """
    return text.translate(_STRAIGHT)


def encodable(text: str) -> str:
    """The same text without lone surrogates, code point for code point.

    >>> encodable("a" + chr(0xD800)) == "a" + chr(0xFFFD)
    True
    """
    return text if text.isascii() else text.translate(_SURROGATES)


class Span(NamedTuple):
    """A half-open span of code points."""

    start: int
    end: int


@dataclass(frozen=True, slots=True)
class Phrases:
    """Alternatives in RE2 syntax, found whole-word and in any case; a space stands for any gap.

    One or more alternatives a line, none of them capturing; runs of spaces are only layout.
    Callers pass text that went through `plain`.

    >>> list(Phrases("phishing mails?|scams?").spans("Two Phishing  mails"))
    [Span(start=4, end=19)]
    """

    alternatives: str
    _pattern: Any = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        lines = (_INDENT.sub("", line).strip("|") for line in self.alternatives.splitlines())
        wording = "|".join(line for line in lines if line).replace(" ", r"(?: +|-)")
        object.__setattr__(self, "_pattern", re2.compile(rf"(?i)\b(?:{wording})(?:\b|$)"))

    def spans(self, text: str) -> Iterator[Span]:
        """Every match from left to right, none overlapping another."""
        for match in self._pattern.finditer(text):
            yield Span(match.start(), match.end())

    def first(self, text: str) -> Span | None:
        """The leftmost match."""
        return next(self.spans(text), None)

    def found(self, text: str) -> bool:
        """Whether there is any match."""
        return self._pattern.search(text) is not None

    def blank(self, text: str) -> str:
        """`text` with every match overwritten by tildes, so that positions stay."""
        pieces, end = [], 0
        for span in self.spans(text):
            pieces += [text[end : span.start], "~" * (span.end - span.start)]
            end = span.end
        return "".join((*pieces, text[end:]))


@dataclass(frozen=True, slots=True)
class PhraseRule:
    """Phrases that mean `label` by themselves; `score` is in [0, 1], 1 worst."""

    label: str
    phrases: Phrases
    score: float

    def find(self, text: str) -> Iterator[Detection]:
        """One detection for each match in plain text."""
        for span in self.phrases.spans(text):
            yield Detection(span.start, span.end, self.label, self.score)
