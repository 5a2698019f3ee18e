"""Risk ratio: how many times as often a measure is violated with a defense as without it.

Only violations count. Given one, at a weight pi, it is in treatment with probability
q(r) = pi r / (pi r + 1 - pi), where r is the ratio of the two rates: the rate itself, however it changes
from hour to hour and from stratum to stratum, drops out. A mixture of likelihood ratios over r is a
martingale under the true r, hence an e-process, valid however often one looks (Lindon and Malek,
"Anytime-valid inference for multinomial count data", NeurIPS 2022). Strata therefore need no weights here:
with one common r the counts of all strata at the same weight may simply be added.

Counts are arrays of shape `(..., steps)`, one column for each weight that was in force; what is returned
has shape `(...)`. All e-values are natural logarithms.
"""

import math
from dataclasses import dataclass
from statistics import NormalDist

import numpy as np
from numpy.typing import ArrayLike

from monitors.effects.interval import Array, Interval, bisect, log_mean, threshold

PRIOR_SD = 0.7
"""Standard deviation of log r under the mixture: half of it lies between 0.62 and 1.6."""
MIN_EVENTS = 5
"""Violations that control needs before a relative change is told; below, only absolute ones are."""

_FAR = 12.0  # |log r| beyond which a ratio counts as zero or infinite
_NORMAL = NormalDist(0, PRIOR_SD)
_HALF: Array = np.array([_NORMAL.inv_cdf(0.5 + (point + 0.5) / 48) for point in range(24)])
_GRID: Array = np.linspace(-5 * PRIOR_SD, 5 * PRIOR_SD, 1001)
_PRIOR: Array = np.exp(-0.5 * (_GRID / PRIOR_SD) ** 2)
_PRIOR /= _PRIOR.sum()


@dataclass(frozen=True, slots=True)
class Violations:
    """Violations in treatment and in control, at each weight in force."""

    weights: Array
    treatment: Array
    control: Array

    @classmethod
    def of(cls, weights: ArrayLike, treatment: ArrayLike, control: ArrayLike) -> "Violations":
        """From anything array-like; raises ValueError for a weight that leaves one arm empty."""
        known = np.asarray(weights, dtype=np.float64)
        if not ((known > 0) & (known < 1)).all():
            raise ValueError(f"weights must lie strictly between 0 and 1, not {known.tolist()}")
        return cls(known, np.asarray(treatment, np.float64), np.asarray(control, np.float64))

    def log_likelihood(self, log_ratio: Array) -> Array:
        """Of every ratio in a grid of shape `(grid,)`: shape `(..., grid)`."""
        log_odds = self._log_odds[:, None] + log_ratio
        return self.treatment @ -np.logaddexp(0, -log_odds) + self.control @ -np.logaddexp(0, log_odds)

    def log_likelihood_at(self, log_ratio: Array) -> Array:
        """Of one ratio for each set of counts: shape `(...)`."""
        log_odds = self._log_odds + log_ratio[..., None]
        return np.asarray(
            -(self.treatment * np.logaddexp(0, -log_odds) + self.control * np.logaddexp(0, log_odds)).sum(-1)
        )

    def surplus(self, log_ratio: Array) -> Array:
        """Violations expected in treatment at a ratio, minus those seen; increases with the ratio."""
        expected = 1 / (1 + np.exp(-(self._log_odds + log_ratio[..., None])))
        return np.asarray(((self.treatment + self.control) * expected - self.treatment).sum(-1))

    @property
    def _log_odds(self) -> Array:
        return np.log(self.weights) - np.log1p(-self.weights)


def harm(counts: Violations, tolerance: float = 1.0) -> Array:
    """Log e-value against "the ratio is at most `tolerance`"."""
    return _beyond(counts, math.log(tolerance), _HALF)


def noninferior(counts: Violations, margin: float) -> Array:
    """Log e-value against "the ratio is at least `margin`"."""
    return _beyond(counts, math.log(margin), -_HALF)


def against(counts: Violations, ratio: float) -> Array:
    """Log e-value against "the ratio is exactly `ratio`"; the confidence sequence is where it is small."""
    null = np.full(counts.treatment.shape[:-1], math.log(ratio))
    return mixture(counts) - counts.log_likelihood_at(null)


def mixture(counts: Violations) -> Array:
    """Log of the likelihood averaged over the prior."""
    return log_mean(counts.log_likelihood(_GRID), _PRIOR)


def confidence(counts: Violations, alpha: float = 0.05) -> Interval:
    """Confidence sequence of the ratio, for one set of counts; `(0, inf)` before the first violation."""
    lower, upper = bounds(counts, alpha)
    return Interval(ratio(counts), float(lower), float(upper))


def bounds(counts: Violations, alpha: float = 0.05) -> tuple[Array, Array]:
    """Both ends of the confidence sequence, for many sets of counts at once."""
    best = log_ratio(counts)
    bound = mixture(counts) - threshold(alpha)

    def outside(value: Array) -> Array:
        return bound - counts.log_likelihood_at(value)

    lower = bisect(lambda at: -outside(at), np.full_like(best, -_FAR), best)
    upper = bisect(outside, best, np.full_like(best, _FAR))
    return (
        np.where(lower < -_FAR + 1e-6, 0.0, np.exp(lower)),
        np.where(upper > _FAR - 1e-6, math.inf, np.exp(upper)),
    )


def ratio(counts: Violations) -> float | None:
    """The most likely ratio; 0 or infinite when all violations are in one arm, None when there is none.

    >>> ratio(Violations.of([0.5], [30], [20]))
    1.5
    """
    treatment, control = float(counts.treatment.sum()), float(counts.control.sum())
    if not treatment + control:
        return None
    if not treatment or not control:
        return 0.0 if not treatment else math.inf
    return round(math.exp(float(log_ratio(counts))), 12)


def log_ratio(counts: Violations) -> Array:
    """The most likely log ratio, within +-12."""
    shape = counts.treatment.shape[:-1]
    return bisect(counts.surplus, np.full(shape, -_FAR), np.full(shape, _FAR))


def relative(changed: Interval, control: float) -> Interval | None:
    """Ratio minus one; None while control has fewer than `MIN_EVENTS` violations.

    Near a base of zero the ratio of two rates says nothing, however many exchanges were seen: what counts
    is how many violations stand below the line.

    >>> relative(Interval(1.5, 1.0, 2.0), 5), relative(Interval(1.5, 0.0, 90.0), 4)
    (Interval(estimate=0.5, lower=0.0, upper=1.0), None)
    """
    return changed.map(lambda value: value - 1) if control >= MIN_EVENTS else None


def _beyond(counts: Violations, log_null: float, offsets: Array) -> Array:
    # Half of the prior, on the far side of the null. Each term is also a supermartingale at every ratio
    # that is further inside the null, because the share in treatment moves with the ratio.
    ratios = counts.log_likelihood(log_null + offsets)
    return log_mean(ratios - counts.log_likelihood(np.array([log_null])))
