"""Cells of the matrix: how much a system moves a measure, on the same items as the undefended model."""

import math
import random
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from monitors.crossrisk.run import UNDEFENDED, Result
from monitors.intervals import wilson

Verdict = Literal["worse", "better", "none"]
ALPHA = 0.05
LEAST = 0.02
"""The smallest difference that counts as an effect, however sure it is."""
FEW = 8
"""Items that must differ before their spread says how sure a mean is."""
_DRAWS = 4000
_FLIPS = 40_000


@dataclass(frozen=True, slots=True)
class Cell:
    """One system and one measure over `items` pairs; shares and scores in [0, 1], 1 worst.

    difference: defended minus undefended, with its 95 % interval; p of no difference, before and
    (`adjusted`) after Holm's correction over all cells of its family.
    """

    system: str
    measure: str
    items: int
    undefended: float
    defended: float
    lower: float
    upper: float
    p: float
    adjusted: float = 1.0

    @property
    def difference(self) -> float:
        """How much the system adds to the risk."""
        return self.defended - self.undefended

    @property
    def verdict(self) -> Verdict:
        """Whether that is an effect: sure after correction, and not tiny."""
        if self.adjusted >= ALPHA or abs(self.difference) < LEAST:
            return "none"
        return "worse" if self.difference > 0 else "better"


@dataclass(frozen=True, slots=True)
class Price:
    """What a system costs: calls to the model for each conversation, and the share of items blocked."""

    system: str
    calls: float
    blocked: float


def cells(results: Iterable[Result], tasks: Iterable[str] = ()) -> list[Cell]:
    """Every cell that has pairs, corrected for how many there are (Holm, 1979).

    Measures of `tasks`, which know the truth, are one family, those of live monitors another.
    """
    scores: dict[str, dict[str, dict[str, float]]] = {}
    for result in results:
        for measure, score in result.scores.items():
            scores.setdefault(measure, {}).setdefault(result.system, {})[result.item] = score
    found = [
        cell
        for measure, by_system in scores.items()
        for system, own in by_system.items()
        if system != UNDEFENDED and (cell := _cell(system, measure, by_system.get(UNDEFENDED, {}), own))
    ]
    known = frozenset(tasks)
    families = ([cell for cell in found if (cell.measure in known) is inside] for inside in (True, False))
    return [cell for family in families for cell in _corrected(family)]


def prices(results: Iterable[Result], prompts: Mapping[str, int]) -> list[Price]:
    """By system; `prompts` has the conversations of each item by task."""
    own: dict[str, list[Result]] = {}
    for result in results:
        own.setdefault(result.system, []).append(result)
    return [
        Price(
            system,
            sum(one.calls for one in some) / sum(prompts.get(one.task, 1) for one in some),
            sum(one.blocked for one in some) / len(some),
        )
        for system, some in own.items()
    ]


def _cell(system: str, measure: str, before: Mapping[str, float], after: Mapping[str, float]) -> Cell | None:
    common = sorted(before.keys() & after.keys())
    pairs = [(before[item], after[item]) for item in common]
    if not pairs:
        return None
    binary = all(value in (0.0, 1.0) for pair in pairs for value in pair)
    lower, upper, p = _binary(pairs) if binary else _graded(pairs)
    return Cell(
        system, measure, len(pairs),
        sum(pair[0] for pair in pairs) / len(pairs), sum(pair[1] for pair in pairs) / len(pairs),
        lower, upper, p,
    )  # fmt: skip


def _binary(pairs: Sequence[tuple[float, float]]) -> tuple[float, float, float]:
    """Newcombe's interval for a paired difference (1998, method 10) and McNemar's exact test."""
    n = len(pairs)
    both = sum(a == b == 1 for a, b in pairs)
    lost = sum(a > b for a, b in pairs)
    won = sum(b > a for a, b in pairs)
    neither = n - both - lost - won
    lower, upper = newcombe(both, won, lost, neither)
    return lower, upper, mcnemar(won, lost)


def newcombe(both: int, won: int, lost: int, neither: int) -> tuple[float, float]:
    """The 95 % interval of (both + won)/n - (both + lost)/n for paired shares.

    Newcombe, 1998, "Improved confidence intervals for the difference between binomial proportions
    based on paired data", Statistics in Medicine 17, method 10. Sound where a cell is empty.

    >>> [round(end, 4) for end in newcombe(36, 12, 2, 0)]
    [0.0569, 0.3404]
    """
    n = both + won + lost + neither
    first, second = (both + won) / n, (both + lost) / n
    one, two = wilson(first, n), wilson(second, n)
    margins = (both + won) * (lost + neither) * (both + lost) * (won + neither)
    product = float(both * neither - won * lost)
    if product > 0:
        product = max(product - n / 2, 0.0)
    phi = product / math.sqrt(margins) if margins else 0.0
    down, up = (first - one.lower, two.upper - second), (one.upper - first, second - two.lower)
    gap = first - second
    return gap - _joined(*down, phi), gap + _joined(*up, phi)


def _joined(one: float, other: float, phi: float) -> float:
    return math.sqrt(max(one * one - 2 * phi * one * other + other * other, 0.0))


def mcnemar(won: int, lost: int) -> float:
    """The exact two-sided p of as many wins as losses (McNemar, 1947).

    >>> mcnemar(0, 0), mcnemar(5, 0)
    (1.0, 0.0625)
    """
    n, few = won + lost, min(won, lost)
    return min(1.0, 2 * sum(math.comb(n, k) for k in range(few + 1)) / float(2**n))


def _graded(pairs: Sequence[tuple[float, float]]) -> tuple[float, float, float]:
    """A bootstrap over items, and a test that flips the signs of their differences at random.

    Where fewer than `FEW` items differ the bootstrap knows too little, so the interval is no narrower than
    what no difference at all in n items leaves open, 3/n.
    """
    differences = [after - before for before, after in pairs]
    n, rng = len(differences), random.Random(0)  # noqa: S311 (nothing secret)
    mean = sum(differences) / n
    drawn = sorted(sum(rng.choices(differences, k=n)) / n for _ in range(_DRAWS))
    lower, upper = drawn[round(_DRAWS * ALPHA / 2)], drawn[round(_DRAWS * (1 - ALPHA / 2)) - 1]
    moved = [difference for difference in differences if difference]
    p = _flipped(np.array(moved), abs(sum(moved)))
    if len(moved) < FEW:
        return max(min(lower, mean - 3 / n), -1.0), min(max(upper, mean + 3 / n), 1.0), p
    return lower, upper, p


def _flipped(moved: NDArray[np.float64], total: float) -> float:
    """How often the sum is as far from zero when each sign is thrown."""
    signs = np.random.default_rng(0).choice((-1.0, 1.0), (_FLIPS, len(moved)))
    extreme = int((np.abs(signs @ moved) >= total - 1e-9).sum())
    return (extreme + 1) / (_FLIPS + 1)


def _corrected(found: Sequence[Cell]) -> list[Cell]:
    """The cells with p multiplied as Holm wants it."""
    order = sorted(range(len(found)), key=lambda index: found[index].p)
    adjusted, highest = [1.0] * len(found), 0.0
    for rank, index in enumerate(order):
        highest = max(highest, min(1.0, found[index].p * (len(found) - rank)))
        adjusted[index] = highest
    return [replace(cell, adjusted=value) for cell, value in zip(found, adjusted, strict=True)]
