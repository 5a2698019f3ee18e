"""How often the statistics of effects err, and how long they take, on streams whose truth is known.

::

    python -m benchmarks.simulations errors        # false alarms under constant looking, and missed truths
    python -m benchmarks.simulations delays        # exchanges until an effect is found, or ruled out
    python -m benchmarks.simulations drift         # from a change to its alarm
    python -m benchmarks.simulations run-lengths   # the table of monitors/effects/cusum.py (some minutes)

Every figure is of `--runs` runs with fixed seeds; a rate of .05 is then known to about .02 (400 runs).
"""

import argparse
import math
from collections.abc import Callable, Iterator

import numpy as np
from numpy.typing import NDArray

from benchmarks.effect_streams import (
    Array,
    Rollout,
    Sticky,
    alarmed,
    beta_scores,
    delays,
    missed,
    pairs,
    run,
    score_false_alarm,
    sticky,
)
from benchmarks.overhead import markdown
from monitors.effects import betting, paired, ratio, scores, srm, together
from monitors.effects.cusum import FACTOR, arm_evidence, arm_threshold_for, threshold_for, treated_share
from monitors.effects.shiryaev import FACTORS
from monitors.effects.srm import Split

RAMP = [0.01] * 25 + [0.05] * 25 + [0.25] * 25 + [0.5] * 25
LONG_UNITS = 21
"""Exchanges of a unit in the traffic that tells first violations from first exchanges."""


def errors(runs: int) -> Iterator[list[str]]:
    """Rows of the table of false alarms; each should be at most .05, but for those that are meant to fail."""
    yield ["simulation", "naive or wrong", "ours"]
    for weight in (0.5, 0.1, 0.01):
        seen = run(Rollout.steady(weight, 0.02, 1000, 100), runs, 1)
        yield row(f"harm, no effect, weight {weight}, 1000 looks (naive: z test)",
                  alarmed(np.abs(seen.z), 1.96), alarmed(ratio.harm(seen.violations)))  # fmt: skip
        edge = run(Rollout.steady(weight, 0.02, 1000, 100, 1.5), runs, 2)
        yield row(f"no worse than 1.5, true ratio 1.5, weight {weight}", None,
                  alarmed(ratio.noninferior(edge.violations, 1.5)))  # fmt: skip
        few = run(Rollout.steady(weight, 0.02, 40, 2500, 1.5), runs, 3)
        yield row(f"interval misses a ratio of 1.5, weight {weight}, 40 looks", None, missed(few, 1.5))
    yield row("ramp 1, 5, 25, 50 % while the rate drifts from 2 to 3 % (naive: z test)", *ramp(runs))
    yield row("sticky units, first violation of each (naive: every violation)", *stuck(runs))
    yield row(
        "no worse than 1.5, true ratio 1.5, 21 exchanges a unit (wrong: first violations)", *long_units(runs)
    )
    yield row("replays, 1 % each way", None, alarmed(paired.harm(pairs(0.01, 0.01, 0.01, runs, 200, 50, 7))))
    yield row("replays no worse than 1.5, true ratio 1.5", None,
              alarmed(paired.noninferior(pairs(0.01, 0.02, 0.01, runs, 200, 50, 7), 1.5)))  # fmt: skip
    for weight in (0.5, 0.1, 0.01):
        arms = beta_scores(weight, (0.1, 0.1), 0.1, 0.7, (runs, 50, 400), 3)
        yield row(f"scores, asymptotic with covariate, weight {weight}", None, score_false_alarm(arms))
        yield row(f"rare events, asymptotic with and without floors, weight {weight}", *floors(weight, runs))
        yield row(f"scores, bet, weight {weight}", None, alarmed(bet_scores(weight, runs, 0.0)))
    yield row("split of units, nothing lost, alpha .001", None,
              float(np.mean([split_found(0.1, 0.0, seed) < math.inf for seed in range(runs)])))  # fmt: skip
    yield row("two defenses, ratio of ratios is 1", None, alarmed(interaction(1.0, runs)))


def row(name: str, naive: float | None, ours: float) -> list[str]:
    """One line of the table."""
    return [name, "" if naive is None else f"{naive:.3f}", f"{ours:.3f}"]


def ramp(runs: int) -> tuple[float, float]:
    """False alarms of the z test at the end, and of the ratio at any look, while rate and weight rise."""
    seen = run(Rollout(RAMP, np.linspace(0.02, 0.03, 100).tolist(), 2000), runs, 4)
    return float((np.abs(seen.z[:, -1]) > 1.96).mean()), alarmed(ratio.harm(seen.violations))


def stuck(runs: int) -> tuple[float, float]:
    """False alarms when every violation counts, and when only a unit's first one does."""
    counted = sticky(Sticky(exchanges=12_000, weight=0.5), runs, 5)
    return alarmed(ratio.harm(counted.every)), alarmed(ratio.harm(counted.first_violations))


