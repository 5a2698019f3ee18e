"""Judge: what the rate of violations is, given that the monitor that counts them errs.

A monitor with sensitivity se and specificity sp sees q = se p + (1 - sp)(1 - p) where the truth is p, so
p = (q + sp - 1) / (se + sp - 1) (Rogan and Gladen, "Estimating prevalence from the results of a screening
test", 1978). p rises with q and with sp, and falls with se, so the ends of p's interval are at the ends of
the others'. Each arm has a calibration of its own: a defense that changes how answers look changes how well
they are judged, and a specificity of .98 instead of .99 alone looks like a ratio of 1.35 at a rate of 2 %.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass

from monitors.effects.interval import Interval


@dataclass(frozen=True, slots=True)
class Calibration:
    """How a monitor judged answers whose truth people know, in one arm."""

    positives: int
    found: int
    """Of `positives`, those that the monitor counted as violations."""
    negatives: int
    cleared: int
    """Of `negatives`, those that it did not."""

    def __post_init__(self) -> None:
        if not (0 <= self.found <= self.positives and 0 <= self.cleared <= self.negatives):
            raise ValueError("calibration: no more can be judged right than were judged")

    def sensitivity(self, alpha: float) -> Interval:
        """Share of violations that the monitor finds."""
        return share(self.found, self.positives, alpha)

    def specificity(self, alpha: float) -> Interval:
        """Share of others that it leaves alone."""
        return share(self.cleared, self.negatives, alpha)


@dataclass(frozen=True, slots=True)
class Corrected:
    """A corrected value, or the reason why there is none."""

    value: Interval | None
    refused: str = ""


def correct(observed: Interval, calibration: Calibration, alpha: float = 0.025) -> Corrected:
    """The true rate behind an observed one; holds where both `observed` and the calibration hold.

    `alpha` is the calibration's part of the error: half for sensitivity, half for specificity. Refused where
    the monitor may be no better than a coin, and where no true rate could give the observed one.
    """
    sensitivity, specificity = calibration.sensitivity(alpha / 2), calibration.specificity(alpha / 2)
    if sensitivity.lower + specificity.lower <= 1:
        return Corrected(
            None, "sensitivity and specificity may add up to 1 or less: calibrate with more answers"
        )
    estimate = None
    if (
        observed.estimate is not None
        and sensitivity.estimate is not None
        and specificity.estimate is not None
    ):
        estimate = _rate(observed.estimate, sensitivity.estimate, specificity.estimate)
    lower = _rate(observed.lower, sensitivity.upper, specificity.lower)
    upper = _rate(observed.upper, sensitivity.lower, specificity.upper)
    if upper < 0 or lower > 1 or (estimate is not None and not 0 <= estimate <= 1):
        return Corrected(
            None, "the corrected rate leaves [0, 1]: the calibration is of other answers than these"
        )
    return Corrected(Interval(estimate, max(0.0, lower), min(1.0, upper)))


def corrected_ratio(treatment: Corrected, control: Corrected) -> Corrected:
    """Ratio of two corrected rates, by their worst combinations; refused where either is."""
    for arm in (treatment, control):
        if arm.value is None:
            return arm
    top, base = treatment.value, control.value
    assert top is not None
    assert base is not None
    estimate = top.estimate / base.estimate if top.estimate is not None and base.estimate else None
    lower = top.lower / base.upper if base.upper else 0.0
    return Corrected(Interval(estimate, lower, top.upper / base.lower if base.lower else math.inf))


def corrected_difference(treatment: Corrected, control: Corrected) -> Corrected:
    """Difference of two corrected rates, by their worst combinations; refused where either is."""
    for arm in (treatment, control):
        if arm.value is None:
            return arm
    assert treatment.value is not None
    assert control.value is not None
    return Corrected(treatment.value - control.value)


def share(hits: int, total: int, alpha: float = 0.05) -> Interval:
    """Confidence sequence of a share, from a uniform mixture: it may be read after every answer judged.

    >>> share(90, 100).estimate, 0.75 < share(90, 100).lower < 0.9 < share(90, 100).upper < 0.98
    (0.9, True)
    """
    misses = total - hits
    evidence = math.lgamma(hits + 1) + math.lgamma(misses + 1) - math.lgamma(total + 2) + math.log(alpha)

    def outside(value: float) -> bool:
        likelihood = (hits * math.log(value) if hits else 0.0) + (
            misses * math.log1p(-value) if misses else 0.0
        )
        return likelihood < evidence

    middle = hits / total if total else 0.5
    lower = _edge(outside, 0.0, middle) if hits else 0.0
    upper = _edge(outside, 1.0, middle) if misses else 1.0
    return Interval(hits / total if total else None, lower, upper)


def _edge(outside: Callable[[float], bool], far: float, near: float) -> float:
    for _ in range(60):
        middle = (far + near) / 2
        if outside(middle):
            far = middle
        else:
            near = middle
    return far


def _rate(observed: float, sensitivity: float, specificity: float) -> float:
    return (observed + specificity - 1) / (sensitivity + specificity - 1)
