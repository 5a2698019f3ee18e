"""Baseline: what is to be expected while nothing changes, learned from the first violations that come."""

import math
from dataclasses import dataclass, field

from monitors.effects import ratio
from monitors.effects.ratio import Violations

RATE_EVENTS = 400
"""Violations from which the rate of a measure is learned: its error is then about 5 %."""
EFFECT_ERROR = 0.1
"""Standard error of the log ratio to which an effect is learned: 400 violations at a weight of 50 %."""

_PRIOR_EVENTS = 5.0  # violations by which a stratum's rate, and an hour's, is drawn to that of all
_HOURS = 24


@dataclass(slots=True)
class Rates:
    """The rate of a measure in each stratum, and how it moves with the hour of the day (UTC).

    An hour's part is learned only when the violations it is learned from span a whole day.
    """

    events: int = RATE_EVENTS
    violations: int = 0
    _strata: dict[str, list[int]] = field(default_factory=dict)
    _hours: list[dict[str, int]] = field(default_factory=lambda: [{} for _ in range(_HOURS)])
    _hour_violations: list[int] = field(default_factory=lambda: [0] * _HOURS)
    _began: float | None = None
    _ended: float = 0.0

    @property
    def ready(self) -> bool:
        """Whether enough was seen."""
        return self.violations >= self.events

    def add(self, stratum: str, violation: bool, at: float) -> None:
        """Learn from one exchange."""
        if self._began is None:
            self._began = at
        self._ended = max(self._ended, at)
        counts = self._strata.setdefault(stratum, [0, 0])
        counts[0] += 1
        counts[1] += violation
        self.violations += violation
        hour = hour_of(at)
        self._hours[hour][stratum] = self._hours[hour].get(stratum, 0) + 1
        self._hour_violations[hour] += violation

    @property
    def overall(self) -> float:
        """The rate over all strata."""
        return max(self.violations, 0.5) / max(sum(count for count, _ in self._strata.values()), 1)

    def expected(self, stratum: str, hour: int, direction: float) -> float:
        """The rate to expect, moved by `direction` times its own relative standard error.

        The error of a baseline is no drift: towards the change looked for it is given the benefit.
        """
        variance = 1 / max(self.violations, 1)
        if self._whole_day:
            variance += 1 / (self._hour_violations[hour] + _PRIOR_EVENTS)
        rate = self._rate(stratum) * self._season(hour)
        return min(rate * math.exp(direction * math.sqrt(variance)), 0.9)

    @property
    def _whole_day(self) -> bool:
        return self._began is not None and self._ended - self._began >= 86_400

    def _rate(self, stratum: str) -> float:
        count, violations = self._strata.get(stratum, (0, 0))
        return (violations + _PRIOR_EVENTS) / (count + _PRIOR_EVENTS / self.overall)

    def _season(self, hour: int) -> float:
        if not self._whole_day:
            return 1.0
        expected = sum(count * self._rate(stratum) for stratum, count in self._hours[hour].items())
        return (self._hour_violations[hour] + _PRIOR_EVENTS) / (expected + _PRIOR_EVENTS)


@dataclass(slots=True)
class Ratio:
    """The ratio of an effect, as it stood when the watch began."""

    wanted: float = EFFECT_ERROR
    violations: int = 0
    error: float = math.inf
    """Standard error of the log ratio."""
    _arms: dict[float, list[int]] = field(default_factory=dict)
    _log_ratio: float = 0.0

    @property
    def ready(self) -> bool:
        """Whether enough was seen."""
        return self.error <= self.wanted

    def add(self, weight: float, treated: bool) -> None:
        """Learn from one violation."""
        self._arms.setdefault(weight, [0, 0])[treated] += 1
        self.violations += 1
        # The error falls with the root of the count at best, so nothing is known before this many.
        if self.violations >= 4 / self.wanted**2 and self.violations % 20 == 0:
            self._settle()

    def expected(self, direction: float) -> float:
        """The ratio to expect, moved by `direction` times its own standard error (of the logarithm)."""
        return math.exp(self._log_ratio + direction * self.error)

    def _settle(self) -> None:
        arms = [(weight, *counts) for weight, counts in sorted(self._arms.items())]
        # Half a violation in each arm keeps the ratio finite.
        counts = Violations.of(*([part[at] + (0.5 if at != 0 else 0) for part in arms] for at in (0, 2, 1)))
        self._log_ratio = float(ratio.log_ratio(counts))
        odds = counts.weights / (1 - counts.weights) * math.exp(self._log_ratio)
        known = ((counts.treatment + counts.control) * odds / (1 + odds) ** 2).sum()
        self.error = 1 / math.sqrt(max(float(known), 1e-9))


def hour_of(at: float) -> int:
    """The hour of the day, in UTC."""
    return int(at // 3600) % _HOURS