def long_units(runs: int, margin: float = 1.5, base: float = 0.02) -> tuple[float, float]:
    """False proofs of non-inferiority at the margin, from first violations and from first exchanges."""
    risks = [1 - (1 - base * factor) ** LONG_UNITS for factor in (1.0, margin)]
    units = run(Rollout.steady(0.5, risks[0], 200, 250, risks[1] / risks[0]), runs, 6)
    firsts = run(Rollout.steady(0.5, base, 200, 250, margin), runs, 6)
    return (alarmed(ratio.noninferior(units.violations, margin)),
            alarmed(ratio.noninferior(firsts.violations, margin)))  # fmt: skip


def floors(weight: float, runs: int) -> tuple[float, float]:
    """Misses of the asymptotic sequence for rare violations, without and with the floors."""
    seen = run(Rollout.steady(weight, 0.02, 1000, 100), runs, 8)
    estimate, half = scores.estimate_and_half_width(seen.arms, 0.05)
    known = (seen.treated.sum(-1) > 1) & (half > 0)
    return float(((np.abs(estimate) > half) & known).any(1).mean()), score_false_alarm(seen.arms)


def bet_scores(weight: float, runs: int, effect: float, looks: int = 50, block: int = 400) -> Array:
    """Log e-values of the bet on scores whose levels are spread like those of a beta(1, 9)."""
    rng = np.random.default_rng(9)
    drawn = rng.beta(1, 9, 200_000)
    shares = []
    for shift in (effect, 0.0):
        levels = ((drawn + shift).clip(0, 1) * (scores.LEVELS - 1) + rng.random(len(drawn))).astype(int)
        shares.append(np.bincount(levels.clip(0, scores.LEVELS - 1), minlength=scores.LEVELS) / len(drawn))
    treated = rng.binomial(block, weight, (runs, looks))
    counts = [rng.multinomial(size, share).cumsum(1)[:, :, None]
              for size, share in zip((treated, block - treated), shares, strict=True)]  # fmt: skip
    return betting.above(scores.betted([weight], *counts), 0.0)


def split_found(weight: float, lost: float, seed: int, block: int = 200, looks: int = 1000) -> float:
    """Units until the split is found broken when a share of treatment is lost; infinite where it never is."""
    rng = np.random.default_rng(seed)
    treated = np.cumsum(rng.binomial(rng.binomial(block, weight, looks), 1 - lost))
    untreated = np.cumsum(rng.binomial(block, 1 - weight, looks))
    for one, other in zip(treated.tolist(), untreated.tolist(), strict=True):
        if srm.mismatch([Split(weight, one, other)]):
            return float(one + other)
    return math.inf


def interaction(proportion: float, runs: int, looks: int = 25, block: int = 4000) -> Array:
    """Log e-values of the ratio of ratios: half of traffic under each defense, both halve the rate of 4 %."""
    rng = np.random.default_rng(10)
    chances = np.full(4, 0.25)
    rates = np.array([0.04, 0.02, 0.02, 0.01 * proportion])
    units = rng.multinomial(block, chances, (runs, looks))
    violations = rng.binomial(units, rates)
    cells = together.Cells.of([[0.5, 0.5]], units.cumsum(1)[:, :, None], violations.cumsum(1)[:, :, None])
    return together.log_interaction(cells)


def waits(runs: int) -> Iterator[list[str]]:
    """Rows of the table of delays."""
    yield ["found, or ruled out", "weight", "median", "80 %"]
    for weight, block in ((0.5, 50), (0.25, 50), (0.1, 100), (0.01, 1000)):
        for factor in (1.5, 2.0, 5.0):
            seen = run(Rollout.steady(weight, 0.02, 1000, block, factor), runs, 11)
            yield delay(f"harm, 2 % to {2 * factor:g} %", weight, delays(ratio.harm(seen.violations), block))
        for margin in (2.0, 1.5, 1.25):
            seen = run(Rollout.steady(weight, 0.02, 1000, block * 4), runs, 12)
            evidence = ratio.noninferior(seen.violations, margin)
            yield delay(
                f"ratio below {margin:g}, true ratio 1, base 2 %", weight, delays(evidence, block * 4)
            )
        lost = np.array([split_found(weight, 0.2, seed) for seed in range(min(runs, 100))])
        yield delay("split broken, 20 % of treatment lost", weight, lost)
        yield delay("mean score .10 to .12, bet", weight, delays(bet_scores(weight, runs, 0.02, 400), 400))
    for better, worse in ((0.0, 0.01), (0.005, 0.015), (0.019, 0.029)):
        found = delays(paired.harm(pairs(better, worse, 0.001, runs, 800, 10, 13)), 10)
        yield delay(f"replays, {better:.1%} better, {worse:.1%} worse", None, found)
    yield delay("two defenses lose half of what they gain", 0.5, delays(interaction(2.0, runs, 50), 4000))


def delay(name: str, weight: float | None, found: Array) -> list[str]:
    """One line of the table."""
    middle, late = np.quantile(found, [0.5, 0.8], method="higher")
    told = [f"{value:,.0f}" if math.isfinite(value) else "not found" for value in (middle, late)]
    return [name, "" if weight is None else f"{weight:g}", *told]


