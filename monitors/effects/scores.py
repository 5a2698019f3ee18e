"""Scores: the difference that a defense makes to a mean score in [0, 1].

Each exchange contributes phi = m1 - m0 + A/pi (Y - m1) - (1 - A)/(1 - pi) (Y - m0), whose mean is the
difference of the arms whatever the predictions m1 and m0 are; good ones only shrink its variance. They are
the arm's mean plus a common slope times a covariate known before the defense acted (the measure's score of
the prompt, say), as in CUPED (Deng et al. 2013; for continuous looking Lindon, Ham, Tingley and Bojinov,
arXiv 2210.08589). Its confidence sequence is asymptotic (Waudby-Smith, Arbour, Sinha, Kennedy and Ramdas,
"Time-uniform central limit theory and asymptotic confidence sequences", Annals of Statistics 2024), so it is
refused until enough was seen. All of it follows from six running moments for each weight and arm.

Exact at any size, and wider, is `betted`: a bet on A Y / pi - (1 - A) Y / (1 - pi), from counts of the
score's levels. Where shares are small it is the check on the other.

What is counted here is one exchange for each unit and epoch (firsts.py), so units are the clusters.
"""

import math
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from numpy.typing import ArrayLike, NDArray

from monitors.effects import betting
from monitors.effects.interval import Array, Interval

MIN_UNITS = 50
"""Units that each arm needs before its mean is read."""
MIN_UNITS_RARE = 200
"""The same for a weight of 1 % (or 99 %) and beyond."""
MIN_EVENTS = 20.0
"""Effective number of unusual scores that each arm needs (`effective_events`)."""
LOOK_BEST = 20_000
"""Number of units at which the sequence is tightest; any other is as valid."""
LEVELS = 11
"""Levels to which `betted` rounds scores: 0, 0.1, ... 1."""


@dataclass(frozen=True, slots=True)
class Moments:
    """Sums over one arm, one column for each weight: shape `(..., steps)`.

    `levels`, `(..., steps, LEVELS)`, is how often each level came; unknown, scores are taken to be 0 or 1.
    """

    count: Array
    y: Array
    yy: Array
    x: Array
    xx: Array
    xy: Array
    levels: Array | None = None

    @classmethod
    def of(cls, *sums: ArrayLike) -> "Moments":
        """From array-likes in the order of the fields."""
        return cls(*(np.asarray(part, np.float64) for part in sums))

    def at(self, place: int) -> "Moments":
        """One of many sets of sums."""
        levels = None if self.levels is None else self.levels[place]
        return Moments(self.count[place], self.y[place], self.yy[place],
                       self.x[place], self.xx[place], self.xy[place], levels)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Arms:
    """Both arms of an experiment that ran at `weights`, one after the other."""

    weights: Array
    treatment: Moments
    control: Moments

    def at(self, place: int) -> "Arms":
        """One of many sets of sums."""
        return Arms(self.weights, self.treatment.at(place), self.control.at(place))


def enough(arms: Arms) -> NDArray[np.bool_]:
    """Whether each set of sums has what the asymptotic sequence needs."""
    rare = (arms.weights <= 0.01) | (arms.weights >= 0.99)
    verdicts: list[NDArray[np.bool_]] = []
    for arm in (arms.treatment, arms.control):
        units, events = arm.count.sum(-1), effective_events(arm)
        mostly_rare = (arm.count * rare).sum(-1) * 2 > units
        verdicts.append((units >= np.where(mostly_rare, MIN_UNITS_RARE, MIN_UNITS)) & (events >= MIN_EVENTS))
    return np.asarray(np.stack(verdicts).all(0), np.bool_)


def effective_events(arm: Moments) -> Array:
    """How many scores of equal distance from the usual one would spread the arm's scores as much.

    Of 0 and 1 it is the count of the rarer. Where nearly all scores are the same, however high, the few
    others make the variance, and until enough of them came it is not known.
    """
    levels = arm.levels
    if levels is None:
        ones = arm.y.sum(-1)
        return np.asarray(np.minimum(ones, arm.count.sum(-1) - ones))
    counts = levels.sum(-2)
    distance = np.abs(np.arange(LEVELS) - counts.argmax(-1)[..., None])
    total, squares = (counts * distance).sum(-1), (counts * distance**2).sum(-1)
    return np.asarray(np.divide(total**2, squares, out=np.zeros_like(total), where=squares > 0))


def difference(arms: Arms, alpha: float = 0.05, *, adjusted: bool = True) -> Interval | None:
    """Asymptotic confidence sequence of the difference of means; None until `enough`."""
    if not bool(enough(arms)):
        return None
    estimate, half = estimate_and_half_width(arms, alpha, adjusted=adjusted)
    return Interval(float(estimate), float(estimate - half), float(estimate + half))


def estimate_and_half_width(arms: Arms, alpha: float, *, adjusted: bool = True) -> tuple[Array, Array]:
    """Estimate and half width for many sets of sums at once, whether or not there is `enough`."""
    inverse = 1 / arms.weights, 1 / (1 - arms.weights)
    groups = arms.treatment, arms.control
    total = groups[0].count.sum(-1) + groups[1].count.sum(-1)
    center = (groups[0].x.sum(-1) + groups[1].x.sum(-1)) / np.maximum(total, 1)
    slope = _slope(groups, inverse) if adjusted else np.zeros_like(total)
    means = [_mean(arm, weight, slope, center) for arm, weight in zip(groups, inverse, strict=True)]
    spread = sum(
        (_residual(arm, at, slope, center) * weight**2).sum(-1)
        for arm, at, weight in zip(groups, means, inverse, strict=True)
    )
    deviation = np.sqrt(np.maximum(spread, 0) / np.maximum(total, 1))  # rounding may leave less than nothing
    return np.asarray(means[0] - means[1]), deviation * width(total, alpha)


