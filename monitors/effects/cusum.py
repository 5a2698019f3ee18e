"""CUSUM: adds up evidence for a change, and starts anew whenever there is none left.

What is added are log likelihood ratios of "the rate is `factor` times what it was" against "it is what it
was"; the sum never falls below zero, and the change began when it last was zero (Page, "Continuous inspection
schemes", Biometrika 1954; optimal in worst-case delay: Moustakides 1986). The alarm threshold is chosen by
how many violations may pass, on average, between two false alarms.
"""

import math
from bisect import bisect_left
from dataclasses import dataclass

FACTOR = 1.5
"""Change that is looked for: the rate times, or divided by, this."""


@dataclass(slots=True)
class Cusum:
    """One sum; `since` is the time at which it last was zero, NaN before anything came."""

    threshold: float
    statistic: float = 0.0
    since: float = math.nan

    def add(self, evidence: float, at: float) -> bool:
        """Add a log likelihood ratio that came in at a time; whether the threshold is reached.

        >>> cusum = Cusum(threshold=2.0)
        >>> [cusum.add(value, at) for at, value in enumerate([-1.0, 1.2, 1.1])], cusum.since
        ([False, False, True], 0)
        """
        self.statistic += evidence
        if self.statistic <= 0:
            self.statistic, self.since = 0.0, at
        elif math.isnan(self.since):
            self.since = at
        return self.statistic >= self.threshold

    def restart(self, at: float) -> None:
        """Begin anew after an alarm."""
        self.statistic, self.since = 0.0, at


def rate_evidence(expected: float, factor: float) -> tuple[float, float]:
    """What a violation, and what its absence, add where a share of `expected` was to violate."""
    # A rate times factor may not reach 1; near it the change looked for is smaller.
    changed = min(factor * expected, (1 + expected) / 2)
    return math.log(changed / expected), math.log1p(-changed) - math.log1p(-expected)


def arm_evidence(weight: float, baseline: float, factor: float) -> tuple[float, float]:
    """What a violation in treatment, and what one in control, add where the ratio was `baseline`.

    Only which arm it is in counts: when the rate moves in both, as it does by the hour, nothing is added.
    """
    share = treated_share(weight, baseline)
    # share' / share and (1 - share') / (1 - share), where the odds are multiplied by factor
    control = -math.log1p(share * (factor - 1))
    return math.log(factor) + control, control


def treated_share(weight: float, ratio: float) -> float:
    """Share of the violations that treatment has, at a weight and a ratio.

    >>> treated_share(0.5, 3.0)
    0.75
    """
    odds = weight / (1 - weight) * ratio
    return odds / (1 + odds)


def threshold_for(violations: float, rate: float = 0.0, factor: float = FACTOR) -> float:
    """Threshold at which, on average, this many violations pass until a false alarm on a rate.

    From a table of simulated run lengths, straight in log(violations) between its lines and beyond them.
    The table is of rare violations; at a rate p there pass 1 - p times as many (simulated up to a half; for
    falling rates somewhat more). Raises ValueError for other factors than `FACTOR` and its inverse.
    """
    return _interpolate(_RATES[_direction(factor)], violations / (1 - rate))


def arm_threshold_for(violations: float, share: float, factor: float = FACTOR) -> float:
    """The same for `arm_evidence`, where treatment was to have `share` of the violations.

    Of the shares in the table, the two around it are both obeyed.
    """
    tables = _ARMS[_direction(factor)]
    known = sorted(tables)
    share = min(max(share, known[0]), known[-1])
    place = bisect_left(known, share)
    around = {known[place], known[place if known[place] == share else place - 1]}
    return max(_interpolate(tables[at], violations) for at in around)


def _direction(factor: float) -> str:
    if math.isclose(factor, FACTOR):
        return "up"
    if math.isclose(factor, 1 / FACTOR):
        return "down"
    raise ValueError(f"no run lengths are known for a factor of {factor}, only for {FACTOR} and its inverse")


def _interpolate(lengths: tuple[float, ...], violations: float) -> float:
    logs = [math.log(length) for length in lengths]
    wanted = math.log(violations)
    place = min(max(bisect_left(logs, wanted), 1), len(logs) - 1)
    slope = 1 / (logs[place] - logs[place - 1])
    return max(_LOWEST + place - 1 + slope * (wanted - logs[place - 1]), 0.5)


# Violations until a false alarm at thresholds 2, 3, 4, ...: `python -m benchmarks.simulations run-lengths`.
_LOWEST = 2.0
_RATES: dict[str, tuple[float, ...]] = {
    "up": (56, 200, 610, 1717, 4797, 13168, 37539, 95491),
    "down": (75, 262, 802, 2295, 6316, 17266, 46154, 127208),
}
_ARMS: dict[str, dict[float, tuple[float, ...]]] = {
    "up": {
        0.01: (5858, 21016, 69098, 229299, 600000),
        0.05: (1224, 4330, 14096, 40179, 100559),
        0.1: (664, 2347, 7069, 21467, 54381),
        0.25: (339, 1196, 3638, 10129, 31061),
        0.5: (275, 963, 2984, 8253, 23392),
        0.75: (380, 1361, 4155, 11726, 33210),
        0.9: (807, 2872, 8830, 26627, 72000),
        0.95: (1576, 5572, 17176, 51799, 155172),
        0.99: (8009, 31662, 98630, 356436, 1285714),
    },
    "down": {
        0.01: (7942, 31972, 104651, 318584, 1333333),
        0.05: (1585, 5629, 17408, 49655, 163636),
        0.1: (813, 2877, 9027, 25881, 70727),
        0.25: (379, 1367, 4167, 12048, 33898),
        0.5: (276, 982, 2956, 8487, 22959),
        0.75: (340, 1191, 3676, 10459, 28754),
        0.9: (663, 2324, 7108, 20022, 59504),
        0.95: (1235, 4399, 13408, 41667, 110092),
        0.99: (5848, 20642, 69632, 211765, 580645),
    },
}
