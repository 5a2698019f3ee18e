"""Many cells at once: which effects to act on, and which to show as found.

* `e_holm` decides: the chance of even one false rejection is at most alpha at any time, whatever the cells
  have in common. It may be fed the largest e-value each cell ever had, because one over that is a p-value
  valid at every time (Vovk and Wang, "E-values: calibration, combination and applications", 2021).
* `e_bh` shows: of the cells flagged, a share of at most alpha is false on average (Wang and Ramdas, "False
  discovery rate control with e-values", 2022). It takes current e-values only; with running maxima its
  promise does not hold.
"""

import math
from collections.abc import Mapping
from typing import TypeVar

Name = TypeVar("Name")


def e_holm(log_evalues: Mapping[Name, float], alpha: float = 0.05) -> frozenset[Name]:
    """Names whose nulls are rejected, with the chance of any mistake at most `alpha`.

    >>> sorted(e_holm({"a": math.log(70), "b": math.log(45), "c": math.log(19)}))
    ['a', 'b']
    """
    ordered = sorted(log_evalues, key=log_evalues.__getitem__, reverse=True)
    for place, name in enumerate(ordered):
        if log_evalues[name] < math.log((len(ordered) - place) / alpha):
            return frozenset(ordered[:place])
    return frozenset(ordered)


def e_bh(log_evalues: Mapping[Name, float], alpha: float = 0.05) -> frozenset[Name]:
    """Names flagged, of which on average at most a share of `alpha` is false.

    >>> sorted(e_bh({"a": math.log(31), "b": math.log(30), "c": math.log(19)}))
    ['a', 'b']
    """
    ordered = sorted(log_evalues, key=log_evalues.__getitem__, reverse=True)
    for place in range(len(ordered), 0, -1):
        if log_evalues[ordered[place - 1]] >= math.log(len(ordered) / (alpha * place)):
            return frozenset(ordered[:place])
    return frozenset()
