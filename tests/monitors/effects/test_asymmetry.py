import random

import pytest

from gateway.types import Risk
from monitors.effects.asymmetry import asymmetry
from monitors.effects.effects import Effects
from monitors.effects.estimate import Settings, cells
from tests.monitors.effects.observations import traffic

TARGETS: dict[str, Risk] = {"shield": "safety", "mask": "privacy", "plain": "fairness"}
RISKS: dict[str, Risk] = {"harm": "safety", "leak": "privacy"}


def effects(ratios: dict[tuple[str, str], float]) -> Effects:
    made = Effects(list(RISKS))
    weights = dict.fromkeys(TARGETS, 0.5)
    for observation in traffic(random.Random(1), 5000, {"harm": 0.2, "leak": 0.2}, ratios, weights):
        made.fold(observation)
    return made


def test_one_way_harm_is_asymmetric() -> None:
    made = effects({("shield", "leak"): 2.0, ("shield", "harm"): 0.5})
    found = asymmetry(made.ledger, made.settings, TARGETS, RISKS, ("safety", "privacy"))
    assert found is not None
    assert found.first_on_second.lower > 0.4
    assert 0 in found.second_on_first
    assert found.difference.lower > 0
    assert (found.cells, found.missing) == (2, 0)
    # Two cells share alpha, so each is told with half of it.
    halved = cells(made.ledger, Settings(alpha=made.settings.alpha / 2))
    leak = next(one for one in halved if (one.defense, one.measure) == ("shield", "leak"))
    assert found.first_on_second == leak.relative
    back = asymmetry(made.ledger, made.settings, TARGETS, RISKS, ("privacy", "safety"))
    assert back is not None
    assert back.difference.upper == pytest.approx(-found.difference.lower)


def test_harm_both_ways_is_not() -> None:
    made = effects({("shield", "leak"): 1.5, ("mask", "harm"): 1.5})
    for scale in ("relative", "difference"):
        found = asymmetry(made.ledger, made.settings, TARGETS, RISKS, ("safety", "privacy"), scale)
        assert found is not None
        assert 0 in found.difference


def test_a_side_without_cells_has_none() -> None:
    made = effects({})
    assert asymmetry(made.ledger, made.settings, TARGETS, RISKS, ("safety", "fairness")) is None
