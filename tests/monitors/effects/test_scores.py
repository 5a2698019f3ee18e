import numpy as np
import pytest

from benchmarks.effect_streams import beta_scores
from monitors.effects import scores
from monitors.effects.interval import Array
from monitors.effects.scores import Arms, Moments


def moments(y: Array, x: Array) -> Moments:
    return Moments.of([len(y)], [y.sum()], [(y * y).sum()], [x.sum()], [(x * x).sum()], [(x * y).sum()])


def test_moments_give_what_the_scores_themselves_give() -> None:
    rng = np.random.default_rng(0)
    y1, x1, y0, x0 = rng.random(300), rng.random(300), rng.random(700), rng.random(700)
    y1 = y1 * 0.5 + x1 * 0.5
    y0 = y0 * 0.5 + x0 * 0.5
    estimate, half = scores.estimate_and_half_width(
        Arms(np.array([0.3]), moments(y1, x1), moments(y0, x0)), 0.05
    )
    center = np.concatenate([x1, x0]).mean()
    inside = [
        ((x - x.mean()) * (y - y.mean())).sum() / share for x, y, share in ((x1, y1, 0.3), (x0, y0, 0.7))
    ]
    spread = [((x - x.mean()) ** 2).sum() / share for x, share in ((x1, 0.3), (x0, 0.7))]
    slope = sum(inside) / sum(spread)
    m1, m0 = (y.mean() - slope * (x.mean() - center) for x, y in ((x1, y1), (x0, y0)))
    phi = np.concatenate([(y1 - m1 - slope * (x1 - center)) / 0.3, -(y0 - m0 - slope * (x0 - center)) / 0.7])
    assert float(estimate) == pytest.approx(m1 - m0)
    assert float(half) == pytest.approx(
        float(np.sqrt((phi**2).mean()) * scores.width(np.array(1000.0), 0.05))
    )


def test_a_covariate_narrows_the_interval() -> None:
    arms = beta_scores(0.1, (0.3, 0.3), 0.1, 0.9, (20, 1, 2000), 1)
    _, plain = scores.estimate_and_half_width(arms, 0.05, adjusted=False)
    _, adjusted = scores.estimate_and_half_width(arms, 0.05)
    assert adjusted.mean() < 0.6 * plain.mean()


def test_steps_with_other_rates_do_not_make_an_effect() -> None:
    # All treated at 10 % while the score is .1, at 50 % while it is .3; no effect at either.
    none = np.zeros(2)
    arms = Arms(
        np.array([0.1, 0.5]),
        Moments.of([100, 500], [10, 150], [1.5, 50], none, none, none),
        Moments.of([900, 500], [90, 150], [13.5, 50], none, none, none),
    )
    interval = scores.difference(arms)
    assert interval is not None
    assert interval.estimate == pytest.approx(0)


@pytest.mark.parametrize(
    ("weight", "units", "events", "enough"),
    [
        (0.5, 49, 25, False),
        (0.5, 50, 25, True),
        (0.5, 5000, 19, False),
        (0.01, 199, 25, False),
        (0.01, 200, 25, True),
    ],
)
def test_floors(weight: float, units: int, events: int, enough: bool) -> None:
    small = Moments.of([units], [events], [events], [0], [0], [0])
    large = Moments.of([10_000], [5000], [5000], [0], [0], [0])
    assert (scores.difference(Arms(np.array([weight]), small, large)) is not None) is enough


def test_scores_that_hardly_differ_are_not_enough_however_high() -> None:
    def arm(unusual: int) -> Moments:
        levels = np.zeros((1, scores.LEVELS))
        levels[0, 3], levels[0, 9] = 5000 - unusual, unusual
        y = levels[0] @ np.linspace(0, 1, scores.LEVELS)
        return Moments.of([5000], [y], [y], [0], [0], [0], levels)

    assert [bool(scores.enough(Arms(np.array([0.5]), arm(few), arm(few)))) for few in (0, 19, 20)] == [
        False,
        False,
        True,
    ]


def test_poststratification_keeps_the_shares_it_is_given() -> None:
    def stratum(low: float, high: float, units: int) -> Arms:
        arm = [Moments.of([units], [units * mean], [units * mean], [0], [0], [0]) for mean in (high, low)]
        return Arms(np.array([0.5]), *arm)

    strata = [stratum(0.1, 0.2, 4000), stratum(0.3, 0.7, 1000)]
    interval = scores.poststratified(strata, [1, 1])
    assert interval is not None
    assert interval.estimate == pytest.approx((0.1 + 0.4) / 2)
    assert interval.lower > 0
    assert scores.poststratified([*strata, stratum(0.1, 0.1, 10)], [1, 1, 1]) is None


def test_levels_keep_the_mean() -> None:
    rng = np.random.default_rng(2)
    rounded = [scores.level(0.234, chance) / (scores.LEVELS - 1) for chance in rng.random(20_000)]
    assert np.mean(rounded) == pytest.approx(0.234, abs=0.002)
