"""Store: runs and their transitions in SQLite, never changed and never removed; and who decides.

A transition is written as intended before anything is done, as applied when the gateway has it, and as done
when all that follows from it has happened. Whoever opens the file therefore knows what is left to do.
"""

import sqlite3
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, Protocol

import msgspec

from gateway.errors import ConfigError, RolloutRefusedError
from monitors.canary.state import State, Transition

Phase = Literal["intended", "applied", "done"]
_VERSION = 1
_SCHEMA = """
CREATE TABLE IF NOT EXISTS runs (
  id INTEGER PRIMARY KEY AUTOINCREMENT, defense TEXT NOT NULL, digest TEXT NOT NULL, epoch INTEGER NOT NULL,
  opened REAL NOT NULL, baseline BLOB NOT NULL);
CREATE TABLE IF NOT EXISTS log (
  id INTEGER PRIMARY KEY AUTOINCREMENT, run INTEGER NOT NULL REFERENCES runs (id), phase TEXT NOT NULL,
  of INTEGER NOT NULL, at REAL NOT NULL, holder TEXT NOT NULL, actor TEXT NOT NULL, words TEXT NOT NULL,
  transition BLOB NOT NULL, evidence BLOB NOT NULL);
CREATE TABLE IF NOT EXISTS notes (run INTEGER PRIMARY KEY REFERENCES runs (id), note BLOB NOT NULL);
CREATE TABLE IF NOT EXISTS lease (one INTEGER PRIMARY KEY CHECK (one = 1), holder TEXT, until REAL);
"""
_FIXED = "".join(
    f"CREATE TRIGGER IF NOT EXISTS {table}_{verb} BEFORE {verb} ON {table} BEGIN "
    f"SELECT RAISE(ABORT, 'what was decided stays as it is'); END;\n"
    for table in ("runs", "log")
    for verb in ("UPDATE", "DELETE")
)


@dataclass(frozen=True, slots=True)
class Opened:
    """One try of one configuration of a defense. epoch: of its draw; baseline: what was counted before."""

    run: int
    defense: str
    digest: str
    epoch: int
    opened: float
    baseline: bytes


@dataclass(frozen=True, slots=True)
class Logged:
    """A transition as it was written; id of what was intended, and whether it came to be applied and done.

    evidence: the facts, as JSON. words: the operator's reason, or ours.
    """

    number: int
    run: int
    at: float
    actor: str
    words: str
    transition: Transition
    evidence: bytes
    applied: bool = False
    done: bool = False


class Store(Protocol):
    """Where runs are kept. Whatever writes raises NotLeadingError for a holder that does not lead."""

    def lead(self, holder: str, seconds: float, now: float) -> bool:
        """Become or stay the one that decides, for so long; False while another is."""
        ...

    def leader(self, now: float) -> str:
        """Who decides; empty for nobody."""
        ...

    def runs(self) -> list[Opened]:
        """All of them, the oldest first."""
        ...

    def history(self, run: int) -> list[Logged]:
        """The transitions of a run, the oldest first."""
        ...

    def open(self, holder: str, defense: str, digest: str, epoch: int, baseline: bytes, now: float) -> Opened:
        """Begin a run."""
        ...

    def intend(
        self, holder: str, run: int, transition: Transition, evidence: bytes, actor: str, words: str,
        now: float,
    ) -> Logged:  # fmt: skip
        """Write down what is going to be done."""
        ...

    def mark(self, holder: str, logged: Logged, phase: Phase, now: float) -> None:
        """Write down that it was applied, or done."""
        ...

    def note(self, holder: str, run: int, note: bytes, now: float) -> None:
        """Keep what changes with every exchange; the last one only."""
        ...

    def noted(self, run: int) -> bytes:
        """That; empty for none."""
        ...


class NotLeadingError(RolloutRefusedError):
    """Another controller decides."""


