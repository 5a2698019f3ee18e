"""Joint: reads what pairs of defenses do together, and how risks treat each other, from a ledger."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations

from gateway.types import Risk
from monitors.effects import together
from monitors.effects.asymmetry import Asymmetry, Scale, asymmetry
from monitors.effects.estimate import Settings
from monitors.effects.interval import Interval, threshold
from monitors.effects.ledger import Column, Ledger
from monitors.effects.together import Cells, Retention

RISKS: tuple[Risk, ...] = ("safety", "fairness", "privacy", "utility")


@dataclass(frozen=True, slots=True)
class Interaction:
    """Two defenses and a measure; see together.py for the scales. Absent is what nothing tells of yet."""

    defenses: tuple[str, str]
    measure: str
    units: int
    """Units in all four arms."""
    ratio: Interval | None = None
    """Above 1 the two are worse together than each by itself would make them."""
    difference: Interval | None = None
    log_evidence: float = 0.0
    """Against "each does the same with and without the other"."""
    retention: Retention | None = None
    """Of the first defense's gain when the second joins."""
    replayed: Interval | None = None
    """The difference, from replays in all four arms."""

    def sure(self, alpha: float) -> bool:
        """Whether the two do not leave each other alone, for this pair and measure by itself."""
        apart = self.replayed is not None and not self.replayed.lower <= 0 <= self.replayed.upper
        return self.log_evidence >= threshold(alpha) or apart


@dataclass(frozen=True, slots=True)
class Sides:
    """How the defenses of two risks treat each other's."""

    first: Risk
    second: Risk
    asymmetry: Asymmetry


def interactions(
    ledger: Ledger, settings: Settings, pairs: Sequence[tuple[str, str]]
) -> Iterator[Interaction]:
    """Every pair and measure with evidence, from live traffic or replays."""
    for pair in pairs:
        for place, measure in enumerate(ledger.measures):
            found = _interaction(ledger, settings, pair, place, measure)
            if found is not None:
                yield found


def asymmetries(
    ledger: Ledger, settings: Settings, targets: Mapping[str, Risk], risks: Mapping[str, Risk]
) -> Iterator[Sides]:
    """Every two risks that have defenses and measures with effects; live traffic first, else replays."""
    scales: tuple[Scale, ...] = ("difference", "replayed_difference")
    for pair in combinations(RISKS, 2):
        for scale in scales:
            found = asymmetry(ledger, settings, targets, risks, pair, scale)
            if found is not None:
                yield Sides(*pair, found)
                break


def _interaction(
    ledger: Ledger, settings: Settings, pair: tuple[str, str], place: int, measure: str
) -> Interaction | None:
    counts, alpha = ledger.counts(pair), settings.alpha
    units = counts.table[:, :, place, Column.UNITS].astype(float)
    replayed = _replayed(ledger, pair, place, alpha)
    if units.size == 0 or not (units.sum(0) > 0).all():
        return None if replayed is None else Interaction(pair, measure, 0, replayed=replayed)
    cells = Cells.of(counts.weights, units, counts.table[:, :, place, Column.UNIT_VIOLATIONS])
    return Interaction(
        pair,
        measure,
        int(units.sum()),
        together.ratio_of_ratios(cells, alpha),
        together.difference_in_differences(cells, alpha),
        float(together.log_interaction(cells)),
        together.retention(cells, alpha),
        replayed,
    )


def _replayed(ledger: Ledger, pair: tuple[str, str], place: int, alpha: float) -> Interval | None:
    surplus = ledger.joint(pair)[place]
    return together.interaction_of_replays(surplus, alpha) if surplus.any() else None
