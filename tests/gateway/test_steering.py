"""The two rules of steered decoding, by hand-made probabilities."""

from typing import Any

import pytest

torch = pytest.importorskip("torch", reason="needs the extra [whitebox]")

from gateway.whitebox.sampling import Sampler, Sampling  # noqa: E402
from gateway.whitebox.steering import Debias, SafeContrast  # noqa: E402


def chances(*values: float) -> Any:
    """Logits with these probabilities."""
    return torch.tensor(values).log()


def test_the_expert_moves_the_first_tokens_and_beyond() -> None:
    model, expert = chances(0.6, 0.2, 0.1, 0.1), chances(0.2, 0.6, 0.1, 0.1)
    rule = SafeContrast(weight=2.0, least=2)
    steered = rule.combine(model, expert).exp()
    # p = 0.6 + 2 (0.2 - 0.6) = -0.2, so nothing; 0.2 + 2 (0.6 - 0.2) = 1
    assert steered.tolist() == pytest.approx([0.0, 1.0, 0.0, 0.0])
    mild = SafeContrast(weight=0.5, least=2).combine(model, expert).exp()
    assert mild.tolist() == pytest.approx([0.5, 0.5, 0.0, 0.0])
    assert [rule.steers(position) for position in range(4)] == [True, True, False, False]


def test_the_sample_space_is_what_both_rank_high() -> None:
    model, expert = chances(0.5, 0.3, 0.15, 0.05), chances(0.05, 0.3, 0.15, 0.5)
    steered = SafeContrast(weight=0.0, least=2).combine(model, expert).exp()
    # Top lists of three are {0, 1, 2} and {3, 1, 2}; they share two.
    assert steered.tolist() == pytest.approx([0.0, 2 / 3, 1 / 3, 0.0])


def test_an_expert_that_forbids_all_is_followed() -> None:
    model, expert = chances(0.9, 0.05, 0.05), chances(0.05, 0.05, 0.9)
    steered = SafeContrast(weight=3.0, least=1).combine(model, expert).exp()
    assert steered.sum().item() == pytest.approx(1.0)


def test_what_only_the_prejudiced_reading_says_is_scaled_down() -> None:
    model, biased = chances(0.4, 0.3, 0.3), chances(0.4, 0.5, 0.1)
    steered = Debias(decay=10.0, floor=0.0001).combine(model, biased).exp()
    worse = 0.3 * 2.718281828**-2  # exp(10 * (0.3 - 0.5))
    total = 0.4 + worse + 0.3
    assert steered.tolist() == pytest.approx([0.4 / total, worse / total, 0.3 / total], rel=1e-4)
    floored = Debias(decay=1000.0, floor=0.01).combine(model, biased).exp()
    assert floored[1].item() == pytest.approx(0.003 / (0.4 + 0.003 + 0.3), rel=1e-4)


def test_a_reading_that_agrees_changes_nothing() -> None:
    model = chances(0.2, 0.5, 0.3)
    assert Debias().combine(model, model).exp().tolist() == pytest.approx([0.2, 0.5, 0.3])


def test_a_seed_repeats_and_zero_takes_the_likeliest() -> None:
    logits = chances(0.25, 0.25, 0.3, 0.2)
    drawn = [Sampler(Sampling(seed=seed)).draw(logits, []) for seed in (1, 1, 2, 3, 4, 5)]
    assert drawn[0] == drawn[1]
    assert len(set(drawn)) > 1
    assert Sampler(Sampling(temperature=0)).draw(logits, []) == 2
    assert Sampler(Sampling(temperature=0, repeat_penalty=5.0)).draw(logits, [2]) != 2
    narrow = Sampler(Sampling(top_p=0.2))
    assert {narrow.draw(logits, []) for _ in range(30)} == {2}
