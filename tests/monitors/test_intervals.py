"""Intervals against known values, against the definition, and against simulation."""

import math
import random

import pytest

from monitors.intervals import Sample, auroc, effective_size, share, wilson


@pytest.mark.parametrize(
    ("hits", "size", "lower", "upper"),
    # Newcombe (1998), Statistics in Medicine 17, 857-872, table I, method 3.
    [(81, 263, 0.2553, 0.3662), (15, 148, 0.0624, 0.1605), (0, 20, 0.0, 0.1611), (1, 29, 0.0061, 0.1718)],
)
def test_wilsons_interval_is_the_published_one(hits: int, size: int, lower: float, upper: float) -> None:
    found = wilson(hits / size, size)

    assert (found.lower, found.upper) == pytest.approx((lower, upper), abs=5e-5)
    mirrored = wilson(1 - hits / size, size)
    assert (1 - mirrored.upper, 1 - mirrored.lower) == pytest.approx((lower, upper), abs=5e-5)


def test_a_share_counts_each_label_as_what_it_stands_for() -> None:
    plain = share([True] * 3 + [False], [1.0] * 4)
    weighted = share([True, False], [3.0, 1.0])

    assert plain is not None
    assert weighted is not None
    assert plain.value == weighted.value == 0.75
    assert weighted.upper - weighted.lower > plain.upper - plain.lower
    assert effective_size([3.0, 1.0]) == pytest.approx(1.6)
    assert share([], []) is None


def by_definition(positives: Sample, negatives: Sample) -> tuple[float, float]:
    """Area and standard error, pair by pair (DeLong et al. 1988), for equal weights."""
    wins = [[(p > n) + 0.5 * (p == n) for n in negatives.scores] for p in positives.scores]
    rows = [sum(row) / len(row) for row in wins]
    columns = [sum(column) / len(column) for column in zip(*wins, strict=True)]
    area = sum(rows) / len(rows)
    variance = sum(
        sum((value - area) ** 2 for value in part) / (len(part) - 1) / len(part) for part in (rows, columns)
    )
    return area, math.sqrt(variance)


def drawn(dice: random.Random, size: int, shift: float) -> Sample:
    return Sample([round(dice.gauss(shift, 1), 1) for _ in range(size)], [1.0] * size)


def test_the_area_is_that_of_its_definition() -> None:
    dice = random.Random(3)
    positives, negatives = drawn(dice, 40, 1.0), drawn(dice, 25, 0.0)
    area, error = by_definition(positives, negatives)
    found = auroc(positives, negatives)

    assert found is not None
    assert found.value == pytest.approx(area)
    middle, half = math.log(area / (1 - area)), 1.959964 * error / (area * (1 - area))
    bounds = [1 / (1 + math.exp(-edge)) for edge in (middle - half, middle + half)]
    assert [found.lower, found.upper] == pytest.approx(bounds, abs=1e-6)


def test_a_weight_is_as_good_as_that_many_labels_for_the_area() -> None:
    weighted = auroc(Sample([0.9, 0.2], [3.0, 1.0]), Sample([0.5, 0.1], [1.0, 1.0]))
    repeated = auroc(Sample([0.9, 0.9, 0.9, 0.2], [1.0] * 4), Sample([0.5, 0.1], [1.0, 1.0]))

    assert weighted is not None
    assert repeated is not None
    assert weighted.value == repeated.value == pytest.approx(0.875)


def test_a_perfect_area_is_not_certain() -> None:
    found = auroc(Sample([0.9] * 20, [1.0] * 20), Sample([0.1] * 30, [1.0] * 30))

    assert found is not None
    assert (found.value, found.upper) == (1.0, 1.0)
    assert found.lower == pytest.approx(1 - 0.1611, abs=1e-4)
    assert auroc(Sample([], []), Sample([0.1], [1.0])) is None


def test_the_area_lies_within_its_bounds_as_often_as_they_say() -> None:
    dice = random.Random(11)
    truth = 0.5 * (1 + math.erf(1 / 2))  # of two normal distributions one apart
    inside = 0
    for _ in range(300):
        found = auroc(
            *(Sample([dice.gauss(at, 1) for _ in range(60)], [1.0] * 60) for at in (1.0, 0.0)),
        )
        assert found is not None
        inside += found.lower <= truth <= found.upper

    assert 0.92 <= inside / 300 <= 0.98
