"""Counted: what the ledger counts of one defense, from the begin of its run on."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial

import msgspec
import numpy as np

from monitors.effects import paired, ratio, srm
from monitors.effects.interval import Array, log_mean
from monitors.effects.ledger import Column, Ledger
from monitors.effects.paired import Pairs
from monitors.effects.ratio import Violations
from monitors.effects.srm import Split

REPLAYED = 0.05
"""Part of the stake on replays, the rest on live traffic; fixed before either has spoken."""
RARE = 0.1
"""Part of the stake on "violations are rare", the rest on "no more than without"."""
_COLUMNS = (Column.FIRST_VIOLATIONS, Column.UNITS, Column.UNIT_VIOLATIONS)
_GRID: Array = (np.arange(24) + 0.5) / 24


class Saved(msgspec.Struct):
    """Counts as they are written down."""

    weights: list[float]
    table: list[list[list[list[int]]]]
    pairs: list[list[int]]


@dataclass(frozen=True, slots=True)
class Counted:
    """weights: `(steps,)`. table: `(steps, arms, measures, 3)`, arm 1 with the defense: first violations,
    units, violations at the first eligible exchange. pairs: `(measures, 4)`, as `effects.paired` has them.
    """

    weights: Array
    table: Array
    pairs: Array

    @classmethod
    def of(cls, ledger: Ledger, defense: str) -> "Counted":
        """All that a ledger counts of a defense."""
        counts = ledger.counts((defense,))
        return cls(
            counts.weights[:, 0],
            counts.table[..., list(_COLUMNS)].astype(np.float64),
            ledger.pairs((defense,)).astype(np.float64),
        )

    @classmethod
    def restored(cls, saved: Saved, measures: int) -> "Counted":
        """Counts that were written down; none, of `measures` measures, where they are of other measures."""
        weights, pairs = np.array(saved.weights, np.float64), np.array(saved.pairs, np.float64)
        if pairs.shape != (measures, 4):
            weights, pairs = np.empty(0), np.zeros((measures, 4))
        shape = len(weights), 2, measures, len(_COLUMNS)
        return cls(weights, np.array(saved.table if len(weights) else [], np.float64).reshape(shape), pairs)

    def saved(self) -> Saved:
        """To write down."""
        return Saved(self.weights.tolist(), self.table.astype(int).tolist(), self.pairs.astype(int).tolist())

    def since(self, before: "Counted") -> "Counted":
        """What came on top of `before`; never less than nothing."""
        table = self.table.copy()
        for place, weight in enumerate(before.weights):
            (where,) = np.nonzero(self.weights == weight)
            table[where] -= before.table[place]
        return Counted(self.weights, np.maximum(table, 0), np.maximum(self.pairs - before.pairs, 0))

    def harm(self, tolerance: float) -> Array:
        """For each measure the log e-value against "the ratio is at most the tolerance"."""
        live = ratio.harm(self._violations(0), tolerance)
        return self._with_pairs(live, lambda pairs: paired.harm(pairs, tolerance))

    def unharmed(self, margins: Sequence[float], rare: float) -> Array:
        """For each measure the log e-value against "the ratio is at least the margin, and the rate of
        violations with the defense at least `rare`"."""
        known, counts = np.asarray(margins, np.float64), self._violations(2)
        found = np.zeros(len(known))
        for margin in set(margins):
            live = ratio.noninferior(counts, margin)
            value = self._with_pairs(live, partial(paired.noninferior, margin=margin))
            found = np.where(known == margin, value, found)
        return _mixed(found, self._rarer(rare), RARE) if rare else found

    def mismatch(self) -> list[float]:
        """For each measure the log e-value against "units came to the arms as they were drawn"."""
        units, weights = self.table[..., 1].transpose(2, 0, 1).astype(int).tolist(), self.weights.tolist()
        return [
            srm.log_evalue(
                Split(weight, treated, control)
                for weight, (control, treated) in zip(weights, steps, strict=True)
                if control or treated
            )
            for steps in units
        ]

    def units(self, arm: int) -> list[int]:
        """For each measure the units of one arm that were scored."""
        return [int(count) for count in self.table[:, arm, :, 1].sum(0)]

    def violations(self, arm: int) -> list[int]:
        """For each measure the units of one arm whose first eligible exchange was a violation."""
        return [int(count) for count in self.table[:, arm, :, 2].sum(0)]

    def _violations(self, column: int) -> Violations:
        return Violations(self.weights, self.table[:, 1, :, column].T, self.table[:, 0, :, column].T)

    def _with_pairs(self, live: Array, bet: Callable[[Pairs], Array]) -> Array:
        replayed = bet(Pairs.of(*self.pairs.T)) if self.pairs.any() else np.zeros(len(live))
        return _mixed(live, replayed, REPLAYED)

    def _rarer(self, rare: float) -> Array:
        # A bet on lower rates than `rare`, spread evenly over all of them: exact at any size.
        violations = self.table[:, 1, :, 2].sum(0)[:, None]
        spared = self.table[:, 1, :, 1].sum(0)[:, None] - violations
        rates = rare * _GRID
        return log_mean(violations * np.log(_GRID) + spared * (np.log1p(-rates) - np.log1p(-rare)))


def _mixed(one: Array, other: Array, share: float) -> Array:
    return np.asarray(np.logaddexp(one + np.log1p(-share), other + np.log(share)))
