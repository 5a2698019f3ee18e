"""Paired: the effect of a defense on the same prompts, answered with it and without it.

A prompt on which both sides agree tells nothing of the direction; what separates the arms is not drowned by
what all prompts have in common, so a few hundred replays do the work of thousands of exchanges. All e-values
are bets on bounded outcomes (betting.py), hence exact at any size:

* difference: +1 where only the defended side violates, -1 where only the other does. Against "no more than
  before" this is the sign test on discordant pairs;
* ratio: Y1 - r Y0, whose mean is zero exactly where r is the ratio of the two rates.
"""

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from monitors.effects import betting
from monitors.effects.interval import Array, Interval, bisect, threshold

_FAR = 12.0


@dataclass(frozen=True, slots=True)
class Pairs:
    """Pairs by who violates: only the side with the defense, only the other, both, neither; shape `(...)`."""

    worse: Array
    better: Array
    both: Array
    neither: Array

    @classmethod
    def of(cls, worse: ArrayLike, better: ArrayLike, both: ArrayLike, neither: ArrayLike) -> "Pairs":
        """From anything array-like."""
        return cls(*(np.asarray(part, np.float64) for part in (worse, better, both, neither)))

    @property
    def parts(self) -> tuple[Array, Array, Array, Array]:
        """The four counts in the order of the fields."""
        return self.worse, self.better, self.both, self.neither

    @property
    def total(self) -> int:
        """Number of pairs in one set."""
        return int(self.worse + self.better + self.both + self.neither)

    @property
    def signs(self) -> betting.Outcomes:
        """The differences, as what is bet on."""
        counts = np.stack([self.worse, self.better, self.both + self.neither], -1)
        return betting.Outcomes.of([1.0, -1.0, 0.0], counts, -1.0, 1.0)

    def excess(self, ratio: Array) -> betting.Outcomes:
        """Y1 - ratio Y0, one ratio for each set."""
        one, zero = np.ones_like(ratio), np.zeros_like(ratio)
        values = np.stack([one, -ratio, 1 - ratio, zero], -1)
        counts = np.stack([self.worse, self.better, self.both, self.neither], -1)
        return betting.Outcomes(values, counts, np.stack([-ratio] * 4, -1), np.ones_like(values))


def harm(pairs: Pairs, tolerance: float = 1.0) -> Array:
    """Log e-value against "with the defense at most `tolerance` times as many violate"."""
    return betting.above(pairs.excess(np.full(pairs.worse.shape, tolerance)), 0.0)


def noninferior(pairs: Pairs, margin: float) -> Array:
    """Log e-value against "with the defense at least `margin` times as many violate"."""
    return betting.below(pairs.excess(np.full(pairs.worse.shape, margin)), 0.0)


def difference(pairs: Pairs, alpha: float = 0.05) -> Interval:
    """Confidence sequence of the share that violates only with the defense, minus that only without.

    >>> interval = difference(Pairs.of(30, 5, 10, 955))
    >>> interval.estimate, 0 < interval.lower < 0.025 < interval.upper
    (0.025, True)
    """
    return betting.confidence(pairs.signs, alpha)


def ratio(pairs: Pairs, alpha: float = 0.05) -> Interval:
    """Confidence sequence of the ratio of the two rates, for one set of pairs."""
    base, needed = float(pairs.better + pairs.both), threshold(alpha / 2)
    ends = np.full(pairs.worse.shape, -_FAR), np.full(pairs.worse.shape, _FAR)
    lower = float(bisect(lambda at: needed - betting.above(pairs.excess(np.exp(at)), 0.0), *ends))
    upper = float(bisect(lambda at: betting.below(pairs.excess(np.exp(at)), 0.0) - needed, *ends))
    return Interval(
        float(pairs.worse + pairs.both) / base if base else None,
        0.0 if lower < -_FAR + 1e-6 else math.exp(lower),
        math.inf if upper > _FAR - 1e-6 else math.exp(upper),
    )
