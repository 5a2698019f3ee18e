"""What the heads learn from: a text, or a request with its answer, and labels for some of the heads."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

HEADS = (
    "injection",
    "harmful_request",
    "toxicity",
    "stereotype",
    "refusal",
    "personal_request",
    "negative_regard",
    "harmful_compliance",
)
"""The questions, in the order of the model's outputs; the last one is asked of a request and its answer."""
PAIR_HEADS = frozenset({"harmful_compliance"})


@dataclass(frozen=True, slots=True)
class Example:
    """One text with what is known of it.

    labels: by head, from 0 to 1, 1 worst; a head that is missing is not asked. answer: for the heads
    on pairs, where `text` is the request. source: where it comes from. group: the identity it mentions.
    """

    text: str
    labels: Mapping[str, float]
    source: str
    answer: str = ""
    group: str = ""


def words(name: str) -> Mapping[str, Any]:
    """The word lists of `name`.yaml in this folder."""
    loaded: Mapping[str, Any] = yaml.safe_load((Path(__file__).parent / f"{name}.yaml").read_text())
    return loaded


def key(text: str) -> str:
    """What two copies of a text have in common, whatever their case, spacing and punctuation.

    >>> key("Ignore  THIS, please!") == key("ignore this please")
    True
    """
    return "".join(character for character in text.lower() if character.isalnum())


def without(examples: Iterable[Example], texts: Iterable[str]) -> list[Example]:
    """`examples` less those whose text is one of `texts`, and less repetitions."""
    seen = set(map(key, texts))
    kept: list[Example] = []
    for example in examples:
        own = key(example.text) + key(example.answer)
        if own not in seen and key(example.text) not in seen:
            kept.append(example)
        if not example.answer:
            seen.add(own)
    return kept
