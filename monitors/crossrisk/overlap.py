"""How much of a reference answer another answer says in the same order."""

import re

_WORD = re.compile(r"[^\W_]+")
LONGEST = 400
"""Words read of either text."""


def overlap(answer: str, reference: str) -> float:
    """ROUGE-L (Lin, 2004): the F1 of the longest common subsequence of words, in [0, 1].

    >>> overlap("the cat sat down", "the cat lay down"), overlap("", "the cat")
    (0.75, 0.0)
    """
    said, wanted = _words(answer), _words(reference)
    common = _longest(said, wanted)
    return 2 * common / (len(said) + len(wanted)) if common else 0.0


def _words(text: str) -> list[str]:
    return _WORD.findall(text.lower())[:LONGEST]


def _longest(first: list[str], second: list[str]) -> int:
    row = [0] * (len(second) + 1)
    for word in first:
        before = 0
        for at, other in enumerate(second, start=1):
            before, row[at] = row[at], before + 1 if word == other else max(row[at], row[at - 1])
    return row[-1]