def width(total: Array, alpha: float) -> Array:
    """Half width of the asymptotic sequence, in standard deviations, after `total` units."""
    tuning = (-2 * math.log(alpha) + math.log(-2 * math.log(alpha) + 1)) / LOOK_BEST
    grown = np.maximum(total, 1) * tuning
    return np.asarray(
        np.sqrt(2 * (grown + 1) / (np.maximum(total, 1) * grown) * np.log(np.sqrt(grown + 1) / alpha))
    )


def poststratified(strata: list[Arms], shares: list[float], alpha: float = 0.05) -> Interval | None:
    """The difference at fixed shares of the strata, whatever their shares of the traffic; None until enough.

    Strata with a share and without enough are not skipped: that would change the question.
    """
    if not all(bool(enough(arms)) for arms, share in zip(strata, shares, strict=True) if share):
        return None
    parts = [(arms, share / sum(shares)) for arms, share in zip(strata, shares, strict=True) if share]
    total = sum(float(arms.treatment.count.sum() + arms.control.count.sum()) for arms, _ in parts)
    estimate = variance = 0.0
    for arms, share in parts:
        value, half = estimate_and_half_width(arms, alpha)
        units = arms.treatment.count.sum(-1) + arms.control.count.sum(-1)
        estimate += share * float(value)
        variance += (share * float(half / width(units, alpha))) ** 2 / float(units)
    half_width = math.sqrt(variance * total) * float(width(np.array(total), alpha))
    return Interval(estimate, estimate - half_width, estimate + half_width)


def arm_rate(weights: ArrayLike, hits: ArrayLike, total: ArrayLike, other: ArrayLike) -> betting.Outcomes:
    """What is bet on to know the rate of one arm, whose units come with probability `weights`.

    `hits` of its `total` units violate; `other` counts the units of the other arm. Shapes `(..., steps)`.
    """
    shares, violating = np.asarray(weights, np.float64), np.asarray(hits, np.float64)
    quiet = np.asarray(total, np.float64) - violating + np.asarray(other, np.float64)
    values = np.concatenate([1 / shares, np.zeros_like(shares)])
    return betting.Outcomes.of(values, np.concatenate([violating, quiet], -1), 0.0, np.tile(1 / shares, 2))


def level(score: float, chance: float) -> int:
    """The level that a score is rounded to: up with the probability of what is left, by a uniform `chance`.

    So the mean of the levels is the mean of the scores, however few levels there are.

    >>> level(0.52, 0.1), level(0.52, 0.9), level(1.0, 0.99)
    (5, 6, 10)
    """
    return min(int(score * (LEVELS - 1) + chance), LEVELS - 1)


def betted(weights: ArrayLike, treatment: ArrayLike, control: ArrayLike) -> betting.Outcomes:
    """What is bet on, from how often each level came: shapes `(..., steps, levels)`.

    The mean of these outcomes is the difference of the arms' mean scores.
    """
    shares = np.asarray(weights, np.float64)
    treated, untreated = np.asarray(treatment, np.float64), np.asarray(control, np.float64)
    scale = np.linspace(0, 1, treated.shape[-1])
    values, low, high = _ranges(tuple(shares.tolist()), tuple(scale.tolist()))
    counts = np.concatenate([_flat(treated), _flat(untreated)], -1)
    return betting.Outcomes(values, counts, low, high)


@lru_cache(maxsize=1024)
def _ranges(weights: tuple[float, ...], scale: tuple[float, ...]) -> tuple[Array, Array, Array]:
    shares, levels = np.array(weights)[:, None], np.array(scale)
    values = np.concatenate([(levels / shares).ravel(), (-levels / (1 - shares)).ravel()])
    low = np.broadcast_to(-1 / (1 - shares), (len(weights), len(scale))).ravel()
    high = np.broadcast_to(1 / shares, (len(weights), len(scale))).ravel()
    return values, np.tile(low, 2), np.tile(high, 2)


def _flat(counts: Array) -> Array:
    return counts.reshape(*counts.shape[:-2], -1)


def _mean(arm: Moments, inverse: Array, slope: Array, center: Array) -> Array:
    # Each arm's own total of inverse weights: the mean is then exact for a constant score.
    weight = np.maximum((arm.count * inverse).sum(-1), 1e-12)
    return np.asarray(
        (arm.y * inverse).sum(-1) / weight - slope * ((arm.x * inverse).sum(-1) / weight - center)
    )


def _slope(groups: tuple[Moments, Moments], inverse: tuple[Array, Array]) -> Array:
    covariance = variance = np.float64(0)
    for arm, weight in zip(groups, inverse, strict=True):
        total = np.maximum((arm.count * weight).sum(-1), 1e-12)
        x, y = (arm.x * weight).sum(-1), (arm.y * weight).sum(-1)
        covariance = covariance + (arm.xy * weight).sum(-1) - x * y / total
        variance = variance + (arm.xx * weight).sum(-1) - x * x / total
    return np.asarray(np.divide(covariance, variance, out=np.zeros_like(variance), where=variance > 1e-9))


def _residual(arm: Moments, mean: Array, slope: Array, center: Array) -> Array:
    # Sum of (y - mean - slope (x - center))^2 at each weight.
    at, tilt = (mean - slope * center)[..., None], slope[..., None]
    return np.asarray(
        arm.yy - 2 * at * arm.y - 2 * tilt * arm.xy
        + at**2 * arm.count + 2 * at * tilt * arm.x + tilt**2 * arm.xx
    )  # fmt: skip
