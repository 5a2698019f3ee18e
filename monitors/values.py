"""Values of persons and accounts in a text, as the privacy monitors compare them."""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache

from gateway.text.personal import PERSONAL
from gateway.text.phrases import encodable

SECRETS: frozenset[str] = frozenset({"api_key", "jwt", "private_key", "credential", "password"})
"""What opens something, of all that is looked for."""


@dataclass(frozen=True, slots=True)
class Found:
    """What a value is, and how surely."""

    label: str
    score: float


@lru_cache(maxsize=8)
def values(text: str) -> Mapping[str, Found]:
    """Every value of `text` by its letters and digits; several monitors ask for those of the same text."""
    found: dict[str, Found] = {}
    text = encodable(text)
    for one in PERSONAL.find(text):
        value = squash(text[one.start : one.end])
        known = found.get(value)
        if known is None or known.score < one.score:
            found[value] = Found(one.label, one.score)
    return found


def told(text: str) -> frozenset[str]:
    """Whatever `text` may have told: its values, and its words."""
    return frozenset(values(text)) | frozenset(map(squash, text.split()))


def squash(value: str) -> str:
    """Its letters and digits, so that a reformatted number is the same one.

    >>> squash("(212) 555-0134")
    '2125550134'
    """
    return "".join(filter(str.isalnum, value)).casefold()
