"""Shiryaev-Roberts: a second opinion on change, whose threshold *is* the run length.

The statistic bets at every event that the change begins just now, and keeps all those bets: R <- (1 + R) L.
Each bet is an e-process, so R minus the number of events is a supermartingale while nothing changes, and the
mean number of events until R reaches a threshold is at least that threshold, with no table and no
simulation (Shin, Ramdas and Rinaldo, "E-detectors", arXiv 2203.03532). Several sizes of change are averaged.
"""

import math
from collections.abc import Sequence

FACTORS = (1.25, 1.5, 2.0, 4.0)
"""Changes looked for."""


class Shiryaev:
    """One statistic; `since` is the last time at which it was 1 or less."""

    __slots__ = ("_parts", "since", "threshold")

    def __init__(self, events: float, bets: int = len(FACTORS)) -> None:
        self.threshold = float(events)
        """Events that pass on average, at least, until a false alarm."""
        self.since = 0.0
        self._parts = [0.0] * bets

    @property
    def statistic(self) -> float:
        """Mean over the sizes of change."""
        return sum(self._parts) / len(self._parts)

    def add(self, evidence: Sequence[float], at: float) -> bool:
        """Add one event's log likelihood ratios, one for each bet; whether the threshold is reached.

        >>> detector = Shiryaev(events=10, bets=1)
        >>> [detector.add([math.log(2)], at) for at in range(3)]
        [False, False, True]
        """
        if not any(self._parts):
            self.since = at
        self._parts = [
            (1 + part) * math.exp(value) for part, value in zip(self._parts, evidence, strict=True)
        ]
        found = self.statistic
        if found <= 1:
            self.since = at
        return found >= self.threshold

    def restart(self, at: float) -> None:
        """Begin anew after an alarm."""
        self._parts = [0.0] * len(self._parts)
        self.since = at
