"""Interval: an estimate with its confidence sequence; and the search for its ends."""

import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Interval:
    """A confidence sequence as it stands; None where there is no estimate yet, infinite where it has no end.

    Over the whole life of the sequence, all its states together miss the truth with a probability of at
    most alpha.
    """

    estimate: float | None
    lower: float
    upper: float

    def __post_init__(self) -> None:
        if not self.lower <= self.upper:
            raise ValueError(f"an interval from {self.lower} to {self.upper}")

    def __contains__(self, value: float) -> bool:
        return self.lower <= value <= self.upper

    def __add__(self, other: "Interval") -> "Interval":
        estimate = None if self.estimate is None or other.estimate is None else self.estimate + other.estimate
        return Interval(estimate, self.lower + other.lower, self.upper + other.upper)

    def __neg__(self) -> "Interval":
        return Interval(None if self.estimate is None else -self.estimate, -self.upper, -self.lower)

    def __sub__(self, other: "Interval") -> "Interval":
        return self + -other

    def map(self, function: Callable[[float], float]) -> "Interval":
        """The interval of an increasing function of the value.

        >>> Interval(1.5, 1.0, 2.0).map(lambda ratio: ratio - 1)
        Interval(estimate=0.5, lower=0.0, upper=1.0)
        """
        estimate = None if self.estimate is None else function(self.estimate)
        return Interval(estimate, function(self.lower), function(self.upper))


def mean(intervals: list[Interval]) -> Interval:
    """The mean of several values, each inside its interval; their dependence does not matter."""
    total = intervals[0]
    for interval in intervals[1:]:
        total = total + interval
    return total.map(lambda value: value / len(intervals))


def bisect(function: Callable[[Array], Array], low: Array, high: Array, rounds: int = 50) -> Array:
    """Where an increasing `function` crosses zero between `low` and `high`, element by element.

    Without a crossing it is the end that is nearer to one.
    """
    low, high = np.array(low, dtype=np.float64), np.array(high, dtype=np.float64)
    for _ in range(rounds):
        middle = (low + high) / 2
        below = function(middle) < 0
        low, high = np.where(below, middle, low), np.where(below, high, middle)
    return (low + high) / 2


def log_mean(logs: Array, weights: Array | None = None) -> Array:
    """Logarithm of the weighted mean of `exp(logs)` over the last axis; equal weights by default."""
    top = logs.max(axis=-1, keepdims=True)
    top = np.where(np.isfinite(top), top, 0.0)
    raised = np.exp(logs - top)
    mixed = raised.mean(axis=-1) if weights is None else raised @ weights
    with np.errstate(divide="ignore"):
        return np.asarray(top[..., 0] + np.log(mixed))


def threshold(alpha: float) -> float:
    """What a log e-value must reach to reject at level `alpha` (Ville's inequality)."""
    return -math.log(alpha)
