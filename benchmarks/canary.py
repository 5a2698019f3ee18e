"""Runs the canary's own rules on simulated traffic: how often it is right, how many users a harm reaches.

    python -m benchmarks.canary [--runs 200]

The rules, readings and counts are those of `monitors.canary`; only traffic and clock are made up here.
"""

import argparse
import statistics
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from gateway.canary_settings import CanarySettings
from monitors.canary.counted import Counted
from monitors.canary.decide import decide
from monitors.canary.facts import Facts, Role
from monitors.canary.reading import Readings
from monitors.canary.state import ENDED, State

A_DAY = 50_000
"""Exchanges a day."""
BLOCK = 250
"""Exchanges between two looks; a real controller looks after each."""
Array = NDArray[np.float64]
BASES = (0.01, 0.02, 0.03, 0.02, 0.05, 0.02)
"""Rates of violation without the defense, by measure; the last measure is the target."""
NAMES = tuple(f"m{place}" for place in range(len(BASES)))
ROLES: dict[str, Role] = {**dict.fromkeys(NAMES, "guard"), NAMES[-1]: "target"}
SETTINGS = CanarySettings(shadow=0, shadow_exchanges=0)


@dataclass(frozen=True, slots=True)
class Block:
    """What came between two looks; shapes `(2, measures)`, arm 1 with the defense."""

    units: Array
    firsts: Array
    violations: Array
    treated: int


Traffic = Callable[[float, float], Block]
"""Makes a block at a weight and a time in days."""


@dataclass(frozen=True, slots=True)
class Ended:
    """How a run went: its last state, exchanges, those with the defense, and the weight at the end."""

    stage: str
    exchanges: int
    exposed: int
    weight: float


def canary(traffic: Traffic, settings: CanarySettings = SETTINGS, longest: int = 1_500_000) -> Ended:
    """One run to its end, or until the ramp is over."""
    readings = Readings(NAMES, ROLES, settings)
    state, now, exchanges, exposed = State(), 0.0, 0, 0
    begun, begun_exposed, units = 0, 0, 0
    weights: list[float] = []
    table = np.zeros((0, 2, len(NAMES), 3))
    facts = Facts()
    while exchanges < longest:
        transition = decide(state, settings, facts, now)
        if transition is not None:
            before, state = state, transition.after
            if state.stage in ENDED or state.stage in ("full", "paused_inconclusive"):
                return Ended(state.stage, exchanges, exposed, before.weight)
            if state.weight not in weights:
                weights.append(state.weight)
                table = np.concatenate([table, np.zeros((1, 2, len(NAMES), 3))])
            begun, begun_exposed, units = exchanges, exposed, 0
        block = traffic(state.weight, now / 86_400)
        row = table[weights.index(state.weight)]
        row[..., 0] += block.firsts
        row[..., 1] += block.units
        row[..., 2] += block.violations
        exchanges, exposed = exchanges + BLOCK, exposed + block.treated
        units += int(block.units[1].max())
        now += BLOCK / A_DAY * 86_400
        counted = Counted(np.array(weights), table, np.zeros((len(NAMES), 4)))
        facts = Facts(readings.read(counted, state.step), exchanges - begun, exposed - begun_exposed, units)
    return Ended("unfinished", exchanges, exposed, state.weight)


def fresh(seed: int, ratios: Sequence[float]) -> Traffic:
    """Every exchange is a unit of its own."""
    rng = np.random.default_rng(seed)
    bases = np.array(BASES)
    rates = np.stack([bases, bases * np.array(ratios)])

    def block(weight: float, day: float) -> Block:
        treated = int(rng.binomial(BLOCK, weight))
        units = np.array([[BLOCK - treated] * len(BASES), [treated] * len(BASES)])
        hits = rng.binomial(units, rates).astype(float)
        return Block(units.astype(float), hits, hits, treated)

    return block


def sticky(seed: int, users: int = 20_000) -> Traffic:
    """A few users make most of the traffic (Zipf), each with a rate of its own (intra-class correlation
    .02), while the base rate rises by half in eight days and swings by a quarter each day; no effect."""
    rng = np.random.default_rng(seed)
    shares = 1 / np.arange(1, users + 1)
    chances = np.cumsum(shares / shares.sum())
    places = rng.random(users)
    spread = 1 / 0.02 - 1
    rates = np.stack([rng.beta(base * spread, (1 - base) * spread, users) for base in BASES], 1)
    seen, violated = np.zeros(users, bool), np.zeros((users, len(BASES)), bool)

    def block(weight: float, day: float) -> Block:
        who = np.minimum(np.searchsorted(chances, rng.random(BLOCK)), users - 1)
        drift = (1 + min(day / 16, 0.5)) * (1 + 0.25 * np.sin(2 * np.pi * day))
        hits = rng.random((BLOCK, len(BASES))) < rates[who] * drift
        treated = places[who] < weight
        units, firsts, violations = (np.zeros((2, len(BASES))) for _ in range(3))
        for user, arm, hit in zip(who, treated.astype(int), hits, strict=True):
            firsts[arm] += hit & ~violated[user]
            violated[user] |= hit
            if not seen[user]:
                seen[user] = True
                units[arm] += 1
                violations[arm] += hit
        return Block(units, firsts, violations, int(treated.sum()))

    return block


def ratios(measure: int | None = None, ratio: float = 1.0) -> list[float]:
    """Ratios of the rates, 1 but for one measure."""
    return [ratio if place == measure else 1.0 for place in range(len(BASES))]


def told(name: str, runs: Iterable[Ended]) -> str:
    """One line of the table."""
    ended = list(runs)
    exchanges = statistics.median(one.exchanges for one in ended)
    exposed = statistics.median(one.exposed for one in ended)
    stages, weights = (Counter(one.stage for one in ended), Counter(one.weight for one in ended))
    told = ", ".join(f"{stage} {count}" for stage, count in sorted(stages.items()))
    where = ", ".join(f"{100 * weight:g} %: {count}" for weight, count in sorted(weights.items()))
    return f"| {name} | {told} | {exchanges:,.0f} | {exposed:,.0f} | {where} |"


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--runs", type=int, default=200)
    parser.add_argument("--only", default="")
    arguments = parser.parse_args()
    scenarios: list[tuple[str, Callable[[int], Traffic]]] = [
        ("no effect", lambda seed: fresh(seed, ratios())),
        ("target halved", lambda seed: fresh(seed, ratios(5, 0.5))),
        ("x1.5 on a rate of 3 %", lambda seed: fresh(seed, ratios(2, 1.5))),
        ("x2 on a rate of 1 %", lambda seed: fresh(seed, ratios(0, 2.0))),
        ("x3 on a rate of 2 %", lambda seed: fresh(seed, ratios(1, 3.0))),
        ("x5 on a rate of 2 %", lambda seed: fresh(seed, ratios(1, 5.0))),
        ("target x2", lambda seed: fresh(seed, ratios(5, 2.0))),
        ("sticky", sticky),
    ]
    print("| traffic | ended | exchanges, median | with the defense, median | at weight |")
    print("|---|---|---|---|---|")
    for name, traffic in scenarios:
        if arguments.only in name:
            print(told(name, (canary(traffic(seed)) for seed in range(arguments.runs))), flush=True)


if __name__ == "__main__":
    main()
