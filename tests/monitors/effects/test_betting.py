import math

import numpy as np
import pytest

from monitors.effects import betting, paired, scores
from monitors.effects.betting import Outcomes
from monitors.effects.paired import Pairs


def test_wealth_is_a_mean_of_plain_products() -> None:
    events, low, null = [1.0, -1.0, 0.0, 1.0, 0.0], -1.0, 0.1
    wealth = [
        math.prod(1 + stake * (value - null) / (null - low) for value in events) for stake in betting._STAKES
    ]
    outcomes = Outcomes.of([1.0, -1.0, 0.0], [2, 1, 2], -1.0, 1.0)
    assert float(betting.above(outcomes, null)) == pytest.approx(math.log(float(betting._SHARES @ wealth)))


def test_stakes_cost_nothing_on_average_at_the_null() -> None:
    # Every path of three fair signs, by its chance: the mean wealth is exactly 1.
    total = 0.0
    for ups in range(4):
        outcomes = Outcomes.of([1.0, -1.0], [ups, 3 - ups], -1.0, 1.0)
        total += math.comb(3, ups) / 8 * math.exp(float(betting.above(outcomes, 0.0)))
    assert total == pytest.approx(1.0)


def test_shares_of_wealth_are_one() -> None:
    assert betting._SHARES.sum() == pytest.approx(1)
    assert (betting._STAKES > 0).all()
    assert (betting._STAKES < 1).all()


def test_the_interval_narrows_around_the_mean() -> None:
    narrow = betting.confidence(Outcomes.of([0.0, 1.0], [9000, 1000], 0.0, 1.0))
    wide = betting.confidence(Outcomes.of([0.0, 1.0], [90, 10], 0.0, 1.0))
    assert wide.lower < narrow.lower < 0.1 < narrow.upper < wide.upper


def test_each_end_is_where_half_of_alpha_is_spent() -> None:
    outcomes = Outcomes.of([0.0, 1.0], [400, 100], 0.0, 1.0)
    interval = betting.confidence(outcomes, 0.1)
    assert float(betting.above(outcomes, interval.lower)) == pytest.approx(math.log(20), abs=1e-3)
    assert float(betting.below(outcomes, interval.upper)) == pytest.approx(math.log(20), abs=1e-3)


def test_values_outside_their_range_are_refused() -> None:
    with pytest.raises(ValueError, match="within its range"):
        Outcomes.of([2.0], [1], 0.0, 1.0)


def test_pairs_that_agree_tell_nothing_of_the_direction() -> None:
    few, many = Pairs.of(12, 2, 0, 10), Pairs.of(12, 2, 0, 100_000)
    assert float(paired.harm(few)) == pytest.approx(float(paired.harm(many)))
    # At a tolerance of 1 it is the sign test: a bet on 14 coins.
    wealth = [(1 + stake) ** 12 * (1 - stake) ** 2 for stake in betting._STAKES]
    assert float(paired.harm(few)) == pytest.approx(math.log(float(betting._SHARES @ wealth)))


def test_the_ratio_of_pairs_is_consistent_with_its_evidence() -> None:
    pairs = Pairs.of(60, 20, 30, 2000)
    interval = paired.ratio(pairs)
    assert interval.estimate == pytest.approx(90 / 50)
    assert interval.lower > 1
    assert float(paired.noninferior(pairs, interval.upper)) == pytest.approx(math.log(40), abs=1e-3)


def test_scores_bet_on_inverse_probabilities() -> None:
    # One treated unit at level 0.5 with a weight of 0.2, one untreated at level 1.
    treated, untreated = np.zeros((1, 3)), np.zeros((1, 3))
    treated[0, 1], untreated[0, 2] = 1, 1
    outcomes = scores.betted([0.2], treated, untreated)
    assert outcomes.mean == pytest.approx((0.5 / 0.2 - 1 / 0.8) / 2)
    low = -1 / 0.8
    wealth = [(1 + s * (2.5 - 0) / -low) * (1 + s * (-1.25 - 0) / -low) for s in betting._STAKES]
    assert float(betting.above(outcomes, 0.0)) == pytest.approx(math.log(float(betting._SHARES @ wealth)))
