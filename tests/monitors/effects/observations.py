"""Observations for the tests of effects: exchanges of units whose truth is known."""

import random
from collections.abc import Iterator, Mapping, Sequence

from monitors.effects.observation import Assignment, Observation, Score


def traffic(
    rng: random.Random,
    exchanges: int,
    rates: Mapping[str, float],
    ratios: Mapping[tuple[str, str], float] | None = None,
    weights: Mapping[str, float] | None = None,
    strata: Sequence[str] = ("en",),
    start: float = 0.0,
    seconds: float = 1.0,
    units: int | None = None,
    epoch: int = 1,
) -> Iterator[Observation]:
    """Exchanges one after the other; `ratios` says what a defense does to a measure where it is on."""
    weights = weights or {"shield": 0.5}
    for number in range(exchanges):
        assignments = tuple(
            Assignment(defense, rng.random() < weight, weight, epoch, "canary")
            for defense, weight in weights.items()
        )
        scores = []
        for measure, rate in rates.items():
            for part in assignments:
                rate *= (ratios or {}).get((part.defense, measure), 1.0) if part.on else 1.0
            violation = rng.random() < rate
            scores.append(Score(measure, 0.9 if violation else 0.1, violation))
        unit = rng.randrange(units) if units else number
        at = start + number * seconds
        yield Observation(
            f"{start}-{number}",
            b"%d-%d" % (unit, int(start)),
            rng.choice(strata),
            assignments,
            tuple(scores),
            at=at,
        )
