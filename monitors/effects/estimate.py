"""Estimate: works out cells from a ledger, all measures of a defense at once."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import numpy as np

from monitors.effects import betting, paired, ratio, scores, srm
from monitors.effects.cell import Arm, Cell
from monitors.effects.interval import Array, Interval, threshold
from monitors.effects.ledger import Column, Counts, Ledger
from monitors.effects.paired import Pairs
from monitors.effects.ratio import Violations
from monitors.effects.scores import Arms, Moments
from monitors.effects.srm import Split


@dataclass(frozen=True, slots=True)
class Settings:
    """What an operator may tolerate: ratios at which harm begins, and below which a defense is no worse.

    `alpha` is the chance of error of every interval, and of all decisions on harm together.
    """

    alpha: float = 0.05
    tolerance: float = 1.0
    margin: float = 1.5
    margins: Mapping[str, float] | None = None
    """Margins of single measures."""
    replay_share: float = 0.5
    """Part of the stake on what replays say, the rest on live traffic; fixed before either has spoken."""

    def margin_of(self, measure: str) -> float:
        """The margin of one measure."""
        return (self.margins or {}).get(measure, self.margin)


def harm(ledger: Ledger, settings: Settings) -> dict[tuple[str, str], float]:
    """Evidence of harm in every cell, by defense and measure."""
    found: dict[tuple[str, str], float] = {}
    for defense, counts in _defenses(ledger):
        evidence = Evidence(ledger, defense, counts, settings).harm()
        found |= {
            (defense, name): float(value) for name, value in zip(ledger.measures, evidence, strict=True)
        }
    return found


def cells(ledger: Ledger, settings: Settings) -> Iterator[Cell]:
    """Every cell with evidence, before any cell is compared with others."""
    for defense, counts in _defenses(ledger):
        yield from _cells(Evidence(ledger, defense, counts, settings), ledger.measures)


class Evidence:
    """All that a ledger says of one defense; every array has one entry a measure."""

    def __init__(self, ledger: Ledger, defense: str, counts: Counts, settings: Settings) -> None:
        self.defense = defense
        self.counts = counts
        self.settings = settings
        self.pairs = Pairs.of(*ledger.pairs((defense,)).T)
        self._margins = [settings.margin_of(measure) for measure in ledger.measures]

    @property
    def weights(self) -> Array:
        """Weights that were in force."""
        return self.counts.weights[:, 0]

    def violations(self, column: Column) -> Violations:
        """Violations in both arms: `FIRST_VIOLATIONS` to test "no change", `UNIT_VIOLATIONS` for the rest."""
        return Violations(self.weights, self.counts.column(column, 1), self.counts.column(column, 0))

    def harm(self) -> Array:
        """Log e-values against "the ratio is at most the tolerance"."""
        tolerance = self.settings.tolerance
        live = ratio.harm(self.violations(Column.FIRST_VIOLATIONS), tolerance)
        return self._mix(live, paired.harm(self.pairs, tolerance))

    def help(self) -> Array:
        """Log e-values against "the ratio is at least 1"."""
        live = ratio.noninferior(self.violations(Column.FIRST_VIOLATIONS), 1.0)
        return self._mix(live, paired.noninferior(self.pairs, 1.0))

    def noninferior(self) -> Array:
        """Log e-values against "the ratio is at least the margin"."""
        counts, margins = self.violations(Column.UNIT_VIOLATIONS), np.array(self._margins)
        live = np.empty(len(margins))
        replayed = np.empty(len(margins))
        for margin in set(self._margins):
            live = np.where(margins == margin, ratio.noninferior(counts, margin), live)
            replayed = np.where(margins == margin, paired.noninferior(self.pairs, margin), replayed)
        return self._mix(live, replayed)

    def score_harm(self) -> Array:
        """Log e-values against "the mean score is no higher"."""
        return betting.above(scores.betted(self.weights, self.counts.levels(1), self.counts.levels(0)), 0.0)

    def ratios(self) -> list[Interval]:
        """The ratio of the rates of violation, at the units' first eligible exchanges."""
        counts = self.violations(Column.UNIT_VIOLATIONS)
        lower, upper = ratio.bounds(counts, self.settings.alpha)
        return [
            Interval(ratio.ratio(Violations(counts.weights, *arms)), float(low), float(high))
            for *arms, low, high in zip(counts.treatment, counts.control, lower, upper, strict=True)
        ]

    def differences(self) -> list[Interval]:
        """The difference of the same rates."""
        lower, upper = betting.bounds(
            scores.betted(self.weights, *map(self._binary, (1, 0))), self.settings.alpha
        )
        units = [self.counts.column(Column.UNITS, arm).sum(-1) for arm in (0, 1)]
        estimate, _ = scores.estimate_and_half_width(self._rates(), self.settings.alpha)
        return [
            Interval(float(value) if least else None, min(low, high), max(low, high))
            for value, least, low, high in zip(
                estimate, np.minimum(*units).tolist(), lower.tolist(), upper.tolist(), strict=True
            )
        ]

    def score_differences(self) -> list[Interval | None]:
        """The difference of the mean scores, where there is enough to tell it."""
        arms = self.counts.arms()
        estimate, half = scores.estimate_and_half_width(arms, self.settings.alpha)
        return [
            Interval(value, value - wide, value + wide) if ready else None
            for value, wide, ready in zip(
                estimate.tolist(), half.tolist(), list(map(bool, scores.enough(arms))), strict=True
            )
        ]

    def arm(self, place: int, arm: int) -> Arm:
        """What one arm counts of one measure."""
        columns = Column.SCORED, Column.UNITS, Column.UNIT_VIOLATIONS
        return Arm(*(int(self.counts.column(column, arm)[place].sum()) for column in columns))

    def splits(self, place: int) -> list[Split]:
        """Units of both arms at each weight, for one measure."""
        treatment, control = (self.counts.column(Column.UNITS, arm)[place] for arm in (1, 0))
        return [
            Split(float(weight), int(treated), int(untreated))
            for weight, treated, untreated in zip(self.weights, treatment, control, strict=True)
        ]

    def _binary(self, arm: int) -> Array:
        units, violating = (
            self.counts.column(Column.UNITS, arm),
            self.counts.column(Column.UNIT_VIOLATIONS, arm),
        )
        return np.stack([units - violating, violating], -1)

    def _rates(self) -> Arms:
        nothing = np.zeros_like(self.counts.column(Column.UNITS, 0))
        moments = []
        for arm in (1, 0):
            violating = self.counts.column(Column.UNIT_VIOLATIONS, arm)
            units = self.counts.column(Column.UNITS, arm)
            moments.append(Moments(units, violating, violating, nothing, nothing, nothing))
        return Arms(self.weights, *moments)

    def _mix(self, live: Array, replayed: Array) -> Array:
        share = self.settings.replay_share
        with np.errstate(divide="ignore"):
            shares = np.log([1 - share, share])
        return np.asarray(np.logaddexp(live + shares[0], replayed + shares[1]))


