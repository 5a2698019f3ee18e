"""Watch: one stream of violations under three detectors, with what each stratum had to do with it."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Literal

from monitors.effects.cusum import FACTOR, Cusum
from monitors.effects.shiryaev import FACTORS, Shiryaev

Direction = Literal["up", "down"]
Method = Literal["cusum", "shiryaev", "permutation"]

BETS = (FACTOR, 1 / FACTOR, *FACTORS)
"""Changes for which evidence is gathered: of the sum upwards, of that downwards, of the second opinion."""


@dataclass(frozen=True, slots=True)
class Moved:
    """What a stratum had, and what it would have had, since the change began."""

    stratum: str
    observed: float
    expected: float


@dataclass(frozen=True, slots=True)
class Found:
    """A change: which detector found it, when it began, and the strata, the one that moved most first."""

    method: Method
    direction: Direction
    since: float
    statistic: float
    threshold: float
    moved: tuple[Moved, ...] = ()


@dataclass(frozen=True, slots=True)
class Bet:
    """Log likelihood ratios of `BETS`: of a violation and of its absence, where `expected` was to come."""

    violation: tuple[float, ...]
    absence: tuple[float, ...]
    expected: float


@dataclass(slots=True)
class _Side:
    cusum: Cusum
    tallies: dict[str, list[float]] = field(default_factory=dict)


class Watch:
    """Counts what comes; between violations it only adds up numbers, so that most exchanges cost little."""

    def __init__(self, up: float, down: float, events: float) -> None:
        self._up, self._down = _Side(Cusum(up)), _Side(Cusum(down))
        self._second = Shiryaev(events)
        self._quiet = [0.0] * len(BETS)

    @property
    def statistics(self) -> tuple[tuple[Method, Direction, float, float], ...]:
        """Method, direction, statistic and threshold of each detector."""
        up, down = self._up.cusum, self._down.cusum
        return (
            ("cusum", "up", up.statistic, up.threshold),
            ("cusum", "down", max(0.0, down.statistic + self._quiet[1]), down.threshold),
            ("shiryaev", "up", self._second.statistic, self._second.threshold),
        )

    def add(
        self, stratum: str, counted: float, bet: Bet, at: float, *, violation: bool = True
    ) -> Found | None:
        """Add an exchange; `counted` is what it adds to its stratum's tally beside `bet.expected`."""
        if not violation:
            self._quiet = [sum(pair) for pair in zip(self._quiet, bet.absence, strict=True)]
            self._tally(stratum, counted, bet.expected)
            if self._down.cusum.statistic + self._quiet[1] < self._down.cusum.threshold:
                return None
            return self._settle(self._down, "down", self._quiet[1], at)
        quiet, self._quiet = self._quiet, [0.0] * len(BETS)
        return self._violation(quiet, stratum, counted, bet, at)

    def _violation(
        self, quiet: Sequence[float], stratum: str, counted: float, bet: Bet, at: float
    ) -> Found | None:
        found = self._settle(self._down, "down", quiet[1], at)
        self._up.cusum.add(quiet[0], at)
        if not self._up.cusum.statistic:
            self._up.tallies.clear()  # the change, if there is one, begins with this violation
        self._tally(stratum, counted, bet.expected)
        found = found or self._settle(self._up, "up", bet.violation[0], at)
        self._settle(self._down, "down", bet.violation[1], at)
        evidence = [before + now for before, now in zip(quiet[2:], bet.violation[2:], strict=True)]
        if self._second.add(evidence, at):
            second = Found("shiryaev", "up", self._second.since, self._second.statistic,
                           self._second.threshold, _ranked(self._up.tallies, "up"))  # fmt: skip
            self._second.restart(at)
            found = found or second
        return found

    def _settle(self, side: _Side, direction: Direction, evidence: float, at: float) -> Found | None:
        if side.cusum.add(evidence, at):
            cusum = side.cusum
            found = Found("cusum", direction, cusum.since, cusum.statistic, cusum.threshold,
                          _ranked(side.tallies, direction))  # fmt: skip
            cusum.restart(at)
            if direction == "down":
                self._quiet[1] = 0.0
            side.tallies.clear()
            return found
        if not side.cusum.statistic:
            side.tallies.clear()
        return None

    def _tally(self, stratum: str, counted: float, expected: float) -> None:
        for side in (self._up, self._down):
            tally = side.tallies.get(stratum)
            if tally is None:
                tally = side.tallies[stratum] = [0.0, 0.0]
            tally[0] += counted
            tally[1] += expected


def _ranked(tallies: dict[str, list[float]], direction: Direction) -> tuple[Moved, ...]:
    sign = 1 if direction == "up" else -1

    def moved(stratum: str) -> float:
        observed, expected = tallies[stratum]
        return float(sign * (observed - expected) / max(expected, 0.5) ** 0.5)

    return tuple(Moved(stratum, *tallies[stratum]) for stratum in sorted(tallies, key=moved, reverse=True))
