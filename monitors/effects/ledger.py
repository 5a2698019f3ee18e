"""Ledger: the counts from which every effect can be worked out again.

One row for each arm of each defense (or pair of defenses), weight in force and stratum; in it, for each
measure, whole numbers that only ever grow. Ledgers that counted different exchanges therefore merge by
addition, in any order, without rounding. Scores are counted in thousandths.
"""

import zlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from enum import IntEnum

import msgspec
import numpy as np
from numpy.typing import NDArray

from monitors.effects.scores import LEVELS, Arms, Moments

MAX_ROWS = 20_000
"""Rows in all; what would need another one is left out and counted."""
SCALE = 1000
"""Scores are kept in this many steps."""

Whole = NDArray[np.int64]

_SETTLE = 2000  # additions of at most SCALE^2 that fit into 32 bits


class Column(IntEnum):
    """What is counted of one measure in one row; `LEVEL` and the columns after it hold the score's levels.

    From `UNITS` on, one exchange for each unit and epoch is counted: its first eligible one.
    """

    SCORED = 0
    VIOLATIONS = 1
    FIRST_VIOLATIONS = 2
    UNITS = 3
    UNIT_VIOLATIONS = 4
    Y = 5
    YY = 6
    X = 7
    XX = 8
    XY = 9
    LEVEL = 10


COLUMNS = Column.LEVEL + LEVELS


@dataclass(frozen=True, slots=True)
class Row:
    """Which exchanges a row counts. Bit i of `arm` is set where the defense i of `defenses` was on."""

    defenses: tuple[str, ...]
    weights: tuple[float, ...]
    stratum: str
    arm: int


@dataclass(frozen=True, slots=True)
class Counts:
    """The counts of one defense, or pair: `table` has shape `(steps, arms, measures, COLUMNS)`."""

    weights: NDArray[np.float64]
    """Shape `(steps, defenses)`."""
    table: Whole

    def column(self, column: Column, arm: int) -> NDArray[np.float64]:
        """One column of one arm, as `(measures, steps)`."""
        return self.table[:, arm, :, column].T.astype(np.float64)

    def levels(self, arm: int) -> NDArray[np.float64]:
        """How often each level came in one arm, as `(measures, steps, levels)`."""
        return self.table[:, arm, :, Column.LEVEL :].transpose(1, 0, 2).astype(np.float64)

    def arms(self) -> Arms:
        """Moments of both arms of one defense, each sum as `(measures, steps)`."""
        return Arms(self.weights[:, 0], self._moments(1), self._moments(0))

    def _moments(self, arm: int) -> Moments:
        scales = (1, SCALE, SCALE**2, SCALE, SCALE**2, SCALE**2)
        columns = (Column.UNITS, Column.Y, Column.YY, Column.X, Column.XX, Column.XY)
        sums = (self.column(name, arm) / scale for name, scale in zip(columns, scales, strict=True))
        return Moments.of(*sums, self.levels(arm))


class LedgerState(msgspec.Struct):
    """A ledger as it is written down: its rows that are not zero, and their table, packed."""

    measures: tuple[str, ...]
    rows: list[Row]
    table: bytes
    pairs: list[tuple[tuple[str, ...], list[list[int]]]]
    joint: list[tuple[tuple[str, ...], list[list[int]]]] = []


