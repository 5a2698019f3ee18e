"""Baseline: what is to be expected while nothing changes, learned from the first violations that come."""

import math
from dataclasses import dataclass, field

from monitors.effects import ratio
from monitors.effects.ratio import Violations

RATE_EVENTS = 400
"""Violations from which the rate of a measure is learned: its error is then about 5 %."""
EFFECT_EVENTS = 200
"""Violations from which the ratio of an effect is learned."""

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

    def expected(self, stratum: str, hour: int, direction: float) -> float:
        """The rate to expect, moved by `direction` times its own standard error.

        The error of a baseline is no drift: towards the change looked for it is given the benefit.
        """
        rate = self._rate(stratum) * self._season(hour)
        return min(rate * math.exp(direction / math.sqrt(max(self.violations, 1))), 0.9)

    def _rate(self, stratum: str) -> float:
        overall = max(self.violations, 0.5) / max(sum(count for count, _ in self._strata.values()), 1)
        count, violations = self._strata.get(stratum, (0, 0))
        return (violations + _PRIOR_EVENTS) / (count + _PRIOR_EVENTS / overall)

    def _season(self, hour: int) -> float:
        if self._began is None or self._ended - self._began < 86_400:
            return 1.0
        expected = sum(count * self._rate(stratum) for stratum, count in self._hours[hour].items())
        return (self._hour_violations[hour] + _PRIOR_EVENTS) / (expected + _PRIOR_EVENTS)


@dataclass(slots=True)
class Ratio:
    """The ratio of an effect, as it stood when the watch began."""

    events: int = EFFECT_EVENTS
    violations: int = 0
    _arms: dict[float, list[int]] = field(default_factory=dict)
    _log_ratio: float = 0.0
    _error: float = 0.0

    @property
    def ready(self) -> bool:
        """Whether enough was seen."""
        return self.violations >= self.events

    def add(self, weight: float, treated: bool) -> None:
        """Learn from one violation."""
        self._arms.setdefault(weight, [0, 0])[treated] += 1
        self.violations += 1
        if self.ready:
            self._settle()

    def expected(self, direction: float) -> float:
        """The ratio to expect, moved by `direction` times its own standard error (of the logarithm)."""
        return math.exp(self._log_ratio + direction * self._error)

    def _settle(self) -> None:
        arms = [(weight, *counts) for weight, counts in sorted(self._arms.items())]
        # Half a violation in each arm keeps the ratio finite.
        counts = Violations.of(*([part[at] + (0.5 if at != 0 else 0) for part in arms] for at in (0, 2, 1)))
        self._log_ratio = float(ratio.log_ratio(counts))
        odds = counts.weights / (1 - counts.weights) * math.exp(self._log_ratio)
        known = ((counts.treatment + counts.control) * odds / (1 + odds) ** 2).sum()
        self._error = 1 / math.sqrt(max(float(known), 1e-9))


def hour_of(at: float) -> int:
    """The hour of the day, in UTC."""
    return int(at // 3600) % _HOURS
