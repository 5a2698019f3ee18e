import numpy as np
import pytest

from monitors.effects import mix
from monitors.effects.mix import Mix


def test_the_index_is_the_plain_sum() -> None:
    reference, window = [900, 100], [60, 40]
    shares = [[(count + 0.5) / (sum(counts) + 1) for count in counts] for counts in (reference, window)]
    plain = sum((w - r) * np.log(w / r) for r, w in zip(*shares, strict=True))
    assert float(mix.stability_index(np.array(reference), np.array(window))) == pytest.approx(plain)


@pytest.mark.parametrize(("strata", "size"), [(3, 200), (20, 1000)])
def test_the_same_mix_is_called_another_as_rarely_as_promised(strata: int, size: int) -> None:
    rng = np.random.default_rng(0)
    shares = rng.dirichlet(np.ones(strata))
    chances = []
    for seed in range(300):
        counts = [dict(enumerate(rng.multinomial(total, shares).tolist())) for total in (5000, size)]
        reference, window = ({str(key): value for key, value in part.items()} for part in counts)
        chances.append(mix.shift(reference, window, draws=200, seed=seed).chance)
    assert np.mean(np.array(chances) <= 0.05) <= 0.08
    assert np.mean(np.array(chances) <= 0.5) == pytest.approx(0.5, abs=0.1)


def test_a_shift_is_found_and_named() -> None:
    rng, watch = np.random.default_rng(1), Mix(window=500, reference=2000)
    found = []
    for at in range(4000):
        late = at >= 3000
        stratum = rng.choice(["en", "de", "fr"], p=[0.5, 0.4, 0.1] if late else [0.8, 0.1, 0.1])
        found.append(watch.add(str(stratum), at))
    shifts = [shift for shift in found if shift is not None]
    assert len(shifts) == 4
    assert all(shift.chance > 0.001 for shift in shifts[:2])
    assert all(shift.chance < 0.001 and shift.moved[0] == "de" for shift in shifts[2:])


def test_a_stratum_that_is_new_counts() -> None:
    assert mix.shift({"en": 1000}, {"en": 80, "xx": 20}).chance < 0.001
