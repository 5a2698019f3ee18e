"""Cuts a text into sentences, each of bounded length, the same however the text arrived."""

import re
from dataclasses import dataclass

LONGEST = 400
"""Code points after which a sentence without an end is cut."""
_END = re.compile(r"""[.!?]["')\]]{0,3}\s|[。！？\n]""")


@dataclass(frozen=True, slots=True)
class Sentence:
    """A half-open span of code points; `complete` when no later text can change it."""

    start: int
    end: int
    complete: bool


def sentences(text: str, start: int = 0) -> list[Sentence]:
    """The sentences of `text` from `start` on, which must be the beginning of one.

    >>> [(s.start, s.end, s.complete) for s in sentences("One. Two")]
    [(0, 5, True), (5, 8, False)]
    """
    found: list[Sentence] = []
    while start < len(text):
        match = _END.search(text, start, start + LONGEST)
        if match is not None:
            end, complete = match.end(), True
        else:
            end = min(start + LONGEST, len(text))
            complete = end == start + LONGEST
        found.append(Sentence(start, end, complete))
        start = end
    return found


def last_end(text: str, start: int, limit: int) -> int:
    """The last end of a complete sentence up to `limit`, `start` if there is none."""
    ends = [sentence.end for sentence in sentences(text, start) if sentence.complete]
    return max((end for end in ends if end <= limit), default=start)
