"""Differentially private training (DP-SGD; Abadi et al., 2016, arXiv 1607.00133), by opacus.

Each example's gradient is clipped, and noise as large as hides any one of them is added to their sum. What
is protected is one example; somebody who stands in many is protected less.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor

from defenses.training.fitting.batches import Tokens, likelihoods
from defenses.training.fitting.lora import Shape, attach, schedule


@dataclass(frozen=True, slots=True)
class Plan:
    """How to train with privacy: `rows` are expected in a batch, `clip` bounds an example's gradient.

    The noise is what makes the accountant state `epsilon` at `delta` for the whole training. Fewer numbers
    to train mean less noise in all, hence the upper third of the layers alone; and larger batches mean less
    noise for each example.
    """

    shape: Shape = field(default_factory=lambda: Shape(4, 16, layers=tuple(range(20, 30))))
    epochs: int = 3
    rows: int = 64
    rate: float = 2e-3
    clip: float = 0.5
    epsilon: float = 8.0
    delta: float = 1e-4
    seed: int = 0


@dataclass(frozen=True, slots=True)
class Spent:
    """What the accountant says after the training: the noise, in units of `clip`, and what it bought."""

    noise: float
    epsilon: float
    delta: float
    steps: int


def drawn(count: int, plan: Plan) -> list[Tensor]:
    """The examples of each step: every one with the same chance, independently, as the accountant assumes."""
    generator = torch.Generator().manual_seed(plan.seed)
    steps = round(plan.epochs * count / plan.rows)
    chance = plan.rows / count
    return [(torch.rand(count, generator=generator) < chance).nonzero()[:, 0] for _ in range(steps)]


PASS = 16
"""Examples that are computed at a time; a batch of many passes needs no more memory."""


def train(
    model: Any, examples: Sequence[Tokens], plan: Plan, advance: Callable[[float], object] = int
) -> Spent:
    """Leave in `model` an adapter that was trained with privacy; `advance` is told each step's loss.

    The seed repeats the noise, so whoever knows it can take the noise away: for records of real people,
    nobody may.
    """
    from opacus import GradSampleModule
    from opacus.accountants import PRVAccountant
    from opacus.optimizers import DPOptimizer

    parameters = attach(model, plan.shape, plan.seed)
    model.train()  # opacus looks at single examples only then; nothing here drops out
    watched = GradSampleModule(model, loss_reduction="sum")
    steps, chance = drawn(len(examples), plan), plan.rows / len(examples)
    noise, accountant = _noise(chance, len(steps), plan), PRVAccountant()
    adam = torch.optim.AdamW(parameters, lr=plan.rate, weight_decay=0.0)
    optimizer = DPOptimizer(
        adam,
        noise_multiplier=noise,
        max_grad_norm=plan.clip,
        expected_batch_size=plan.rows,
        loss_reduction="sum",
        generator=torch.Generator().manual_seed(plan.seed + 1),
    )
    rates = schedule(adam, len(steps))
    for step in steps:
        lost = _backward(model, examples, step)
        optimizer.step()
        rates.step()
        optimizer.zero_grad()
        accountant.step(noise_multiplier=noise, sample_rate=chance)
        advance(lost)
    watched.remove_hooks()
    return Spent(noise, accountant.get_epsilon(plan.delta), plan.delta, len(steps))


def _noise(chance: float, steps: int, plan: Plan) -> float:
    """How much noise, in units of `clip`, keeps so many steps within the plan's epsilon."""
    from opacus.accountants.utils import get_noise_multiplier

    noise: float = get_noise_multiplier(
        target_epsilon=plan.epsilon,
        target_delta=plan.delta,
        sample_rate=chance,
        steps=steps,
        accountant="prv",
    )
    return noise


def train_plainly(
    model: Any, examples: Sequence[Tokens], plan: Plan, advance: Callable[[float], object] = int
) -> None:
    """The same without privacy, on the same examples step by step: what memorising is compared with."""
    parameters = attach(model, plan.shape, plan.seed)
    optimizer = torch.optim.AdamW(parameters, lr=plan.rate, weight_decay=0.0)
    steps = drawn(len(examples), plan)
    rates = schedule(optimizer, len(steps))
    for step in steps:
        lost = _backward(model, examples, step)
        torch.nn.utils.clip_grad_norm_(parameters, 1.0)
        optimizer.step()
        rates.step()
        optimizer.zero_grad()
        advance(lost)


def _backward(model: Any, examples: Sequence[Tokens], step: Tensor) -> float:
    """The gradient of the sum of the examples' losses, pass by pass; their mean."""
    chosen = sorted((examples[index] for index in step.tolist()), key=lambda one: len(one.ids))
    lost = 0.0
    for at in range(0, len(chosen), PASS):
        loss = -likelihoods(model, chosen[at : at + PASS]).means.sum()
        loss.backward()
        lost += loss.item()
    return lost / len(chosen)
