"""Keeps account of the privacy that each unit has spent, across restarts and processes."""

import sqlite3
import threading
import time
from collections.abc import Callable
from pathlib import Path

from gateway.errors import ConfigError

_SCHEMA = """
CREATE TABLE IF NOT EXISTS spent (
    unit TEXT NOT NULL, period INTEGER NOT NULL, epsilon REAL NOT NULL, PRIMARY KEY (unit, period)
) WITHOUT ROWID
"""
_SPEND = """
INSERT INTO spent (unit, period, epsilon) SELECT :unit, :period, :epsilon WHERE :epsilon <= :budget + 1e-9
ON CONFLICT (unit, period) DO UPDATE SET epsilon = epsilon + :epsilon
WHERE epsilon + :epsilon <= :budget + 1e-9
"""
DAY = 86_400.0


class EpsilonLedger:
    """What each unit has spent of its budget in the present period, in a file of SQLite.

    budget: epsilon that a unit may spend in `days`. What is spent is written before anything is sent, in
    one statement that also refuses, so that neither a crash nor two processes overspend it. Units are
    stored as their keyed hashes. Raises ConfigError when the file cannot be used.
    """

    def __init__(
        self, file: Path, budget: float, days: float, clock: Callable[[], float] = time.time
    ) -> None:
        self._budget = budget
        self._seconds = days * DAY
        self._clock = clock
        self._lock = threading.Lock()
        try:
            file.parent.mkdir(parents=True, exist_ok=True)
            self._connection = sqlite3.connect(file, timeout=5, check_same_thread=False, isolation_level=None)
            self._connection.execute("PRAGMA journal_mode=WAL")
            self._connection.execute(_SCHEMA)
        except (OSError, sqlite3.Error) as error:
            raise ConfigError(f"ledger: cannot use {file}: {error}") from error

    def spend(self, unit: str, epsilon: float) -> bool:
        """Spend `epsilon` of the unit's budget; False, and nothing is spent, where it does not suffice."""
        values = {"unit": unit, "period": self._period(), "epsilon": epsilon, "budget": self._budget}
        with self._lock:
            return self._connection.execute(_SPEND, values).rowcount == 1

    def spent(self, unit: str) -> float:
        """What the unit has spent in the present period."""
        with self._lock:
            row = self._connection.execute(
                "SELECT epsilon FROM spent WHERE unit = ? AND period = ?", (unit, self._period())
            ).fetchone()
        return float(row[0]) if row else 0.0

    def close(self) -> None:
        """Close the file."""
        with self._lock:
            self._connection.close()

    def _period(self) -> int:
        return int(self._clock() // self._seconds)
