"""Streams of violations with known effects, many runs at once, for the simulations of monitors/effects.

Shapes: `runs` first, then `looks`; counts are cumulative, so that looking at every one of them is what an
impatient operator does.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from monitors.effects import ratio, scores
from monitors.effects.paired import Pairs
from monitors.effects.ratio import Violations
from monitors.effects.scores import Arms, Moments

Array = NDArray[np.float64]
PROOF = math.log(20)
"""What a log e-value must reach at the 5 % level."""


@dataclass(frozen=True, slots=True)
class Rollout:
    """One experiment: the weight and the base rate at each look, `block` exchanges between looks."""

    weights: Sequence[float]
    bases: Sequence[float]
    block: int
    ratio: float = 1.0

    @classmethod
    def steady(cls, weight: float, base: float, looks: int, block: int, ratio: float = 1.0) -> "Rollout":
        """The same weight and rate throughout."""
        return cls([weight] * looks, [base] * looks, block, ratio)


@dataclass(frozen=True, slots=True)
class Seen:
    """Cumulative counts of a rollout, `(runs, looks, steps)`, one step for each weight."""

    weights: Array
    treated: Array
    untreated: Array
    treated_violations: Array
    untreated_violations: Array

    @property
    def violations(self) -> Violations:
        """As the ratio's estimators take them."""
        return Violations.of(self.weights, self.treated_violations, self.untreated_violations)

    @property
    def arms(self) -> Arms:
        """As the estimators of scores take them, for scores of 0 and 1."""
        none = np.zeros_like(self.treated)
        parts = [(self.treated, self.treated_violations), (self.untreated, self.untreated_violations)]
        return Arms(self.weights, *(Moments(count, hits, hits, none, none, none) for count, hits in parts))

    @property
    def z(self) -> Array:
        """What a dashboard without statistics shows: both arms thrown together, two proportions compared."""
        treated, untreated = self.treated.sum(-1), self.untreated.sum(-1)
        hits, misses = self.treated_violations.sum(-1), self.untreated_violations.sum(-1)
        pooled = (hits + misses) / (treated + untreated)
        with np.errstate(divide="ignore", invalid="ignore"):
            error = np.sqrt(pooled * (1 - pooled) * (1 / treated + 1 / untreated))
            return np.asarray(np.nan_to_num((hits / treated - misses / untreated) / error))


def run(rollout: Rollout, runs: int, seed: int) -> Seen:
    """Play a rollout, every exchange with an arm of its own."""
    rng = np.random.default_rng(seed)
    shares, bases = np.array(rollout.weights), np.array(rollout.bases)
    steps = np.unique(shares)
    treated = rng.binomial(rollout.block, shares, (runs, len(shares)))
    untreated = rollout.block - treated
    hits = rng.binomial(treated, np.minimum(bases * rollout.ratio, 1.0))
    misses = rng.binomial(untreated, bases)
    place = (shares[:, None] == steps).astype(np.float64)
    return Seen(
        steps, *(np.cumsum(part[:, :, None] * place, 1) for part in (treated, untreated, hits, misses))
    )


def alarmed(evidence: Array, level: float = PROOF) -> float:
    """Share of runs in which the evidence reached the level at any look."""
    return float((evidence >= level).any(1).mean())


def delays(evidence: Array, block: int, level: float = PROOF) -> Array:
    """Exchanges until the level was reached, infinite where it was not."""
    reached = evidence >= level
    return np.where(reached.any(1), (reached.argmax(1) + 1.0) * block, math.inf)


@dataclass(frozen=True, slots=True)
class Sticky:
    """Units of unequal propensity and activity, each in one arm for good."""

    units: int = 1000
    zipf: float = 1.0
    icc: float = 0.02
    base: float = 0.02
    exchanges: int = 30_000
    weight: float = 0.1
    ratio: float = 1.0
    looks: int = 100


@dataclass(frozen=True, slots=True)
class Counted:
    """Cumulative violations `(runs, looks, 1)` by three ways of counting the same traffic."""

    every: Violations
    first_violations: Violations
    first_exchanges: Violations