class SqliteStore:
    """For controllers that share a folder. Raises ConfigError for a file that cannot be used."""

    def __init__(self, path: Path) -> None:
        try:
            path.touch(mode=0o600)
            self._base = sqlite3.connect(path, isolation_level=None, timeout=5.0)
            self._base.execute("PRAGMA journal_mode = WAL")
            self._base.execute("PRAGMA synchronous = FULL")
            self._prepare(path)
        except (sqlite3.Error, OSError) as error:
            raise ConfigError(f"{path}: no store of canaries ({error}); move it away") from error

    def close(self) -> None:
        """Close the file."""
        self._base.close()

    def lead(self, holder: str, seconds: float, now: float) -> bool:
        with self._writing():
            other = self._base.execute("SELECT holder, until FROM lease").fetchone()
            if other is not None and other[0] != holder and other[1] > now:
                return False
            self._base.execute("INSERT OR REPLACE INTO lease VALUES (1, ?, ?)", (holder, now + seconds))
            return True

    def leader(self, now: float) -> str:
        found = self._base.execute("SELECT holder FROM lease WHERE until > ?", (now,)).fetchone()
        return str(found[0]) if found else ""

    def runs(self) -> list[Opened]:
        return [Opened(*row) for row in self._base.execute("SELECT * FROM runs ORDER BY id")]

    def history(self, run: int) -> list[Logged]:
        rows = self._base.execute(
            "SELECT id, phase, of, at, actor, words, transition, evidence FROM log WHERE run = ? ORDER BY id",
            (run,),
        ).fetchall()
        reached = {(of, phase) for _, phase, of, *_ in rows}
        return [
            Logged(
                number, run, at, actor, words, msgspec.json.decode(transition, type=Transition), evidence,
                (number, "applied") in reached, (number, "done") in reached,
            )
            for number, phase, _, at, actor, words, transition, evidence in rows
            if phase == "intended"
        ]  # fmt: skip

    def open(self, holder: str, defense: str, digest: str, epoch: int, baseline: bytes, now: float) -> Opened:
        with self._writing(holder, now):
            cursor = self._base.execute(
                "INSERT INTO runs (defense, digest, epoch, opened, baseline) VALUES (?, ?, ?, ?, ?)",
                (defense, digest, epoch, now, baseline),
            )
            return Opened(int(cursor.lastrowid or 0), defense, digest, epoch, now, baseline)

    def intend(
        self, holder: str, run: int, transition: Transition, evidence: bytes, actor: str, words: str,
        now: float,
    ) -> Logged:  # fmt: skip
        logged = Logged(0, run, now, actor, words, transition, evidence)
        with self._writing(holder, now):
            number = self._add(holder, logged, "intended", 0, now)
        return Logged(number, run, now, actor, words, transition, evidence)

    def mark(self, holder: str, logged: Logged, phase: Phase, now: float) -> None:
        with self._writing(holder, now):
            self._add(holder, logged, phase, logged.number, now)

    def note(self, holder: str, run: int, note: bytes, now: float) -> None:
        with self._writing(holder, now):
            self._base.execute("INSERT OR REPLACE INTO notes VALUES (?, ?)", (run, note))

    def noted(self, run: int) -> bytes:
        found = self._base.execute("SELECT note FROM notes WHERE run = ?", (run,)).fetchone()
        return bytes(found[0]) if found else b""

    def _add(self, holder: str, logged: Logged, phase: Phase, of: int, now: float) -> int:
        first = phase == "intended"
        cursor = self._base.execute(
            "INSERT INTO log (run, phase, of, at, holder, actor, words, transition, evidence) "
            "VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)",
            (
                logged.run, phase, of, now, holder, logged.actor, logged.words if first else "",
                msgspec.json.encode(logged.transition) if first else b"", logged.evidence if first else b"",
            ),
        )  # fmt: skip
        return int(cursor.lastrowid or 0)

    @contextmanager
    def _writing(self, holder: str = "", now: float = 0.0) -> Iterator[None]:
        """A change, whole or not at all; with a holder only while that one leads."""
        self._base.execute("BEGIN IMMEDIATE")
        try:
            if holder and self.leader(now) != holder:
                raise NotLeadingError("another controller decides; ask that one")
            yield
        except BaseException:
            self._base.execute("ROLLBACK")
            raise
        self._base.execute("COMMIT")

    def _prepare(self, path: Path) -> None:
        version = self._base.execute("PRAGMA user_version").fetchone()[0]
        if version not in (0, _VERSION):
            raise ConfigError(f"{path}: written by another version ({version}); move it away")
        self._base.executescript(_SCHEMA + _FIXED + f"PRAGMA user_version = {_VERSION};")


def state_of(history: list[Logged]) -> State:
    """Where a run stands: what was intended last holds, whether or not it is done."""
    return history[-1].transition.after if history else State()


def wall() -> float:
    """Now, in Unix seconds."""
    return time.time()


def detail(evidence: bytes) -> Any:
    """The facts of a transition, as they were written."""
    return msgspec.json.decode(evidence) if evidence else {}
