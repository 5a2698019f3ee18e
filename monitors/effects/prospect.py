"""Prospect: how many more violations would settle a question, if the ratio stays what it seems to be."""

import math

from monitors.effects.cusum import treated_share
from monitors.effects.interval import threshold

PRICE = 1.3
"""What a mixture over ratios costs over knowing the ratio beforehand; see docs/effects.md."""


def violations_needed(
    weight: float, ratio: float, null: float, evidence: float, alpha: float
) -> float | None:
    """Violations, in both arms, until a log e-value that stands at `evidence` reaches proof.

    Each violation is expected to add the Kullback-Leibler divergence between where it falls at `ratio` and
    where it would fall at the `null` ratio (Wald, 1945, for the expected length of a sequential test).
    None where that is nothing: at the null itself.

    >>> round(violations_needed(0.5, 2.0, 1.0, 0.0, 0.05))
    69
    """
    here, there = treated_share(weight, ratio), treated_share(weight, null)
    gain = _divergence(here, there)
    missing = max(threshold(alpha) - evidence, 0.0)
    if gain < 1e-9:
        return None if missing else 0.0
    return PRICE * missing / gain


def _divergence(here: float, there: float) -> float:
    parts = ((here, there), (1 - here, 1 - there))
    return sum(one * math.log(one / other) for one, other in parts if one > 0)
