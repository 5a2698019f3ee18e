"""Shares and areas with 95 % intervals, from labels that may stand for more than one exchange each."""

import math
from bisect import bisect_left, bisect_right
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import accumulate

Z = 1.959963984540054
"""The 97.5th percentile of the normal distribution."""


@dataclass(frozen=True, slots=True)
class Interval:
    """An estimate and its 95 % bounds, all in [0, 1]."""

    value: float
    lower: float
    upper: float


def wilson(share: float, size: float) -> Interval:
    """Wilson's interval (1927) for a share of `size` draws; `size` need not be whole (see `effective_size`).

    >>> wilson(0.8, 10)
    Interval(value=0.8, lower=0.490..., upper=0.943...)
    """
    middle = (share + Z * Z / (2 * size)) / (1 + Z * Z / size)
    half = Z * math.sqrt(share * (1 - share) / size + Z * Z / (4 * size * size)) / (1 + Z * Z / size)
    # At either end the bound is the estimate, and only rounding says otherwise.
    lower, upper = min(share, max(0.0, middle - half)), max(share, min(1.0, middle + half))
    return Interval(share, lower, upper)


def effective_size(weights: Sequence[float]) -> float:
    """How many draws of equal weight tell as much (Kish 1965).

    >>> effective_size([1, 1, 1]), effective_size([4, 1])
    (3.0, 1.470...)
    """
    return sum(weights) ** 2 / sum(weight * weight for weight in weights)


def share(hits: Sequence[bool], weights: Sequence[float]) -> Interval | None:
    """The weighted share of `hits`; None of nothing."""
    if not hits:
        return None
    hit = sum(weight for weight, one in zip(weights, hits, strict=True) if one)
    return wilson(min(1.0, hit / sum(weights)), effective_size(weights))


@dataclass(frozen=True, slots=True)
class Sample:
    """Scores of one kind of exchange, and what each stands for."""

    scores: Sequence[float]
    weights: Sequence[float]


def auroc(positives: Sample, negatives: Sample) -> Interval | None:
    """The area under the ROC curve; None where a kind is missing.

    The bounds are those of DeLong et al. (1988) on the logit scale; where the area is 0 or 1, which leaves
    no variance, those of Wilson for the smaller kind.
    """
    if not positives.scores or not negatives.scores:
        return None
    wins = _beaten(positives.scores, negatives)
    losses = [1 - beaten for beaten in _beaten(negatives.scores, positives)]
    area = _mean(wins, positives.weights)
    variance = _variance(wins, positives.weights, area) + _variance(losses, negatives.weights, area)
    if not 0 < area < 1 or variance <= 0:
        size = min(effective_size(positives.weights), effective_size(negatives.weights))
        return wilson(min(1.0, max(0.0, area)), size)
    middle, half = math.log(area / (1 - area)), Z * math.sqrt(variance) / (area * (1 - area))
    return Interval(area, _logistic(middle - half), _logistic(middle + half))


def _beaten(scores: Sequence[float], others: Sample) -> list[float]:
    """For each score the weighted share of the others below it; ties are half."""
    order = sorted(range(len(others.scores)), key=others.scores.__getitem__)
    ordered = [others.scores[at] for at in order]
    below = [0.0, *accumulate(others.weights[at] for at in order)]
    return [
        (below[bisect_left(ordered, score)] + below[bisect_right(ordered, score)]) / (2 * below[-1])
        for score in scores
    ]


def _mean(values: Sequence[float], weights: Sequence[float]) -> float:
    return sum(map(float.__mul__, map(float, values), map(float, weights))) / sum(weights)


def _variance(values: Sequence[float], weights: Sequence[float], mean: float) -> float:
    """Of the weighted mean of `values`; with equal weights that of DeLong."""
    size = len(values)
    if size < 2:
        return 0.0
    pairs = zip(values, weights, strict=True)
    squares = sum((weight * (value - mean)) ** 2 for value, weight in pairs)
    return size / (size - 1) * squares / sum(weights) ** 2


def _logistic(value: float) -> float:
    return 1 / (1 + math.exp(-value))
