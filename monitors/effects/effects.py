"""Effects: folds observations into counts, and reads the matrix of effects from them."""

import os
import zlib
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import NamedTuple

import msgspec
import numpy as np

from gateway.errors import ConfigError
from monitors.effects import many
from monitors.effects.cell import Cell
from monitors.effects.estimate import Settings, cells, harm
from monitors.effects.firsts import MAX_MEASURES, Firsts, Fresh
from monitors.effects.ledger import COLUMNS, MAX_ROWS, SCALE, Column, Ledger, LedgerState, Row
from monitors.effects.observation import Assignment, Observation, Score
from monitors.effects.replays import Match, Replays
from monitors.effects.scores import level

MAX_PAIRS = 16
"""Pairs of defenses whose four arms are counted."""
MAX_DEFENSES = 256
"""Defenses that are told apart; what is named beyond them is left out and counted."""

_VERSION = 1


class _Snapshot(msgspec.Struct):
    version: int
    ledger: LedgerState
    ever: list[tuple[str, str, float]]
    units: bytes
    exchanges: bytes


class _Standing(NamedTuple):
    """What an assignment comes to: its bit where the defense was on, and the row that counts it."""

    bit: int
    row: int | None


class Effects:
    """The evidence of one controller: it alone looks, so the largest e-values ever seen are kept here.

    Raises ConfigError for more than 64 measures or 16 `together` (pairs of defenses to be judged together).
    """

    def __init__(
        self,
        measures: Sequence[str],
        together: Sequence[tuple[str, str]] = (),
        settings: Settings | None = None,
        firsts: Firsts | None = None,
    ) -> None:
        if len(measures) > MAX_MEASURES:
            raise ConfigError(f"measures: {len(measures)} are more than the {MAX_MEASURES} that fit")
        if len(together) > MAX_PAIRS:
            raise ConfigError(f"together: {len(together)} pairs are more than the {MAX_PAIRS} that fit")
        self.settings = settings or Settings()
        self.ledger = Ledger(measures)
        self.left_out = 0
        """Scores of unknown measures, and assignments of defenses beyond `MAX_DEFENSES`."""
        self._places = {measure: place for place, measure in enumerate(measures)}
        self._together = tuple(together)
        self._firsts = firsts or Firsts()
        self._replays = Replays()
        self._bits: dict[str, int] = {}
        self._standing: dict[tuple[str, bool, float, str, str], _Standing] = {}
        self._blank = [0] * (len(measures) * COLUMNS)
        self._ever: dict[tuple[str, str], float] = {}

    def fold(self, observation: Observation) -> int:
        """Count an observation; the measures, as bits, whose scores had not been counted before."""
        eligible, violated = self._bits_of(observation.scores)
        new = self._firsts.undelivered(observation.exchange, eligible)
        if not new:
            return 0
        on, epochs = self._stand(observation)
        if observation.replay_of:
            matches = self._replays.replay(
                observation.exchange, observation.replay_of, on, new, violated & new
            )
        else:
            matches = self._replays.live(observation.exchange, on, new, violated & new)
            for epoch, rows in epochs.items():
                fresh = self._firsts.of(observation.unit, epoch, new, violated & new)
                if self._together:
                    rows += self._joint_rows(observation, epoch)
                self._count(rows, observation, new, fresh)
        for match in matches:
            self._fold_match(observation, match)
        return new

    def fold_joint(self, unit: bytes, defenses: tuple[str, str], arms: Sequence[tuple[Score, ...]]) -> None:
        """Count an exchange replayed with none of two defenses, the first, the second, both.

        `arms` are the scores of each in that order. A unit counts once.
        """
        bits = [self._bits_of(scores) for scores in arms]
        eligible = bits[0][0] & bits[1][0] & bits[2][0] & bits[3][0]
        key = b"\0".join([unit, *(name.encode() for name in defenses), b"joint"])
        new = self._firsts.of(key, 0, eligible, 0).eligible
        for place in range(len(self.ledger.measures)):
            if new >> place & 1:
                none, first, second, both = (violated >> place & 1 for _, violated in bits)
                self.ledger.joint(defenses)[place, both - first - second + none + 2] += 1

    def look(self) -> None:
        """Note how strong the evidence of harm is now; call it whenever a violation was folded."""
        for key, evidence in harm(self.ledger, self.settings).items():
            self._ever[key] = max(evidence, self._ever.get(key, 0.0))

    def matrix(self) -> list[Cell]:
        """Every cell that has evidence, live or replayed, in order of defense and measure."""
        found = []
        for cell in cells(self.ledger, self.settings):
            key = cell.defense, cell.measure
            self._ever[key] = max(cell.log_harm, self._ever.get(key, 0.0))
            found.append(replace(cell, log_harm_ever=self._ever[key]))
        alpha = self.settings.alpha
        decided = many.e_holm({(cell.defense, cell.measure): cell.log_harm_ever for cell in found}, alpha)
        shown = many.e_bh({(cell.defense, cell.measure): cell.log_harm for cell in found}, alpha)
        return [
            replace(
                cell,
                decided=cell.valid and (cell.defense, cell.measure) in decided,
                shown=cell.valid and (cell.defense, cell.measure) in shown,
            )
            for cell in found
        ]

    def merge(self, ledger: Ledger) -> None:
        """Add the counts of a worker that folds exchanges which never come here."""
        self.ledger.merge(ledger)

    def save(self, path: Path) -> None:
        """Write everything needed to go on after a restart to one file, whole or not at all."""
        snapshot = _Snapshot(
            _VERSION,
            self.ledger.state(),
            [(*key, value) for key, value in sorted(self._ever.items())],
            self._firsts.units.pack(),
            self._firsts.exchanges.pack(),
        )
        aside = path.with_name(path.name + ".new")
        aside.write_bytes(msgspec.msgpack.encode(snapshot))
        os.replace(aside, path)

    def load(self, path: Path) -> None:
        """Go on from a file that `save` wrote, for the measures that are still configured.

        Raises ConfigError for a file that is none.
        """
        try:
            snapshot = msgspec.msgpack.decode(path.read_bytes(), type=_Snapshot)
            if snapshot.version != _VERSION:
                raise ValueError(f"version {snapshot.version}, not {_VERSION}")
            ledger = Ledger.from_state(snapshot.ledger)
            places = [self._places.get(measure) for measure in ledger.measures]
            self._firsts.units.unpack(snapshot.units, places)
            self._firsts.exchanges.unpack(snapshot.exchanges, places)
        except (msgspec.DecodeError, ValueError, zlib.error) as error:
            raise ConfigError(f"{path.name}: not a snapshot of effects ({error}); move it away") from error
        self.ledger = ledger.of(self.ledger.measures)
        self._standing.clear()
        self._ever = {
            (defense, name): value for defense, name, value in snapshot.ever if name in self._places
        }

    def _bits_of(self, scores: tuple[Score, ...]) -> tuple[int, int]:
        eligible = violated = 0
        for score in scores:
            place = self._places.get(score.measure)
            if place is None:
                self.left_out += 1
                continue
            eligible |= 1 << place
            violated |= score.violation << place
        return eligible, violated

    def _stand(self, observation: Observation) -> tuple[int, dict[int, list[int]]]:
        # This runs for every defense of every exchange: one look-up, no call, while nothing is new.
        on, epochs, stratum, known = 0, dict[int, list[int]](), observation.stratum, self._standing
        for part in observation.assignments:
            try:
                bit, row = known[part.defense, part.on, part.weight, part.mode, stratum]
            except KeyError:
                bit, row = self._stand_anew(part, stratum)
            on |= bit
            if row is not None:
                try:
                    epochs[part.epoch].append(row)
                except KeyError:
                    epochs[part.epoch] = [row]
        return on, epochs

    def _stand_anew(self, part: Assignment, stratum: str) -> _Standing:
        if len(self._standing) > 2 * MAX_ROWS:
            self._standing.clear()
        row = None
        if part.randomised:
            row = self.ledger.row(Row((part.defense,), (part.weight,), stratum, int(part.on)))
        standing = _Standing(self._bit(part.defense) if part.on else 0, row)
        self._standing[part.defense, part.on, part.weight, part.mode, stratum] = standing
        return standing

    def _bit(self, defense: str) -> int:
        bit = self._bits.get(defense)
        if bit is None:
            if len(self._bits) >= MAX_DEFENSES:
                self.left_out += 1
                return 0
            bit = self._bits[defense] = 1 << len(self._bits)
        return bit

    def _count(self, rows: list[int], observation: Observation, new: int, fresh: Fresh) -> None:
        amounts, chance = self._blank[:], _chance(observation.exchange)
        for score in observation.scores:
            place = self._places.get(score.measure)
            if place is not None and new >> place & 1:
                _account(score, place, fresh, chance, amounts)
        self.ledger.add(rows, np.array(amounts, np.int32))

    def _joint_rows(self, observation: Observation, epoch: int) -> Iterator[int]:
        named = {
            part.defense: part for part in observation.assignments if part.randomised and part.epoch == epoch
        }
        for pair in self._together:
            first, second = named.get(pair[0]), named.get(pair[1])
            if first is None or second is None:
                continue
            arm = first.on + 2 * second.on
            place = self.ledger.row(Row(pair, (first.weight, second.weight), observation.stratum, arm))
            if place is not None:
                yield place

    def _fold_match(self, observation: Observation, match: Match) -> None:
        names = [name for name, bit in self._bits.items() if bit & match.defenses]
        if len(names) > 2:
            return
        epochs = [part.epoch for part in observation.assignments if part.defense in names]
        defenses = tuple(sorted(names))
        # A unit's second pair would repeat its first: what it is prone to is the same.
        unit = b"\0".join([observation.unit, *(name.encode() for name in defenses), b"replay"])
        new = self._firsts.of(unit, max(epochs, default=0), match.measures, 0).eligible
        for place in range(len(self.ledger.measures)):
            if new >> place & 1:
                worse, other = match.violated_with >> place & 1, match.violated_without >> place & 1
                self.ledger.add_pair(defenses, place, _KINDS[worse, other])


_UNIT, _LEVEL = int(Column.UNITS), int(Column.LEVEL)
_KINDS = {(1, 0): 0, (0, 1): 1, (1, 1): 2, (0, 0): 3}


def _account(score: Score, place: int, fresh: Fresh, chance: float, amounts: list[int]) -> None:
    start = place * COLUMNS
    amounts[start] = 1
    if score.violation:
        amounts[start + 1] = 1
        amounts[start + 2] = fresh.violated >> place & 1
    if fresh.eligible >> place & 1:
        y, x = int(score.value * SCALE + 0.5), int(score.covariate * SCALE + 0.5)
        amounts[start + _UNIT : start + _LEVEL] = 1, score.violation, y, y * y, x, x * x, x * y
        amounts[start + _LEVEL + level(score.value, chance)] = 1


def _chance(exchange: str) -> float:
    # Rounds the scores of an exchange; drawn from its name, so that counting it again would agree.
    return zlib.crc32(exchange.encode()) / 2**32