def _defenses(ledger: Ledger) -> Iterator[tuple[str, Counts]]:
    counted = ledger.all_counts()
    replayed = [defenses for defenses in ledger.replayed if defenses not in counted]
    for defenses in sorted([*counted, *replayed]):
        if len(defenses) == 1:
            yield defenses[0], counted.get(defenses) or ledger.counts(defenses)


def _cells(evidence: Evidence, measures: tuple[str, ...]) -> Iterator[Cell]:
    changed, differs, scored = evidence.ratios(), evidence.differences(), evidence.score_differences()
    harmed, helped, proven = evidence.harm(), evidence.help(), evidence.noninferior()
    risen = evidence.score_harm()
    for place, measure in enumerate(measures):
        treatment, control = evidence.arm(place, 1), evidence.arm(place, 0)
        pairs = Pairs(*(part[place] for part in evidence.pairs.parts))
        if not (treatment.scored or control.scored or pairs.total):
            continue
        mismatch, alpha = srm.log_evalue(evidence.splits(place)), evidence.settings.alpha
        yield Cell(
            evidence.defense,
            measure,
            treatment,
            control,
            pairs.total,
            ratio=changed[place],
            relative=ratio.relative(changed[place], control.violations),
            difference=differs[place],
            score=scored[place],
            replayed_ratio=paired.ratio(pairs, alpha) if pairs.total else None,
            replayed_difference=paired.difference(pairs, alpha) if pairs.total else None,
            log_harm=float(harmed[place]),
            log_harm_ever=float(harmed[place]),
            log_help=float(helped[place]),
            log_noninferior=float(proven[place]),
            log_score_harm=float(risen[place]),
            log_mismatch=mismatch,
            valid=mismatch < threshold(srm.ALPHA),
            discordant=int(pairs.worse + pairs.better),
        )
