"""Supervised fine-tuning: the model learns to give these answers."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

import torch

from defenses.training.fitting.batches import Tokens, batches, likelihoods
from defenses.training.fitting.lora import Shape, attach, schedule


@dataclass(frozen=True, slots=True)
class Plan:
    """How the expert is trained; `rate` is the highest learning rate."""

    shape: Shape = field(default_factory=lambda: Shape(4, 16, layers=tuple(range(10, 30))))
    epochs: int = 2
    rows: int = 8
    rate: float = 5e-4
    seed: int = 0


def train(
    model: Any, examples: Sequence[Tokens], plan: Plan, advance: Callable[[float], object] = int
) -> None:
    """Leave in `model` an adapter that was trained on the answers; `advance` is told each step's loss.

    The loss is the mean negative log-probability, in nats, of an answer's tokens, each answer counting
    the same.
    """
    parameters = attach(model, plan.shape, plan.seed)
    optimizer = torch.optim.AdamW(parameters, lr=plan.rate, weight_decay=0.0)
    lengths = [len(one.ids) for one in examples]
    order = [
        batch for epoch in range(plan.epochs) for batch in batches(lengths, plan.rows, plan.seed + epoch)
    ]
    rates = schedule(optimizer, len(order))
    for batch in order:
        loss = -likelihoods(model, [examples[index] for index in batch]).means.mean()
        loss.backward()
        torch.nn.utils.clip_grad_norm_(parameters, 1.0)
        optimizer.step()
        rates.step()
        optimizer.zero_grad()
        advance(loss.item())
