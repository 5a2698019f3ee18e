"""Refusals in many wordings, so that a model learns to decline and not to recite one sentence."""

import random
from collections.abc import Mapping, Sequence
from functools import cache
from pathlib import Path

import yaml

PARTS = ("openings", "reasons", "offers")


@cache
def wordings() -> Mapping[str, Sequence[str]]:
    """The sentences by part, from the file beside this one; an empty one leaves the part out."""
    loaded: Mapping[str, Sequence[str]] = yaml.safe_load(Path(__file__).with_suffix(".yaml").read_text())
    return loaded


def refusal(rng: random.Random) -> str:
    """A refusal of one to three sentences.

    >>> refusal(random.Random(4)) == refusal(random.Random(4))
    True
    """
    parts = [rng.choice(wordings()[part]) for part in PARTS]
    return " ".join(filter(None, parts))
