"""Mix: whether the traffic is still made of the same strata.

The population stability index of a window against a reference has no fixed meaning: 0.1 is nothing with a
hundred exchanges and a great deal with ten thousand. So it is held against what it is when the window is
drawn from both thrown together (a permutation test, exact at any size and number of strata). Units are
counted, not exchanges.
"""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from monitors.effects.interval import Array

WINDOW = 1000
"""Units in a window."""
REFERENCE = 5000
"""Units that the reference is made of: the first to come."""
DRAWS = 4000
"""Permutations; the smallest chance that can be told is one in so many."""


@dataclass(frozen=True, slots=True)
class Shift:
    """How far a window is from the reference: its index, and how often chance alone would exceed it."""

    index: float
    chance: float
    moved: tuple[str, ...]
    """Strata, the one that moved most first."""


def stability_index(reference: Array, window: Array) -> Array:
    """Sum of (w - r) log(w / r) over strata, with half a unit added everywhere; counts `(..., strata)`."""
    left, right = _shares(reference), _shares(window)
    return np.asarray(((right - left) * np.log(right / left)).sum(-1))


def shift(
    reference: Mapping[str, int], window: Mapping[str, int], draws: int = DRAWS, seed: int = 0
) -> Shift:
    """Compare a window with the reference, stratum by stratum.

    >>> shift({"en": 900, "de": 100}, {"en": 450, "de": 50}).chance > 0.5
    True
    >>> shift({"en": 900, "de": 100}, {"en": 300, "de": 200}).moved[0]
    'de'
    """
    strata = sorted({*reference, *window})
    before, now = (_counts(strata, counts) for counts in (reference, window))
    index = float(stability_index(before, now))
    drawn = _redrawn(before, now, draws, seed)
    exceeding = int((stability_index(before + now - drawn, drawn) >= index - 1e-12).sum())
    parts = (_shares(now) - _shares(before)) * np.log(_shares(now) / _shares(before))
    order = np.argsort(-parts, kind="stable")
    return Shift(index, (1 + exceeding) / (1 + draws), tuple(strata[place] for place in order))


class Mix:
    """Cuts the units that come into a reference and windows; `seed` makes the permutations repeatable."""

    def __init__(self, window: int = WINDOW, reference: int = REFERENCE, seed: int = 0) -> None:
        self._window_size, self._reference_size = window, reference
        self._reference: dict[str, int] = {}
        self._window: dict[str, int] = {}
        self._counted = 0
        self._seed = seed
        self.windows = 0
        """Windows compared so far."""
        self.since = 0.0

    def add(self, stratum: str, at: float) -> Shift | None:
        """Count a unit; at the end of each window, how far it is from the reference."""
        learning = self._counted < self._reference_size
        counts = self._reference if learning else self._window
        if not learning and not self._window:
            self.since = at
        counts[stratum] = counts.get(stratum, 0) + 1
        self._counted += 1
        if learning or sum(self._window.values()) < self._window_size:
            return None
        window, self._window = self._window, {}
        self.windows += 1
        return shift(self._reference, window, seed=self._seed + self.windows)


def _counts(strata: list[str], counts: Mapping[str, int]) -> Array:
    return np.array([counts.get(stratum, 0) for stratum in strata], np.float64)


def _redrawn(before: ArrayLike, now: ArrayLike, draws: int, seed: int) -> Array:
    pooled = (np.asarray(before) + np.asarray(now)).astype(np.int64)
    size = int(np.asarray(now).sum())
    drawn = np.random.default_rng(seed).multivariate_hypergeometric(pooled, size, draws)
    return np.asarray(drawn, np.float64)


def _shares(counts: Array) -> Array:
    return np.asarray((counts + 0.5) / (counts + 0.5).sum(-1, keepdims=True))
