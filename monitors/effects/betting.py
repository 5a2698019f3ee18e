"""Betting: e-values and confidence sequences for the mean of a bounded quantity, exact at any sample size.

A gambler who believes that the mean exceeds m stakes a share eta of what the worst outcome would cost:
each outcome v multiplies the wealth by 1 + eta (v - m) / (m - low). Under a mean of m or less no stake
gains on average, so the wealth, averaged over stakes, is an e-process (Waudby-Smith and Ramdas, "Estimating
means of bounded random variables by betting", JRSS B 2024). The stakes are fixed in advance, so the wealth
depends on how often each value came and not on the order: counts are enough.

Outcomes with different ranges (one range for each weight of a rollout) are staked each on their own scale.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from monitors.effects.interval import Array, Interval, bisect, log_mean, threshold

# Half of the wealth goes to large stakes, which find large effects soon, half to small ones.
_STAKES: Array = np.concatenate([2.0 ** -np.arange(12, 4.5, -0.5), np.arange(0.025, 1, 0.05)])
_SHARES: Array = np.concatenate([np.full(15, 0.5 / 15), np.full(20, 0.5 / 20)])


@dataclass(frozen=True, slots=True)
class Outcomes:
    """How often each value came: counts `(..., values)`; for each value the ends of its range."""

    values: Array
    counts: Array
    low: Array
    high: Array

    @classmethod
    def of(cls, values: ArrayLike, counts: ArrayLike, low: ArrayLike, high: ArrayLike) -> "Outcomes":
        """From anything array-like; raises ValueError for values outside their range."""
        known = np.asarray(values, np.float64)
        lows, highs = np.broadcast_to(low, known.shape), np.broadcast_to(high, known.shape)
        if not ((lows <= known) & (known <= highs)).all():
            raise ValueError("every value must lie within its range")
        return cls(known, np.asarray(counts, np.float64), lows.astype(np.float64), highs.astype(np.float64))

    @property
    def mean(self) -> float | None:
        """Mean of one set of counts; None without outcomes."""
        total = float(self.counts.sum())
        return float((self.counts * self.values).sum()) / total if total else None


def above(outcomes: Outcomes, null: ArrayLike) -> Array:
    """Log e-value against "the mean is at most `null`": one number, or one for each set of counts."""
    at = np.asarray(null, np.float64)[..., None]
    return _wealth(outcomes, (outcomes.values - outcomes.low) / (at - outcomes.low))


def below(outcomes: Outcomes, null: ArrayLike) -> Array:
    """Log e-value against "the mean is at least `null`"."""
    at = np.asarray(null, np.float64)[..., None]
    return _wealth(outcomes, (outcomes.high - outcomes.values) / (outcomes.high - at))


def confidence(outcomes: Outcomes, alpha: float = 0.05) -> Interval:
    """Confidence sequence of the mean, for one set of counts; half of alpha for each end.

    The mean is taken to stay the same; where it moves, read `above` and `below`, whose nulls only ask that
    it never crosses the line.
    """
    lower, upper = bounds(outcomes, alpha)
    return Interval(outcomes.mean, min(float(lower), float(upper)), max(float(lower), float(upper)))


def bounds(outcomes: Outcomes, alpha: float = 0.05) -> tuple[Array, Array]:
    """Both ends of the confidence sequence, for many sets of counts at once."""
    if not outcomes.values.size:
        empty = np.zeros(outcomes.counts.shape[:-1])
        return empty - 1, empty + 1
    # With several ranges the mean lies in the narrowest.
    floor, ceiling = float(outcomes.low.max()), float(outcomes.high.min())
    room = 1e-8 * (ceiling - floor)
    shape = outcomes.counts.shape[:-1]
    ends = np.full(shape, floor + room), np.full(shape, ceiling - room)
    needed = threshold(alpha / 2)
    lower = bisect(lambda null: needed - above(outcomes, null), *ends, rounds=32)
    upper = bisect(lambda null: below(outcomes, null) - needed, *ends, rounds=32)
    return (
        np.where(lower <= floor + 2 * room, floor, lower),
        np.where(upper >= ceiling - 2 * room, ceiling, upper),
    )


def _wealth(outcomes: Outcomes, odds: Array) -> Array:
    # (..., values) -> (..., stakes) -> (...)
    with np.errstate(divide="ignore"):
        gains = np.log1p(_STAKES * (odds[..., None] - 1))
    return log_mean(np.einsum("...v,...vs->...s", outcomes.counts, gains), _SHARES)
