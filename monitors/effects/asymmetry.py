"""Asymmetry: whether the defenses of one risk do to another what that one's defenses do to the first.

I[t][r] is the mean effect of all defenses of risk t on all measures of risk r; A(t, r) = I[t][r] - I[r][t].
The definition is ours; that effects are asymmetric across pairs of risks is a finding of CrossRiskEval (arXiv
2510.07968). Cells share their traffic, so nothing is assumed of their dependence: each interval gets an equal
part of alpha, and the ends are averaged.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Literal

from gateway.types import Risk
from monitors.effects.cell import Cell
from monitors.effects.estimate import Settings, cells
from monitors.effects.interval import Interval, mean
from monitors.effects.ledger import Ledger

Scale = Literal["relative", "difference", "replayed_difference"]
"""Which of a cell's effects is averaged. A relative change is missing where its base is near zero."""


@dataclass(frozen=True, slots=True)
class Asymmetry:
    """How two risks' defenses treat each other; all three intervals hold together."""

    first_on_second: Interval
    second_on_first: Interval
    difference: Interval
    cells: int
    """Cells averaged."""
    missing: int
    """Cells without such an effect. They are left out, so both means are about the others only."""


def asymmetry(
    ledger: Ledger,
    settings: Settings,
    targets: Mapping[str, Risk],
    risks: Mapping[str, Risk],
    pair: tuple[Risk, Risk],
    scale: Scale = "relative",
) -> Asymmetry | None:
    """A(first, second), by each defense's target and each measure's risk; None while a side has no cell."""
    first, second = pair
    wanted = [(defense, measure) for defense in targets for measure in risks
              if {targets[defense], risks[measure]} == {first, second} and first != second]  # fmt: skip
    if not wanted:
        return None
    shared = replace(settings, alpha=settings.alpha / len(wanted))
    found = {(cell.defense, cell.measure): cell for cell in cells(ledger, shared)}
    sides: dict[Risk, list[Interval]] = {first: [], second: []}
    for defense, measure in wanted:
        effect = _effect(found.get((defense, measure)), scale)
        if effect is not None:
            sides[targets[defense]].append(effect)
    if not sides[first] or not sides[second]:
        return None
    forth, back = mean(sides[first]), mean(sides[second])
    told = len(sides[first]) + len(sides[second])
    return Asymmetry(forth, back, forth - back, told, len(wanted) - told)


def _effect(cell: Cell | None, scale: Scale) -> Interval | None:
    if cell is None or not cell.valid:
        return None
    if scale == "relative":
        return cell.relative
    return cell.difference if scale == "difference" else cell.replayed_difference
