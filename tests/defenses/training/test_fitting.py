"""The parts of a training, by a model of a few thousand numbers: they compute what the formulas say."""

import math
from pathlib import Path
from typing import Any

import pytest

torch = pytest.importorskip("torch", reason="needs the extra [whitebox]")
transformers = pytest.importorskip("transformers", reason="needs the extra [whitebox]")

from defenses.training.fitting import preference, private  # noqa: E402
from defenses.training.fitting.batches import Tokens, batches, likelihoods  # noqa: E402
from defenses.training.fitting.lora import Shape, schedule, write  # noqa: E402
from gateway.whitebox import adapters  # noqa: E402

Module: Any = torch.nn.Module
BATCH = (Tokens((1, 5, 9, 3, 7), 2), Tokens((4, 2), 1), Tokens((8, 8, 6, 1), 3))


@pytest.fixture(scope="module")
def model() -> Any:
    torch.manual_seed(0)
    config = transformers.LlamaConfig(
        vocab_size=11,
        hidden_size=16,
        intermediate_size=24,
        num_hidden_layers=2,
        num_attention_heads=2,
        max_position_embeddings=32,
    )
    return transformers.LlamaForCausalLM(config).eval()


def alone(model: Any, one: Tokens) -> float:
    """The log-probability of an answer, straight from the definition."""
    chances = model(input_ids=torch.tensor([one.ids])).logits[0].log_softmax(-1)
    return float(sum(chances[at - 1, one.ids[at]] for at in range(one.start, len(one.ids))))


def test_only_the_answer_counts_and_neighbours_do_not(model: Any) -> None:
    with torch.no_grad():
        told = likelihoods(model, BATCH)
        expected = [alone(model, one) for one in BATCH]
    assert told.sums.tolist() == pytest.approx(expected, abs=1e-5)
    assert told.counts.tolist() == [3, 1, 1]
    assert told.means.tolist() == pytest.approx([expected[0] / 3, *expected[1:]], abs=1e-5)


def test_batches_hold_everything_once_by_length() -> None:
    lengths = [(7 * index) % 50 for index in range(45)]
    made = batches(lengths, 8, seed=1)
    assert sorted(index for batch in made for index in batch) == list(range(45))
    assert max(map(len, made)) == 8
    spread = sum(max(lengths[i] for i in batch) - min(lengths[i] for i in batch) for batch in made)
    assert spread < 50, "batches of like lengths follow one another, up to the longest"
    assert made == batches(lengths, 8, seed=1)
    assert made != batches(lengths, 8, seed=2)


def test_the_loss_of_preferences_is_that_of_the_paper() -> None:
    chosen, rejected = torch.tensor([2.0, -1.0]), torch.tensor([-3.0, 1.0])
    expected = sum(math.log(1 + math.exp(-0.1 * margin)) for margin in (5.0, -2.0)) / 2
    assert float(preference.loss(chosen, rejected, 0.1)) == pytest.approx(expected, abs=1e-6)
    undecided = torch.zeros(3)
    assert float(preference.loss(undecided, undecided, 0.1)) == pytest.approx(math.log(2), abs=1e-6)


def test_private_steps_draw_each_example_by_chance_alone() -> None:
    plan = private.Plan(epochs=50, rows=20, seed=5)
    steps = private.drawn(100, plan)
    assert len(steps) == 250
    sizes = {len(step) for step in steps}
    assert len(sizes) > 8, "a fixed size is not what the accountant assumes"
    assert sum(len(step) for step in steps) / 250 == pytest.approx(20, abs=1.5)
    often = torch.cat(steps).bincount(minlength=100)
    assert often.min() > 20
    assert all(torch.equal(one, other) for one, other in zip(steps, private.drawn(100, plan), strict=True))


def test_the_rate_rises_and_falls_to_nothing() -> None:
    weight = torch.nn.Parameter(torch.zeros(1))
    optimizer = torch.optim.SGD([weight], lr=2.0)
    rates, seen = schedule(optimizer, 20), []
    for _ in range(20):
        seen.append(optimizer.param_groups[0]["lr"])
        optimizer.step()
        rates.step()
    assert seen[0] < seen[1] == max(seen) == 2.0
    assert seen[1:] == sorted(seen[1:], reverse=True)
    assert 0 < seen[-1] < 0.2


class Learned(Module):  # type: ignore[misc]
    """A linear map with an adapter beside it, named as peft names them."""

    def __init__(self, rank: int) -> None:
        super().__init__()
        place = torch.nn.Module()
        place.base_layer = torch.nn.Linear(6, 4).requires_grad_(False)
        place.lora_A = torch.nn.ModuleDict({"default": torch.nn.Linear(6, rank, bias=False)})
        place.lora_B = torch.nn.ModuleDict({"default": torch.nn.Linear(rank, 4, bias=False)})
        self.q_proj = place


class Plain(Module):  # type: ignore[misc]
    def __init__(self, base: Any) -> None:
        super().__init__()
        self.q_proj = torch.nn.Linear(6, 4)
        self.q_proj.load_state_dict(base.state_dict())


def test_what_is_written_is_what_the_upstream_reads(tmp_path: Path) -> None:
    torch.manual_seed(1)
    trained, shape = Learned(2), Shape(rank=2, alpha=6, targets=("q_proj",))
    write(trained, shape, tmp_path)
    plain = Plain(trained.q_proj.base_layer)
    choice = adapters.load(plain, {"own": tmp_path})
    states = torch.randn(1, 3, 6)
    adapters.chosen(choice, ["own"])
    with torch.no_grad():
        place = trained.q_proj
        added = place.lora_B["default"](place.lora_A["default"](states)) * 3
        assert torch.allclose(plain.q_proj(states), place.base_layer(states) + added, atol=5e-3)
        assert added.abs().max() > 0.05
    first = {path.name: path.read_bytes() for path in tmp_path.iterdir()}
    assert set(first) == {"adapter_config.json", "adapter_model.safetensors"}
    write(trained, shape, tmp_path)
    assert {path.name: path.read_bytes() for path in tmp_path.iterdir()} == first
