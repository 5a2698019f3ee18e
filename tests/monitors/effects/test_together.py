import math

import numpy as np
import pytest

from monitors.effects import together
from monitors.effects.paired import Pairs
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
    interval = together.interaction_of_replays(
        Pairs.of(10, 310, 40, 4640), Pairs.of(5, 205, 100, 4690), Pairs.of(5, 205, 100, 4690)
    )
    assert interval.estimate == pytest.approx(-0.06 + 0.08)
    assert interval.lower < 0.02 < interval.upper
