"""The seeded checks: at most .06 wrong over 400 runs where .05 is promised, and the naive ways fail."""

import math

import numpy as np
import pytest

from benchmarks import simulations
from benchmarks.effect_streams import (
    Rollout,
    alarmed,
    beta_scores,
    delays,
    missed,
    pairs,
    run,
    score_false_alarm,
)
from monitors.effects import paired, ratio

RUNS = 400


@pytest.mark.parametrize("weight", [0.5, 0.1, 0.01])
def test_looking_all_the_time_finds_no_harm_where_there_is_none_and_the_z_test_does(weight: float) -> None:
    seen = run(Rollout.steady(weight, 0.02, 1000, 100), RUNS, 1)
    assert alarmed(ratio.harm(seen.violations)) <= 0.06
    assert alarmed(np.abs(seen.z), 1.96) > 0.3


@pytest.mark.parametrize("weight", [0.5, 0.1, 0.01])
def test_a_defense_at_the_margin_is_not_proven_to_be_within_it(weight: float) -> None:
    seen = run(Rollout.steady(weight, 0.02, 1000, 100, 1.5), RUNS, 2)
    assert alarmed(ratio.noninferior(seen.violations, 1.5)) <= 0.06


def test_the_interval_never_misses_the_ratio_too_often() -> None:
    assert missed(run(Rollout.steady(0.1, 0.02, 30, 2500, 1.5), RUNS, 3), 1.5) <= 0.06


def test_a_ramp_with_a_drifting_rate_is_no_harm() -> None:
    naive, ours = simulations.ramp(RUNS)
    assert naive > 0.3
    assert ours <= 0.06


def test_sticky_units_count_by_their_first_violation() -> None:
    naive, ours = simulations.stuck(RUNS)
    assert naive > 0.1
    assert ours <= 0.06


def test_noninferiority_counts_first_exchanges_since_first_violations_prove_what_is_false() -> None:
    wrong, ours = simulations.long_units(RUNS)
    assert wrong > 0.8
    assert ours <= 0.06


def test_first_violations_find_no_harm_in_a_defense_that_helps() -> None:
    # Treated units violate later, when control's are used up: the latest ones all come from treatment.
    seen = run(Rollout.steady(0.5, 1 - 0.98**60, 200, 100, (1 - 0.99**60) / (1 - 0.98**60)), RUNS, 14)
    assert alarmed(ratio.harm(seen.violations)) == 0


@pytest.mark.parametrize("share", [0.01, 0.2])
def test_replays_without_an_effect(share: float) -> None:
    assert alarmed(paired.harm(pairs(share, share, 0.01, RUNS, 200, 50, 7))) <= 0.06


def test_replays_at_the_margin() -> None:
    assert alarmed(paired.noninferior(pairs(0.01, 0.02, 0.01, RUNS, 200, 50, 7), 1.5)) <= 0.06


@pytest.mark.parametrize("weight", [0.5, 0.01])
def test_mean_scores(weight: float) -> None:
    arms = beta_scores(weight, (0.1, 0.1), 0.1, 0.7, (RUNS, 50, 200), 3)
    assert score_false_alarm(arms) <= 0.06
    assert alarmed(simulations.bet_scores(weight, RUNS, 0.0)) <= 0.06


def test_without_floors_the_asymptotic_sequence_is_wrong_for_rare_events() -> None:
    without, ours = simulations.floors(0.01, RUNS)
    assert without > 0.3
    assert ours <= 0.06


def test_the_split_is_not_found_broken_where_nothing_is_lost_and_is_where_something_is() -> None:
    assert all(math.isinf(simulations.split_found(0.1, 0.0, seed, looks=200)) for seed in range(100))
    assert np.median([simulations.split_found(0.5, 0.2, seed) for seed in range(30)]) < 3000


def test_two_defenses_that_multiply_do_not_interact() -> None:
    assert alarmed(simulations.interaction(1.0, 200, looks=10)) <= 0.06
    assert alarmed(simulations.interaction(2.0, 50, looks=10)) > 0.9


def test_effects_are_found_about_when_the_docs_say() -> None:
    seen = run(Rollout.steady(0.5, 0.02, 400, 100, 1.5), RUNS, 11)
    assert 3_500 < np.median(delays(ratio.harm(seen.violations), 100)) < 7_500
    found = delays(paired.harm(pairs(0.0, 0.01, 0.001, RUNS, 200, 10, 13)), 10)
    assert np.median(found) < 1_000
