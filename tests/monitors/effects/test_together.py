import math

import numpy as np
import pytest

from monitors.effects import together
from monitors.effects.effects import Effects
from monitors.effects.ledger import Ledger
from monitors.effects.observation import Score
from monitors.effects.together import Cells

QUARTER = [[0.5, 0.5]]


def cells(rates: list[float], units: int = 50_000, weights: tuple[float, float] = (0.5, 0.5)) -> Cells:
    """Expected counts of four rates: none, the first, the second, both."""
    blank = Cells.of([weights], np.zeros((1, 4)), np.zeros((1, 4)))
    counts = blank.chances * units
    return Cells.of([weights], counts, np.round(counts * rates))


@pytest.mark.parametrize("weights", [(0.5, 0.5), (0.1, 0.4)])
def test_effects_that_multiply_are_no_interaction_of_ratios_but_one_of_differences(
    weights: tuple[float, float],
) -> None:
    both = cells([0.2, 0.1, 0.1, 0.05], weights=weights)
    assert together.ratio_of_ratios(both).estimate == pytest.approx(1, rel=0.02)
    assert 1 in together.ratio_of_ratios(both)
    assert float(together.log_interaction(both)) < math.log(20)
    assert together.difference_in_differences(both).estimate == pytest.approx(0.05, rel=0.02)


def test_together_worse_than_alone() -> None:
    interval = together.ratio_of_ratios(cells([0.04, 0.02, 0.02, 0.04]))
    assert interval.estimate == pytest.approx(4, rel=0.05)
    assert 1 < interval.lower < 4 < interval.upper
    assert float(together.log_interaction(cells([0.04, 0.02, 0.02, 0.04]))) > math.log(20)


def test_the_evidence_is_that_of_the_worst_ratio() -> None:
    counts = Cells.of(QUARTER, [[500] * 4], [[40, 20, 21, 35]])
    on, off = counts.first(second_on=True), counts.first(second_on=False)
    grid = np.linspace(-3, 3, 3001)
    plain = (on.log_likelihood(grid) + off.log_likelihood(grid)).max()
    from monitors.effects import ratio

    expected = float(ratio.mixture(on) + ratio.mixture(off)) - plain
    assert float(together.log_interaction(counts)) == pytest.approx(expected, abs=1e-5)


def test_a_contrast_is_the_sum_of_rates() -> None:
    counts = cells([0.2, 0.1, 0.12, 0.03], weights=(0.2, 0.6))
    assert counts.contrast([1, 0, 0, 0]).mean == pytest.approx(0.2, rel=1e-3)
    assert counts.contrast([1, -1, -1, 1]).mean == pytest.approx(0.01, abs=1e-3)


def test_what_is_left_of_a_gain() -> None:
    found = together.retention(cells([0.2, 0.1, 0.2, 0.16], units=40_000))
    assert found.alone.upper < 1
    assert found.joined.lower > 1
    assert found.log_lost > math.log(20)
    assert found.retained is not None
    assert found.retained.estimate == pytest.approx(0.4, abs=0.01)
    assert 0 < found.retained.lower < 0.4 < found.retained.upper < 1


def test_where_nothing_was_gained_nothing_is_retained() -> None:
    assert together.retention(cells([0.1, 0.1, 0.1, 0.1])).retained is None


def test_replays_of_both_and_of_each() -> None:
    interval = together.interaction_of_replays([5, 95, 4600, 280, 20])
    assert interval.estimate == pytest.approx((280 + 40 - 95 - 10) / 5000)
    assert 0 < interval.lower < 0.043 < interval.upper


def test_an_exchange_in_all_four_arms_counts_its_surplus_once_a_unit() -> None:
    effects = Effects(["m", "n"])
    yes, no = (Score("m", 1.0, True),), (Score("m", 0.0, False),)
    for _ in range(2):
        effects.fold_joint(b"u", ("a", "b"), [no, no, no, yes])  # only both together violate
    effects.fold_joint(b"v", ("a", "b"), [yes, no, no, no])  # each alone helps, and so do both
    effects.fold_joint(b"w", ("a", "b"), [no, yes, yes, yes])
    effects.fold_joint(b"x", ("a", "b"), [no, no, no, ()])  # one arm has no score
    assert effects.ledger.joint(("a", "b"))[0].tolist() == [0, 1, 0, 2, 0]
    other = Ledger.from_state(effects.ledger.state())
    other.merge(effects.ledger)
    assert other.joint(("a", "b"))[0].tolist() == [0, 2, 0, 4, 0]
