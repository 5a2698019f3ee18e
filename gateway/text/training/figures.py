"""How well scores tell one kind of text from another."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]


def auroc(scores: Sequence[float], labels: Sequence[int]) -> float:
    """Area under the ROC curve (Hanley & McNeil 1982): how often a positive beats a negative; ties are half.

    >>> auroc([0.1, 0.4, 0.35, 0.8], [0, 0, 1, 1])
    0.75
    """
    values, kinds = np.asarray(scores, dtype=float), np.asarray(labels)
    order = values.argsort(kind="stable")
    ranks = np.empty(len(values))
    ranks[order] = np.arange(1, len(values) + 1)
    _, inverse, counts = np.unique(values, return_inverse=True, return_counts=True)
    ranks = (np.bincount(inverse, ranks) / counts)[inverse]
    positive = int(kinds.sum())
    negative = len(kinds) - positive
    if not positive or not negative:
        return float("nan")
    return float((ranks[kinds == 1].sum() - positive * (positive + 1) / 2) / (positive * negative))


def threshold_at(negatives: Sequence[float], rate: float) -> float:
    """The smallest of the scores of `negatives` that at most `rate` of them exceed.

    >>> threshold_at([0.1, 0.2, 0.3, 0.4], 0.25)
    0.3
    """
    ordered = sorted(negatives)
    return float(ordered[len(ordered) - 1 - int(rate * len(ordered))])


def share_above(scores: Sequence[float], threshold: float) -> float:
    """The share of `scores` above `threshold`; nan of none."""
    return float(np.mean(np.asarray(scores) > threshold)) if len(scores) else float("nan")


def sigmoid(logits: Sequence[float] | Floats) -> Floats:
    """Logits as probabilities."""
    probabilities: Floats = 1 / (1 + np.exp(-np.clip(np.asarray(logits, dtype=float), -60, 60)))
    return probabilities


@dataclass(frozen=True, slots=True)
class Calibration:
    """Platt scaling (Platt 1999): the probability is sigmoid(scale * logit + shift).

    curve: mean prediction, observed rate and count for each tenth of the predictions; error: expected
    calibration error (Naeini et al. 2015).
    """

    scale: float
    shift: float
    curve: tuple[tuple[float, float, int], ...]
    error: float


def calibrate(logits: Sequence[float], labels: Sequence[int]) -> Calibration:
    """Fit by Newton's method on held-back texts, each kind weighing the same."""
    x, y = np.asarray(logits, dtype=float), np.asarray(labels, dtype=float)
    weight = np.where(y == 1, 0.5 / max(y.sum(), 1), 0.5 / max((1 - y).sum(), 1)) * len(y)
    design = np.stack([x, np.ones_like(x)], axis=1)
    solution = np.array([1.0, 0.0])
    for _ in range(50):
        p = sigmoid(design @ solution)
        gradient = design.T @ (weight * (p - y)) + 1e-3 * (solution - np.array([1.0, 0.0]))
        hessian = (design * (weight * p * (1 - p))[:, None]).T @ design + 1e-3 * np.eye(2)
        step = np.linalg.solve(hessian, gradient)
        solution = solution - np.clip(step, -1, 1)
        if np.abs(step).max() < 1e-9:
            break
    scale, shift = float(solution[0]), float(solution[1])
    predictions = sigmoid(scale * x + shift)
    curve, error = _reliability(predictions, y, weight)
    return Calibration(scale, shift, curve, error)


def _reliability(
    predictions: Floats, labels: Floats, weight: Floats
) -> tuple[tuple[tuple[float, float, int], ...], float]:
    points: list[tuple[float, float, int]] = []
    error = 0.0
    bins = np.minimum((predictions * 10).astype(int), 9)
    for tenth in range(10):
        inside = bins == tenth
        if not inside.any():
            continue
        mass = weight[inside]
        predicted = float(np.average(predictions[inside], weights=mass))
        observed = float(np.average(labels[inside], weights=mass))
        points.append((round(predicted, 4), round(observed, 4), int(inside.sum())))
        error += float(mass.sum() / weight.sum()) * abs(predicted - observed)
    return tuple(points), round(error, 4)