def drift(runs: int, patience: float = 20_000) -> Iterator[list[str]]:
    """Rows of the table of drift: from the change to the alarm, by detector."""
    yield ["change", "CUSUM, median", "80 %", "Shiryaev-Roberts, median", "80 %"]
    for change in (1.5, 2.0, 5.0):
        # Exposure before each violation, counted in violations that were to be expected.
        gaps = np.random.default_rng(11).exponential(1 / change, (runs, 3000))
        sums = _cusum(gaps * -(FACTOR - 1) + math.log(FACTOR))
        bets = [gaps * -(factor - 1) + math.log(factor) for factor in FACTORS]
        per_violation = 1 / (0.02 * change)
        name = f"rate of 2 % to {2 * change:g} %, in exchanges"
        yield _drift_row(name, per_violation, sums >= threshold_for(patience), _shiryaev(bets) >= patience)
    for weight in (0.5, 0.1):
        for change in (1.5, 2.0, 5.0):
            treated = np.random.default_rng(12).random((runs, 3000)) < treated_share(weight, change)
            evidence = [np.where(treated, *arm_evidence(weight, 1.0, bet)) for bet in (FACTOR, *FACTORS)]
            name = f"ratio of 1 to {change:g} at weight {weight}, in violations"
            reached = _cusum(evidence[0]) >= arm_threshold_for(patience, weight)
            yield _drift_row(name, 1.0, reached, _shiryaev(evidence[1:]) >= patience)


def _cusum(evidence: Array) -> Array:
    sums = np.zeros_like(evidence)
    for at in range(evidence.shape[1]):
        sums[:, at] = np.maximum((sums[:, at - 1] if at else 0.0) + evidence[:, at], 0)
    return sums


def _shiryaev(evidence: list[Array]) -> Array:
    parts = np.zeros((len(evidence), *evidence[0].shape))
    with np.errstate(over="ignore"):
        for at in range(evidence[0].shape[1]):
            before = parts[:, :, at - 1] if at else 0.0
            parts[:, :, at] = (1 + before) * np.exp([part[:, at] for part in evidence])
    return np.asarray(parts.mean(0))


def _drift_row(name: str, scale: float, *alarms: NDArray[np.bool_]) -> list[str]:
    told = [name]
    for reached in alarms:
        waited = np.where(reached.any(1), (reached.argmax(1) + 1) * scale, math.inf)
        told += delay("", None, waited)[2:]
    return told


def run_lengths(steps: int) -> Iterator[list[str]]:
    """Rows of the table of thresholds: violations until a false alarm."""
    yield ["stream", "direction", *(f"h = {line}" for line in range(2, 10))]
    for name, factor in (("up", FACTOR), ("down", 1 / FACTOR)):
        found = [rate_run_length(factor, line, steps) for line in range(2, 10)]
        yield ["rate", name, *(f"{value:.0f}" for value in found)]
    for share in (0.01, 0.05, 0.1, 0.25, 0.5, 0.75, 0.9, 0.95, 0.99):
        for name, factor in (("up", FACTOR), ("down", 1 / FACTOR)):
            found = [arm_run_length(share, factor, line, steps) for line in range(2, 7)]
            yield [f"arm, {share}", name, *(f"{value:.0f}" for value in found)]


def rate_run_length(factor: float, threshold: float, steps: int, seed: int = 1) -> float:
    """Violations of a rare, steady rate until the sum reaches the threshold."""

    def parts(rng: np.random.Generator, chains: int) -> Iterator[Array]:
        yield -(factor - 1) * rng.exponential(size=chains)
        yield np.full(chains, math.log(factor))

    return _run_length(parts, threshold, steps, seed)


def arm_run_length(share: float, factor: float, threshold: float, steps: int, seed: int = 1) -> float:
    """Violations, of which treatment has a steady share, until the sum reaches the threshold."""
    treated, untreated = arm_evidence(share, 1.0, factor)

    def parts(rng: np.random.Generator, chains: int) -> Iterator[Array]:
        yield np.where(rng.random(chains) < share, treated, untreated)

    return _run_length(parts, threshold, steps, seed)


def _run_length(
    parts: Callable[[np.random.Generator, int], Iterator[Array]],
    threshold: float, steps: int, seed: int, chains: int = 3000,
) -> float:  # fmt: skip
    rng, sums, alarms = np.random.default_rng(seed), np.zeros(chains), 0
    for _ in range(steps):
        for part in parts(rng, chains):
            sums = np.maximum(sums + part, 0)
            reached = sums >= threshold
            alarms += int(reached.sum())
            sums[reached] = 0
    return chains * steps / max(alarms, 1)


def main() -> None:
    """Print a table."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.simulations", description=__doc__)
    parser.add_argument("table", choices=("errors", "delays", "drift", "run-lengths"))
    parser.add_argument("--runs", type=int, default=400)
    parser.add_argument("--steps", type=int, default=12_000, help="violations a chain, for run-lengths")
    chosen = parser.parse_args()
    if chosen.table == "run-lengths":
        print(markdown(list(run_lengths(chosen.steps))))
    else:
        rows = {"errors": errors, "delays": waits, "drift": drift}[chosen.table](chosen.runs)
        print(markdown(list(rows)))


if __name__ == "__main__":
    main()