class Ledger:
    """Counts for a fixed list of measures."""

    def __init__(self, measures: Sequence[str]) -> None:
        self.measures = tuple(measures)
        self.left_out = 0
        """Rows that were asked for beyond `MAX_ROWS`."""
        self._rows: dict[Row, int] = {}
        self._table: Whole = np.zeros((64, len(measures) * COLUMNS), np.int64)
        # What was added lately, in half the width: rows come at random, so their bytes are what adding costs.
        self._recent = np.zeros(self._table.shape, np.int32)
        self._added = 0
        self._pairs: dict[tuple[str, ...], Whole] = {}
        self._joint: dict[tuple[str, ...], Whole] = {}

    def row(self, row: Row) -> int | None:
        """The place of a row, made when it is new; None when there is no more room."""
        place = self._rows.get(row)
        if place is None:
            if len(self._rows) >= MAX_ROWS:
                self.left_out += 1
                return None
            place = self._rows[row] = len(self._rows)
            if place >= len(self._table):
                room = np.zeros((max(64, len(self._table)), self._table.shape[1]), np.int64)
                self._table = np.concatenate([self._table, room])
                self._recent = np.concatenate([self._recent, room.astype(np.int32)])
        return place

    def add(self, rows: list[int], amounts: NDArray[np.int32]) -> None:
        """Add `amounts`, `(measures * COLUMNS,)`, at most SCALE^2 each, to each of `rows`; no row twice."""
        self._recent[rows] += amounts
        self._added += 1
        if self._added >= _SETTLE:
            self._settle()

    def add_pair(self, defenses: tuple[str, ...], measure: int, kind: int) -> None:
        """Count a replayed pair that differs in `defenses`; kind 0 worse, 1 better, 2 both, 3 neither."""
        self.pairs(defenses)[measure, kind] += 1

    def pairs(self, defenses: tuple[str, ...]) -> Whole:
        """Replayed pairs that differ in `defenses`, as `(measures, 4)`."""
        found = self._pairs.get(defenses)
        if found is None:
            found = self._pairs[defenses] = np.zeros((len(self.measures), 4), np.int64)
        return found

    def joint(self, defenses: tuple[str, str]) -> Whole:
        """Exchanges replayed in all four arms of two defenses, by surplus of both together: `(measures, 5)`.

        The surplus is violations with both, less those with each alone, plus those with none: -2 to 2.
        """
        if defenses not in self._joint:
            self._joint[defenses] = np.zeros((len(self.measures), 5), np.int64)
        return self._joint[defenses]

    @property
    def replayed(self) -> list[tuple[str, ...]]:
        """Sets of defenses in which replayed pairs differ."""
        return sorted(self._pairs)

    @property
    def subjects(self) -> list[tuple[str, ...]]:
        """Defenses, and pairs of them, that have rows."""
        return sorted({row.defenses for row in self._rows})

    def strata(self, defenses: tuple[str, ...]) -> list[str]:
        """Strata in which `defenses` have rows."""
        return sorted({row.stratum for row in self._rows if row.defenses == defenses})

    def counts(self, defenses: tuple[str, ...], stratum: str | None = None) -> Counts:
        """The counts of `defenses`, over all strata or in one."""
        rows = [
            (row, place)
            for row, place in self._rows.items()
            if row.defenses == defenses and stratum in (None, row.stratum)
        ]
        return self._gather(len(defenses), rows)

    def all_counts(self) -> dict[tuple[str, ...], Counts]:
        """The counts of all subjects, over all strata, in one pass."""
        grouped: dict[tuple[str, ...], list[tuple[Row, int]]] = {}
        for row, place in self._rows.items():
            grouped.setdefault(row.defenses, []).append((row, place))
        return {defenses: self._gather(len(defenses), rows) for defenses, rows in sorted(grouped.items())}

    def merge(self, other: "Ledger") -> None:
        """Add what another ledger counted; raises ValueError when it counts other measures."""
        if other.measures != self.measures:
            raise ValueError(f"ledgers of {list(self.measures)} and {list(other.measures)} do not add up")
        for row, amounts in other:
            place = self.row(row)
            if place is not None:
                self._table[place] += amounts
        for defenses, counts in other._pairs.items():
            self.pairs(defenses)[:] += counts
        for (first, second), counts in other._joint.items():
            self.joint((first, second))[:] += counts

    def of(self, measures: Sequence[str]) -> "Ledger":
        """The same counts for another list of measures; a new one has none, one that is gone is dropped."""
        self._settle()
        other = Ledger(measures)
        kept = [(at, self.measures.index(name)) for at, name in enumerate(measures) if name in self.measures]
        other._rows = dict(self._rows)
        other._table = np.zeros((len(self._table), len(measures) * COLUMNS), np.int64)
        other._recent = np.zeros(other._table.shape, np.int32)
        before = self._table.reshape(len(self._table), len(self.measures), COLUMNS)
        after = other._table.reshape(len(self._table), len(measures), COLUMNS)
        for at, place in kept:
            after[:, at] = before[:, place]
        for defenses, counts in self._pairs.items():
            for at, place in kept:
                other.pairs(defenses)[at] = counts[place]
        return other

    def __iter__(self) -> Iterator[tuple[Row, Whole]]:
        self._settle()
        for row, place in self._rows.items():
            yield row, self._table[place]

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Ledger) and self.state() == other.state()

    __hash__ = None  # type: ignore[assignment]

    def state(self) -> LedgerState:
        """What to write down, in an order that does not depend on how it was counted."""
        self._settle()
        rows = sorted((row for row, amounts in self if amounts.any()), key=_order)
        table = self._table[[self._rows[row] for row in rows]]
        packed = zlib.compress(table.astype("<i8").tobytes(), 1)
        return LedgerState(self.measures, rows, packed, _counted(self._pairs), _counted(self._joint))

    @classmethod
    def from_state(cls, state: LedgerState) -> "Ledger":
        """The ledger that was written down; raises ValueError where it was cut or has too many rows."""
        ledger, width = cls(state.measures), len(state.measures) * COLUMNS
        if len(state.rows) > MAX_ROWS:
            raise ValueError(f"{len(state.rows)} rows are more than {MAX_ROWS}")
        packed = np.frombuffer(zlib.decompress(state.table), "<i8")
        ledger._table = packed.reshape(len(state.rows), width).astype(np.int64)
        ledger._recent = np.zeros(ledger._table.shape, np.int32)
        ledger._rows = {row: place for place, row in enumerate(state.rows)}
        for defenses, counts in state.pairs:
            ledger.pairs(defenses)[:] = counts
        for (first, second), counts in state.joint:
            ledger.joint((first, second))[:] = counts
        return ledger

    def _settle(self) -> None:
        if self._added:
            self._table += self._recent
            self._recent[:] = 0
            self._added = 0

    def _gather(self, defenses: int, rows: list[tuple[Row, int]]) -> Counts:
        steps: Mapping[tuple[float, ...], int] = {
            weights: step for step, weights in enumerate(sorted({row.weights for row, _ in rows}))
        }
        self._settle()
        table = np.zeros((len(steps), 2**defenses, len(self.measures), COLUMNS), np.int64)
        for row, place in rows:
            table[steps[row.weights], row.arm] += self._table[place].reshape(len(self.measures), COLUMNS)
        return Counts(np.array(list(steps), np.float64).reshape(len(steps), defenses), table)


def _counted(counts: Mapping[tuple[str, ...], Whole]) -> list[tuple[tuple[str, ...], list[list[int]]]]:
    return [(defenses, table.tolist()) for defenses, table in sorted(counts.items()) if table.any()]


def _order(row: Row) -> tuple[tuple[str, ...], tuple[float, ...], str, int]:
    return row.defenses, row.weights, row.stratum, row.arm
