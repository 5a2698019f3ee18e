"""The rules on made-up traffic: the benchmark, small and seeded."""

from dataclasses import replace

import msgspec
import pytest

from benchmarks.canary import SETTINGS, canaries, fresh, ratios, sticky
from gateway.canary_settings import Step

QUICK = replace(
    SETTINGS,
    steps=(
        Step(weight=0.05, margin=3.0, exchanges=500, units=20, least=0),
        Step(weight=0.5, margin=2.0, exchanges=500, units=20, least=0, most=86_400 * 10),
    ),
)


def test_no_effect_is_promoted() -> None:
    runs = canaries((fresh(seed, ratios()) for seed in range(20)), QUICK)
    assert sum(run.state.stage == "full" for run in runs) >= 18


@pytest.mark.parametrize(("measure", "ratio", "most"), [(1, 3.0, 600), (1, 5.0, 200), (5, 4.0, 400)])
def test_harm_is_rolled_back_before_many_meet_it(measure: int, ratio: float, most: int) -> None:
    runs = canaries((fresh(seed, ratios(measure, ratio)) for seed in range(10)), SETTINGS)
    assert {run.state.stage for run in runs} == {"rolled_back"}
    assert sorted(run.exposed for run in runs)[5] <= most


def test_sticky_users_and_a_drifting_rate_are_no_harm() -> None:
    short = replace(QUICK, steps=tuple(msgspec.structs.replace(step, most=43_200) for step in QUICK.steps))
    runs = canaries((sticky(seed, 5000) for seed in range(12)), short)
    assert sum(run.state.stage == "rolled_back" for run in runs) <= 1
