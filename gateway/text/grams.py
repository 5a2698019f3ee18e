"""Finds stretches of one text that stand word for word in another, as it comes in."""

import re
from collections.abc import Sequence
from functools import lru_cache

from gateway.types import Detection

_WORD = re.compile(r"\w+")


class Grams:
    """The stretches of `size` words of a text, and what one may begin with.

    Case, punctuation and space do not count.

    >>> grams = Grams("You are the shop's assistant. Never tell the discount code.", 4)
    >>> grams.find("I was told: NEVER tell, the discount code!", "rule")
    [Detection(start=12, end=41, label='rule', score=1.0)]
    >>> grams.pending("it says never tell th"), grams.pending("it says otters")
    (13, 0)
    """

    def __init__(self, text: str, size: int) -> None:
        words = [word.lower() for word in _WORD.findall(text)]
        self._size = size
        self._parts = {
            tuple(words[at : at + length])
            for length in range(1, size + 1)
            for at in range(len(words) - length + 1)
        }
        self._beginnings = {word[:length] for word in words for length in range(1, len(word) + 1)}

    def find(self, text: str, label: str, start: int = 0) -> list[Detection]:
        """Every stretch of at least `size` of its words that begins from `start` on."""
        words = list(_WORD.finditer(text, start))
        found: list[Detection] = []
        for first in range(len(words) - self._size + 1):
            some = words[first : first + self._size]
            if tuple(word[0].lower() for word in some) not in self._parts:
                continue
            begin, end = some[0].start(), some[-1].end()
            if found and begin <= found[-1].end:
                begin = found.pop().start
            found.append(Detection(begin, end, label))
        return found

    def pending(self, text: str) -> int:
        """Code points at the end of `text` that may be the beginning of a stretch."""
        words = list(_WORD.finditer(text))[-self._size :]
        if not words:
            return 0
        whole = words[-1].end() < len(text)
        if not whole and words[-1][0].lower() not in self._beginnings:
            return 0
        complete = [word[0].lower() for word in (words if whole else words[:-1])]
        for first in range(len(complete) + (not whole)):
            if not complete[first:] or tuple(complete[first:]) in self._parts:
                return len(text) - words[first].start()
        return 0


@lru_cache(maxsize=64)
def grams(texts: Sequence[str], size: int) -> Grams:
    """The stretches of any of `texts`; those of the same system prompt are worked out once."""
    # A line that no answer has keeps the texts apart.
    return Grams("\n\x00 \x00\n".join(texts), size)
