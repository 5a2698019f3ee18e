"""Watch: one stream of violations under three detectors, with what each stratum had to do with it."""

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


@dataclass(frozen=True, slots=True, eq=False)
class Bet:
    """Log likelihood ratios of `BETS`: of a violation and of its absence, where `expected` was to come."""

    stratum: str
    violation: tuple[float, ...]
    absence: tuple[float, ...]
    expected: float


@dataclass(slots=True)
class _Side:
    cusum: Cusum
    tallies: dict[str, list[float]] = field(default_factory=dict)


class Watch:
    """Counts what comes; between violations it only counts absences, so that most exchanges cost little."""

    def __init__(self, up: float, down: float, events: float) -> None:
        self._up, self._down = _Side(Cusum(up)), _Side(Cusum(down))
        self._second = Shiryaev(events)
        self._absent: dict[Bet, int] = {}
        self._silence = 0.0  # what the absences add to the sum downwards
        self._kept = [0.0] * len(FACTORS)  # what they add to the second opinion, until the next violation

    @property
    def statistics(self) -> tuple[tuple[Method, Direction, float, float], ...]:
        """Method, direction, statistic and threshold of each detector."""
        up, down = self._up.cusum, self._down.cusum
        return (
            ("cusum", "up", up.statistic, up.threshold),
            ("cusum", "down", down.statistic + self._silence, down.threshold),
            ("shiryaev", "up", self._second.statistic, self._second.threshold),
        )

    def add(self, bet: Bet, counted: float, at: float, *, violation: bool = True) -> Found | None:
        """Add an exchange; `counted` goes to its stratum's tally, beside `bet.expected`."""
        if not violation:
            self._absent[bet] = self._absent.get(bet, 0) + 1
            self._silence += bet.absence[1]
            if self._down.cusum.statistic + self._silence < self._down.cusum.threshold:
                return None
            return self._settle_absences(at)
        found = self._settle_absences(at)
        self._tally(bet.stratum, counted, bet.expected)
        found = found or self._settle(self._up, "up", bet.violation[0], at)
        self._settle(self._down, "down", bet.violation[1], at)
        evidence = [before + now for before, now in zip(self._kept, bet.violation[2:], strict=True)]
        self._kept = [0.0] * len(FACTORS)
        if self._second.add(evidence, at):
            second = Found(
                "shiryaev", "up", self._second.since, self._second.statistic, self._second.threshold,
                _ranked(self._up.tallies, "up"),
            )  # fmt: skip
            self._second.restart(at)
            found = found or second
        return found

    def _settle_absences(self, at: float) -> Found | None:
        rising = falling = 0.0
        for bet, count in self._absent.items():
            rising, falling = rising + count * bet.absence[0], falling + count * bet.absence[1]
            self._kept = [kept + count * more for kept, more in zip(self._kept, bet.absence[2:], strict=True)]
            self._tally(bet.stratum, 0.0, count * bet.expected)
        self._absent.clear()
        self._silence = 0.0
        # A sum that falls to zero here was zero until now: the change, if one begins, begins now.
        self._settle(self._up, "up", rising, at)
        return self._settle(self._down, "down", falling, at)

    def _settle(self, side: _Side, direction: Direction, evidence: float, at: float) -> Found | None:
        cusum, found = side.cusum, None
        if cusum.add(evidence, at):
            moved = _ranked(side.tallies, direction)
            found = Found("cusum", direction, cusum.since, cusum.statistic, cusum.threshold, moved)
            cusum.restart(at)
        if not cusum.statistic:
            side.tallies.clear()
        return found

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
