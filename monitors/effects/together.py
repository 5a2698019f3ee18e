"""Together: what two defenses do in company that neither does alone.

Both arms are drawn independently, so exchanges fall into four cells of known probability: none on, the
first, the second, both (bit i of the index is defense i). Two scales, and they are different questions:

* ratio of ratios: (p11 / p01) / (p10 / p00), 1 where each defense multiplies the rate alike with the other
  on or off. Given a violation and whether the second defense was on, the first was on with a probability that
  only knows one ratio (ratio.py), so there are two independent streams with two ratios. Their joint mixture
  martingale, held against the best likelihood at which the ratios stand in a given proportion, gives the
  interval (a profile, as in universal inference: Wasserman, Ramdas and Balakrishnan, PNAS 2020).
* difference in differences: (p11 - p01) - (p10 - p00), 0 where each adds alike; an exact bet (betting.py).

Which of the four is "none" matters for retention: what the first defense gained alone, and how much of it is
left when the second joins.
"""

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from monitors.effects import betting, ratio
from monitors.effects.interval import Array, Interval, bisect, threshold
from monitors.effects.ratio import Violations

_FAR = 12.0
_RETAINED: Array = np.linspace(-5, 5, 401)


@dataclass(frozen=True, slots=True)
class Cells:
    """Units, and those that violate, by step and cell: shape `(..., steps, 4)`; weights `(steps, 2)`."""

    weights: Array
    units: Array
    violations: Array

    @classmethod
    def of(cls, weights: ArrayLike, units: ArrayLike, violations: ArrayLike) -> "Cells":
        """From anything array-like."""
        return cls(*(np.asarray(part, np.float64) for part in (weights, units, violations)))

    @property
    def chances(self) -> Array:
        """Probability of each cell at each step."""
        first, second = self.weights[:, 0], self.weights[:, 1]
        return np.stack(
            [(1 - first) * (1 - second), first * (1 - second), (1 - first) * second, first * second], -1
        )

    def first(self, *, second_on: bool) -> Violations:
        """Violations with and without the first defense, where the second was on, or off."""
        shift = 2 * second_on
        return Violations(self.weights[:, 0], self.violations[..., shift + 1], self.violations[..., shift])

    def second(self, *, first_on: bool) -> Violations:
        """Violations with and without the second defense, where the first was on, or off."""
        return Violations(
            self.weights[:, 1], self.violations[..., 2 + first_on], self.violations[..., int(first_on)]
        )

    def contrast(self, signs: ArrayLike) -> betting.Outcomes:
        """The sum of the cells' rates times `signs`, as what is bet on."""
        scaled = np.asarray(signs, np.float64) / self.chances
        values = np.concatenate([scaled.ravel(), np.zeros(scaled.size)])
        quiet = self.units - self.violations
        counts = np.concatenate([_flat(self.violations), _flat(quiet)], -1)
        low, high = scaled.min(-1, keepdims=True), scaled.max(-1, keepdims=True)
        ends = (np.broadcast_to(np.clip(end, *limits), scaled.shape).ravel()
                for end, limits in ((low, (None, 0)), (high, (0, None))))  # fmt: skip
        lows, highs = (np.tile(end, 2) for end in ends)
        return betting.Outcomes(values, counts, lows, highs)


def ratio_of_ratios(cells: Cells, alpha: float = 0.05) -> Interval:
    """Confidence sequence of (p11 / p01) / (p10 / p00); above 1 the two are worse together."""
    on, off = cells.first(second_on=True), cells.first(second_on=False)
    bound = ratio.mixture(on) + ratio.mixture(off) - threshold(alpha)
    best = ratio.log_ratio(on) - ratio.log_ratio(off)

    def outside(proportion: Array) -> Array:
        return bound - _profile(on, off, proportion)

    lower = float(bisect(lambda at: -outside(at), np.array(-2 * _FAR), best))
    upper = float(bisect(outside, best, np.array(2 * _FAR)))
    alone, joined = ratio.ratio(off), ratio.ratio(on)
    return Interval(
        joined / alone if joined is not None and alone and math.isfinite(alone) else None,
        0.0 if lower < -_FAR else math.exp(lower),
        math.inf if upper > _FAR else math.exp(upper),
    )


def log_interaction(cells: Cells) -> Array:
    """Log e-value against "the ratio of ratios is 1"."""
    on, off = cells.first(second_on=True), cells.first(second_on=False)
    together = np.zeros(cells.violations.shape[:-2])
    return ratio.mixture(on) + ratio.mixture(off) - _profile(on, off, together)


def difference_in_differences(cells: Cells, alpha: float = 0.05) -> Interval:
    """Confidence sequence of (p11 - p01) - (p10 - p00)."""
    return betting.confidence(cells.contrast([1, -1, -1, 1]), alpha)


@dataclass(frozen=True, slots=True)
class Retention:
    """What became of a first defense's gain when a second one joined it."""

    alone: Interval
    """Rate with the first alone over rate with none; below 1 it gained."""
    joined: Interval
    """Rate with both over rate with the first alone; above 1 the second takes something away."""
    log_lost: float
    """Log e-value against "the second takes nothing away"."""
    retained: Interval | None
    """Gain of both over gain of the first alone; None unless the first surely gained."""


def retention(cells: Cells, alpha: float = 0.05) -> Retention:
    """Whether both together lose what the first alone gained, on a measure of the first one's risk."""
    alone = ratio.confidence(cells.first(second_on=False), alpha)
    joining = cells.second(first_on=True)
    return Retention(
        alone,
        ratio.confidence(joining, alpha),
        float(ratio.harm(joining)),
        _retained(cells, alpha) if alone.upper < 1 else None,
    )


def interaction_of_replays(surplus: ArrayLike, alpha: float = 0.05) -> Interval:
    """Difference in differences from exchanges replayed in all four arms; an exact bet (betting.py).

    `surplus` counts, by exchange, violations with both, less those with each alone, plus those with none:
    how often it was -2, -1, 0, 1, 2.
    """
    return betting.confidence(betting.Outcomes.of(np.arange(-2, 3), surplus, -2, 2), alpha)


def _flat(counts: Array) -> Array:
    return counts.reshape(*counts.shape[:-2], -1)


def _profile(on: Violations, off: Violations, proportion: Array) -> Array:
    # The best likelihood with log ratios (x + proportion) and x; concave in x.
    low = np.full(np.shape(proportion), -2 * _FAR)
    best = bisect(lambda at: on.surplus(at + proportion) + off.surplus(at), low, -low)
    return on.log_likelihood_at(best + proportion) + off.log_likelihood_at(best)


def _retained(cells: Cells, alpha: float) -> Interval:
    # The share is where the mean of (Y00 - Y11) - share (Y00 - Y10), each over its chance, is zero.
    needed = threshold(alpha / 2)
    inside = []
    for share in _RETAINED:
        outcomes = cells.contrast([1 - share, share, 0, -1])
        if max(float(betting.above(outcomes, 0.0)), float(betting.below(outcomes, 0.0))) < needed:
            inside.append(float(share))
    rates = (cells.violations / cells.chances).sum(0) / max(float(cells.units.sum()), 1.0)
    estimate = float((rates[0] - rates[3]) / (rates[0] - rates[1])) if rates[0] != rates[1] else None
    if not inside:
        return Interval(estimate, -math.inf, math.inf)
    step = float(_RETAINED[1] - _RETAINED[0])
    return Interval(
        estimate,
        -math.inf if inside[0] <= _RETAINED[0] else inside[0] - step,
        math.inf if inside[-1] >= _RETAINED[-1] else inside[-1] + step,
    )
