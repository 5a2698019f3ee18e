"""Sample ratio mismatch: whether the units that were scored came to the arms as they were sent.

If more of one arm's units get lost on the way (a monitor that times out on long answers, a tap that drops
blocked ones), no effect is to be believed. At each weight the number of treated units is bet on with a beta
mixture around that weight: the ratio of the beta-binomial prediction to the binomial one is a martingale
when nothing is wrong (as in Lindon and Malek 2022; the mixture is ours). Units are counted once, at their
first scored exchange of an epoch: exchanges of one unit share its arm and are no independent evidence.
"""

import math
from collections.abc import Iterable
from dataclasses import dataclass

ALPHA = 0.001
"""Level at which the split counts as broken; small, because the verdict voids every effect."""

_STRENGTH = 50.0  # units whose split the mixture takes for known: deviations of some percent are expected


@dataclass(frozen=True, slots=True)
class Split:
    """Units scored in treatment and control at one weight."""

    weight: float
    treatment: int
    control: int


def log_evalue(splits: Iterable[Split]) -> float:
    """Log e-value against "each unit went to treatment with the logged weight".

    >>> log_evalue([Split(0.5, 500, 500)]) < 0 < log_evalue([Split(0.5, 500, 620)])
    True
    """
    return sum(map(_one, splits))


def mismatch(splits: Iterable[Split], alpha: float = ALPHA) -> bool:
    """Whether the split is broken."""
    return log_evalue(splits) >= -math.log(alpha)


def _one(split: Split) -> float:
    treatment, control = _STRENGTH * split.weight, _STRENGTH * (1 - split.weight)
    return (
        _log_beta(treatment + split.treatment, control + split.control)
        - _log_beta(treatment, control)
        - split.treatment * math.log(split.weight)
        - split.control * math.log1p(-split.weight)
    )


def _log_beta(first: float, second: float) -> float:
    return math.lgamma(first) + math.lgamma(second) - math.lgamma(first + second)
