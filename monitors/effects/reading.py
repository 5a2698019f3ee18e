"""Reading: what a ledger says beyond single cells: of two defenses together, and behind an erring monitor."""

from collections.abc import Mapping

import numpy as np

from monitors.effects import betting, judge, scores, together
from monitors.effects.interval import Interval
from monitors.effects.judge import Calibration, Corrected
from monitors.effects.ledger import Column, Counts, Ledger
from monitors.effects.paired import Pairs


def cells(ledger: Ledger, pair: tuple[str, str], measure: str) -> together.Cells:
    """The four cells of two defenses that are counted together, for one measure."""
    counts, place = ledger.counts(pair), ledger.measures.index(measure)
    units, violations = (
        counts.table[:, :, place, column] for column in (Column.UNITS, Column.UNIT_VIOLATIONS)
    )
    return together.Cells.of(counts.weights, units, violations)


def pairs(ledger: Ledger, defenses: tuple[str, ...], measure: str) -> Pairs:
    """Replayed pairs that differ in exactly `defenses`, in any order, for one measure."""
    return Pairs.of(*ledger.pairs(tuple(sorted(defenses)))[ledger.measures.index(measure)])


def corrected_rates(
    ledger: Ledger,
    defense: str,
    measure: str,
    calibrations: tuple[Calibration, Calibration],
    alpha: float = 0.05,
) -> tuple[Corrected, Corrected]:
    """True rates with and without a defense, by the calibrations of treatment and control.

    A quarter of alpha goes to each observed rate and to each calibration, so all that follows from both
    (`judge.corrected_ratio`, `judge.corrected_difference`) holds at alpha.
    """
    counts, place = ledger.counts((defense,)), ledger.measures.index(measure)
    treatment, control = (
        judge.correct(betting.confidence(_rate(counts, place, arm), alpha / 4), calibration, alpha / 4)
        for arm, calibration in zip((1, 0), calibrations, strict=True)
    )
    return treatment, control


def poststratified(
    ledger: Ledger, defense: str, measure: str, shares: Mapping[str, float], alpha: float = 0.05
) -> Interval | None:
    """The difference of mean scores at fixed shares of the strata; None until each of them has enough."""
    place = ledger.measures.index(measure)
    strata = [ledger.counts((defense,), stratum).arms().at(place) for stratum in shares]
    return scores.poststratified(strata, list(shares.values()), alpha)


def _rate(counts: Counts, place: int, arm: int) -> betting.Outcomes:
    hits, units, other = (
        counts.table[:, which, place, column].astype(np.float64)
        for which, column in ((arm, Column.UNIT_VIOLATIONS), (arm, Column.UNITS), (1 - arm, Column.UNITS))
    )
    weights = counts.weights[:, 0]
    return scores.arm_rate(weights if arm else 1 - weights, hits, units, other)