def sticky(traffic: Sticky, runs: int, seed: int) -> Counted:
    """Play traffic of sticky units and count it in three ways."""
    counted = [_sticky_run(traffic, np.random.default_rng([seed, number])) for number in range(runs)]
    stacked = np.array(counted, np.float64)  # runs, ways, arms, looks
    return Counted(
        *(Violations.of([traffic.weight], stacked[:, way, 1, :, None], stacked[:, way, 0, :, None])
          for way in range(3))
    )  # fmt: skip


def _sticky_run(traffic: Sticky, rng: np.random.Generator) -> Array:
    activity = np.arange(1, traffic.units + 1) ** -traffic.zipf
    cumulative = np.cumsum(rng.permutation(activity / activity.sum()))
    unit = np.minimum(np.searchsorted(cumulative, rng.random(traffic.exchanges)), traffic.units - 1)
    strength = 1 / traffic.icc - 1
    rates = rng.beta(traffic.base * strength, (1 - traffic.base) * strength, traffic.units)
    treated = rng.random(traffic.units) < traffic.weight
    rates = np.minimum(rates * np.where(treated, traffic.ratio, 1.0), 1.0)
    violates = rng.random(traffic.exchanges) < rates[unit]
    when = np.flatnonzero(violates)
    first_violations = when[np.unique(unit[when], return_index=True)[1]]
    first_exchanges = np.unique(unit, return_index=True)[1]
    ways = (when, first_violations, first_exchanges[violates[first_exchanges]])
    edges = np.linspace(0, traffic.exchanges, traffic.looks + 1)[1:]
    counts = np.zeros((3, 2, traffic.looks))
    for way, places in enumerate(ways):
        for arm in (0, 1):
            ordered = np.sort(places[treated[unit[places]] == arm])
            counts[way, arm] = np.searchsorted(ordered, edges)
    return counts


def pairs(better: float, worse: float, both: float, runs: int, looks: int, block: int, seed: int) -> Pairs:
    """Replayed pairs, cumulative, `(runs, looks)`."""
    chances = [worse, better, both, 1 - worse - better - both]
    drawn = np.random.default_rng(seed).multinomial(block, chances, (runs, looks)).cumsum(1)
    return Pairs.of(*np.moveaxis(drawn, -1, 0))


def beta_scores(
    weight: float,
    means: tuple[float, float],
    spread: float,
    correlation: float,
    shape: tuple[int, int, int],
    seed: int,
) -> Arms:
    """Moments of scores around the arms' means (treatment, control), with a covariate known before.

    `shape` is runs, looks, units a look. Scores are logit-free: a clipped sum of what the covariate explains
    and what it does not.
    """  # fmt: skip
    rng = np.random.default_rng(seed)
    runs, looks, block = shape
    sums = np.zeros((2, 6, runs, looks, 1))
    levels = np.zeros((2, runs, looks, 1, scores.LEVELS))
    for number in range(runs):
        treated = rng.random((looks, block)) < weight
        known = rng.standard_normal((looks, block))
        noise = correlation * known + math.sqrt(1 - correlation**2) * rng.standard_normal((looks, block))
        y = np.clip(np.where(treated, *means) + spread * noise, 0, 1)
        x = np.clip(0.5 + 0.15 * known, 0, 1)
        for arm, inside in enumerate((treated, ~treated)):
            for place, value in enumerate((np.ones_like(y), y, y * y, x, x * x, x * y)):
                sums[arm, place, number, :, 0] = np.cumsum((value * inside).sum(1))
            rounded = (y * (scores.LEVELS - 1) + 0.5).astype(int) + np.arange(looks)[:, None] * scores.LEVELS
            counted = np.bincount(rounded[inside], minlength=looks * scores.LEVELS)
            levels[arm, number, :, 0] = counted.reshape(looks, -1).cumsum(0)
    return Arms(np.array([weight]), *(Moments.of(*sums[arm], levels[arm]) for arm in (0, 1)))


def score_false_alarm(arms: Arms, truth: float = 0.0, *, adjusted: bool = True) -> float:
    """Share of runs in which the asymptotic sequence ever missed the truth, while there was enough."""
    estimate, half = scores.estimate_and_half_width(arms, 0.05, adjusted=adjusted)
    return float(((np.abs(estimate - truth) > half) & scores.enough(arms)).any(1).mean())


def missed(seen: Seen, truth: float) -> float:
    """Share of runs in which the confidence sequence of the ratio ever missed the truth."""
    return alarmed(ratio.against(seen.violations, truth))
