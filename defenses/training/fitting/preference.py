"""Direct preference optimisation (Rafailov et al., 2023, arXiv 2305.18290): rather this answer than that.

A loop of our own, since trl's trainer brings datasets, pyarrow and pandas, a quarter of a gigabyte, for a few
hundred pairs, and the loss is one line.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor

from defenses.training.fitting.batches import Tokens, batches, likelihoods
from defenses.training.fitting.lora import Shape, attach, schedule


@dataclass(frozen=True, slots=True)
class Pair:
    """Two answers to the same prompt, the better one first."""

    chosen: Tokens
    rejected: Tokens


@dataclass(frozen=True, slots=True)
class Plan:
    """How preferences are trained; `beta` holds the model near what it was, `rows` counts pairs."""

    shape: Shape = field(default_factory=lambda: Shape(4, 16, layers=tuple(range(10, 30))))
    epochs: int = 1
    rows: int = 4
    rate: float = 5e-4
    beta: float = 0.1
    seed: int = 0


def loss(chosen: Tensor, rejected: Tensor, beta: float) -> Tensor:
    """-log sigmoid(beta (chosen - rejected)), mean over the pairs.

    Both are log-probabilities [pairs] of the answers, in nats, less those of the model before the training.
    """
    return -torch.nn.functional.logsigmoid(beta * (chosen - rejected)).mean()


def train(model: Any, pairs: Sequence[Pair], plan: Plan, advance: Callable[[float], object] = int) -> None:
    """Leave in `model` an adapter that was trained on the pairs; `advance` is told each step's loss.

    What the model itself thinks of the answers is computed once, before the first step.
    """
    lengths = [max(len(pair.chosen.ids), len(pair.rejected.ids)) for pair in pairs]
    before = torch.zeros(len(pairs), 2)
    with torch.no_grad():
        for batch in batches(lengths, plan.rows, plan.seed):
            before[batch] = _sums(model, pairs, batch)
    parameters = attach(model, plan.shape, plan.seed)
    optimizer = torch.optim.AdamW(parameters, lr=plan.rate, weight_decay=0.0)
    order = [
        batch for epoch in range(plan.epochs) for batch in batches(lengths, plan.rows, plan.seed + epoch)
    ]
    rates = schedule(optimizer, len(order))
    for batch in order:
        moved = _sums(model, pairs, batch) - before[batch]
        lost = loss(moved[:, 0], moved[:, 1], plan.beta)
        lost.backward()
        torch.nn.utils.clip_grad_norm_(parameters, 1.0)
        optimizer.step()
        rates.step()
        optimizer.zero_grad()
        advance(lost.item())


def _sums(model: Any, pairs: Sequence[Pair], batch: Sequence[int]) -> Tensor:
    """Log-probabilities [pairs, 2] of chosen and rejected answers, in one pass."""
    rows = [pairs[index].chosen for index in batch] + [pairs[index].rejected for index in batch]
    return likelihoods(model, rows).sums.view(2, len(batch)).T
