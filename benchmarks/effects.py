"""What the evidence of effects costs: time for each record folded, time to look, memory.

::

    python -m benchmarks.effects

Thirty defenses, each with a weight strictly between 0 and 1, twelve measures that all apply, twenty strata,
every exchange of a new unit: nothing is ever already known. The figures are medians of CPU time, and the
resident memory of the process less that before the first record.
"""

import argparse
import gc
import random
import resource
import statistics
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from benchmarks.overhead import markdown
from monitors.effects.drift import Drift
from monitors.effects.effects import Effects
from monitors.effects.observation import Assignment, Observation, Score

BATCH = 200
"""Records folded, then watched, at a time."""
WEIGHTS = (0.01, 0.05, 0.1, 0.25, 0.5, 0.98)


def observation(rng: random.Random, number: int, defenses: int, measures: int, strata: int) -> Observation:
    """An exchange as it comes from the tap; a twentieth of the scores are violations."""
    step = number // 2000 % len(WEIGHTS)
    assignments = []
    for place in range(defenses):
        weight = WEIGHTS[(place + step) % len(WEIGHTS)]
        assignments.append(Assignment(f"defense_{place}", rng.random() < weight, weight, 1, "canary"))
    scores = []
    for place in range(measures):
        value = rng.random()
        scores.append(Score(f"measure_{place}", value, value > 0.95, 0.5))
    stratum = f"stratum_{rng.randrange(strata)}"
    return Observation(
        f"exchange-{number}", rng.randbytes(16), stratum, tuple(assignments), tuple(scores), at=float(number)
    )


def measure(records: int, defenses: int, measures: int, strata: int) -> list[str]:
    """One row: microseconds to fold and to watch a record, milliseconds to look, megabytes."""
    rng = random.Random(0)
    before = resident()
    names = [f"measure_{place}" for place in range(measures)]
    effects, drift = Effects(names), Drift(names)
    folding, watching = [], []
    for start in range(0, records, BATCH):
        batch = [
            observation(rng, number, defenses, measures, strata) for number in range(start, start + BATCH)
        ]
        new = []
        for seen in batch:
            started = time.thread_time()
            new.append(effects.fold(seen))
            folding.append(time.thread_time() - started)
        for seen, measured in zip(batch, new, strict=True):
            started = time.thread_time()
            drift.fold(seen, measured)
            watching.append(time.thread_time() - started)
    gc.collect()
    grown = resident() - before
    look = timed(effects.look)
    matrix = timed(effects.matrix)
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "effects"
        save = timed(lambda: effects.save(file), 3)
        size = file.stat().st_size
    late = len(folding) // 2
    return [
        f"{defenses} x {measures} x {strata}",
        f"{statistics.median(folding[late:]) * 1e6:.0f} us",
        f"{statistics.median(watching[late:]) * 1e6:.0f} us",
        f"{look * 1e3:.0f} ms",
        f"{matrix * 1e3:.0f} ms",
        f"{save * 1e3:.0f} ms, {size / 1e6:.0f} MB",
        f"{grown:.0f} MB",
    ]


def timed(call: Callable[[], object], times: int = 5) -> float:
    """Median seconds of a call."""
    found = []
    for _ in range(times):
        started = time.thread_time()
        call()
        found.append(time.thread_time() - started)
    return statistics.median(found)


def resident() -> float:
    """Largest resident size of this process so far, in megabytes."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e3


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.effects", description=__doc__)
    parser.add_argument(
        "--records", type=int, default=200_000, help="enough to fill what is remembered of units"
    )
    chosen = parser.parse_args()
    head = ["defenses x measures x strata", "fold", "watch for drift", "look", "matrix", "save", "memory"]
    print(markdown([head, measure(chosen.records // 10, 3, 8, 5), measure(chosen.records, 30, 12, 20)]))


if __name__ == "__main__":
    main()
