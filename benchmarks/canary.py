"""Runs the canary's own rules on simulated traffic: how often it is right, how many users a harm reaches.

    python -m benchmarks.canary [--runs 200]

The rules, readings and counts are those of `monitors.canary`; only traffic and clock are made up here.
"""

import argparse
import itertools
import statistics
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from gateway.canary_settings import DAY, CanarySettings
from monitors.canary.counted import Counted
from monitors.canary.decide import decide
from monitors.canary.facts import Facts, Reading, Role
from monitors.canary.reading import readings
from monitors.canary.state import State

A_DAY = 50_000
"""Exchanges a day."""
BLOCK = 500
"""Exchanges between two looks; a real controller looks after each."""
LOOKS = 3000
"""Looks after which a run counts as unfinished."""
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
    treated: Sequence[int]
    """Users of the exchanges with the defense."""


Traffic = Callable[[float, float], Block]
"""Makes a block at a weight and a time in days."""


@dataclass(slots=True)
class Run:
    """One canary. begun, begun_exposed: `exchanges` and `exposed` at the begin of its step."""

    traffic: Traffic
    state: State = field(default_factory=State)
    facts: Facts = field(default_factory=Facts)
    ever: dict[str, float] = field(default_factory=dict)
    exchanges: int = 0
    exposed: int = 0
    begun: int = 0
    begun_exposed: int = 0
    units: set[int] = field(default_factory=set)
    last: float = 0.0

    @property
    def over(self) -> bool:
        """Whether the ramp is behind it."""
        return self.state.stage not in ("draft", "step")

    def decide(self, settings: CanarySettings, now: float) -> None:
        """Let the rules decide."""
        transition = decide(self.state, settings, self.facts, now)
        if transition is not None:
            self.last, self.state = self.state.weight, transition.after
            self.begun, self.begun_exposed, self.units = self.exchanges, self.exposed, set()

    def draw(self, table: Array, now: float) -> None:
        """Add the next exchanges to the counts of the present weight, `(2, measures, 3)`."""
        block = self.traffic(self.state.weight, now / DAY)
        for column, counts in enumerate((block.firsts, block.units, block.violations)):
            table[..., column] += counts
        self.exchanges, self.exposed = self.exchanges + BLOCK, self.exposed + len(block.treated)
        if len(self.units) < 1000:  # more than any floor
            self.units.update(block.treated)

    def learn(self, found: tuple[Reading, ...]) -> None:
        """Take the readings of this look."""
        self.ever = {one.measure: one.log_harm_ever for one in found}
        self.facts = Facts(
            found, self.exchanges - self.begun, self.exposed - self.begun_exposed, len(self.units)
        )


def canaries(traffics: Iterable[Traffic], settings: CanarySettings = SETTINGS) -> list[Run]:
    """Each to its end, or until the ramp is over; side by side, to work out the numbers of all at once."""
    runs = [Run(traffic) for traffic in traffics]
    weights = np.array([step.weight for step in settings.steps])
    table = np.zeros((len(runs), len(weights), 2, len(NAMES), 3))
    for look in range(LOOKS):
        now = look * BLOCK / A_DAY * DAY
        for run in runs:
            if not run.over:
                run.decide(settings, now)
        going = [place for place, run in enumerate(runs) if not run.over]
        if not going:
            break
        for place in going:
            runs[place].draw(table[place, runs[place].state.step], now)
        found = _readings([runs[place] for place in going], weights, table[going], settings)
        for place, mine in zip(going, found, strict=True):
            runs[place].learn(mine)
    return runs


def _readings(
    runs: Sequence[Run], weights: Array, table: Array, settings: CanarySettings
) -> list[tuple[Reading, ...]]:
    size = len(NAMES)
    # As if each run's measures were further measures of one: the numbers are the same.
    stacked = table.transpose(1, 2, 0, 3, 4).reshape(len(weights), 2, -1, 3)
    counted = Counted(weights, stacked, np.zeros((len(runs) * size, 4)))
    subjects = [(f"{place} {name}", ROLES[name]) for place in range(len(runs)) for name in NAMES]
    margins = [settings.margin(run.state.step, name) for run in runs for name in NAMES]
    ever = {
        f"{place} {name.split()[-1]}": value
        for place, run in enumerate(runs)
        for name, value in run.ever.items()
    }
    found = readings(counted, subjects, margins, ever, settings)
    return [found[place * size : (place + 1) * size] for place in range(len(runs))]


def fresh(seed: int, ratios: Sequence[float]) -> Traffic:
    """Every exchange is a unit of its own."""
    rng = np.random.default_rng(seed)
    bases = np.array(BASES)
    rates = np.stack([bases, bases * np.array(ratios)])
    numbers = itertools.count()

    def block(weight: float, day: float) -> Block:
        treated = int(rng.binomial(BLOCK, weight))
        units = np.array([[BLOCK - treated] * len(BASES), [treated] * len(BASES)])
        hits = rng.binomial(units, rates).astype(float)
        return Block(units.astype(float), hits, hits, list(itertools.islice(numbers, treated)))

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
        units, firsts, violations = (np.zeros((2, len(BASES))) for _ in range(3))
        first_of, at = np.unique(who, return_index=True)
        new = ~seen[first_of]
        for user, where in zip(first_of[new], at[new], strict=True):
            arm = int(places[user] < weight)
            units[arm] += 1
            violations[arm] += hits[where]
        seen[first_of] = True
        for measure in range(len(BASES)):
            hit = np.unique(who[hits[:, measure]])
            for user in hit[~violated[hit, measure]]:
                firsts[int(places[user] < weight), measure] += 1
            violated[hit, measure] = True
        return Block(units, firsts, violations, who[places[who] < weight].tolist())

    return block


def ratios(measure: int | None = None, ratio: float = 1.0) -> list[float]:
    """Ratios of the rates, 1 but for one measure."""
    return [ratio if place == measure else 1.0 for place in range(len(BASES))]


def told(name: str, runs: Sequence[Run]) -> str:
    """One line of the table."""
    exchanges = statistics.median(run.exchanges for run in runs)
    exposed = statistics.median(run.exposed for run in runs)
    stages, weights = Counter(run.state.stage for run in runs), Counter(run.last for run in runs)
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
        ("x1.5 on a rate of 3 %", lambda seed: fresh(seed, ratios(2, 1.5))),
        ("x2 on a rate of 1 %", lambda seed: fresh(seed, ratios(0, 2.0))),
        ("x3 on a rate of 2 %", lambda seed: fresh(seed, ratios(1, 3.0))),
        ("x5 on a rate of 2 %", lambda seed: fresh(seed, ratios(1, 5.0))),
        ("target x2", lambda seed: fresh(seed, ratios(5, 2.0))),
        ("no effect, sticky users, drift", sticky),
    ]
    print("| traffic | ended | exchanges, median | with the defense, median | at weight |")
    print("|---|---|---|---|---|")
    for name, traffic in scenarios:
        if arguments.only in name:
            print(told(name, canaries(map(traffic, range(arguments.runs)))), flush=True)


if __name__ == "__main__":
    main()
