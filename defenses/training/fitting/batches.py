"""Conversations as tokens, in batches of like length, and how likely a model finds their answers."""

import random
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor


@dataclass(frozen=True, slots=True)
class Tokens:
    """A conversation; what counts is its answer, from position `start` on."""

    ids: tuple[int, ...]
    start: int


@dataclass(frozen=True, slots=True)
class Likelihoods:
    """Log-probabilities, in nats, of the answers of a batch: [rows], summed over `counts` [rows] tokens."""

    sums: Tensor
    counts: Tensor

    @property
    def means(self) -> Tensor:
        """By token, [rows]."""
        return self.sums / self.counts


def tokens(loaded: Any, turns: Sequence[dict[str, str]], answer: str | Sequence[int], ends: bool) -> Tokens:
    """The conversation `turns` with its answer, a text or tokens; `ends` says that it is complete.

    What is cut off has no end of turn to learn.
    """
    prompt = loaded.prompt(turns)
    if isinstance(answer, str):
        answer = loaded.tokenizer(answer, add_special_tokens=False)["input_ids"]
    end = [loaded.tokenizer.eos_token_id] if ends else []
    return Tokens((*prompt, *answer, *end), len(prompt))


def batches(lengths: Sequence[int], rows: int, seed: int) -> list[list[int]]:
    """Indices in batches of `rows`: neighbours in length, since padding costs as much as text; shuffled."""
    rng = random.Random(seed)  # noqa: S311 -- nothing secret
    order = sorted(range(len(lengths)), key=lambda index: (lengths[index], rng.random()))
    made = [order[at : at + rows] for at in range(0, len(order), rows)]
    rng.shuffle(made)
    return made


def likelihoods(model: Any, batch: Sequence[Tokens]) -> Likelihoods:
    """How likely `model`, a causal language model, finds each answer of the batch.

    Rows are padded on the right, where a causal model never looks back from, so no mask is needed. The
    vocabulary is only computed where an answer is predicted: it is a fifth of this model's work.
    """
    width = max(len(one.ids) for one in batch) - 1
    read = torch.zeros(len(batch), width, dtype=torch.long)
    told = torch.zeros(len(batch), width, dtype=torch.long)
    counted = torch.zeros(len(batch), width, dtype=torch.bool)
    for row, one in enumerate(batch):
        size = len(one.ids) - 1
        read[row, :size] = torch.tensor(one.ids[:-1])
        told[row, :size] = torch.tensor(one.ids[1:])
        counted[row, one.start - 1 : size] = True
    states = model.model(input_ids=read, use_cache=False).last_hidden_state[counted]
    logits = model.lm_head(states).float()
    right = logits.gather(1, told[counted][:, None])[:, 0] - logits.logsumexp(-1)
    sums = torch.zeros(len(batch)).index_add(0, counted.nonzero()[:, 0], right)
    return Likelihoods(sums, counted.sum(1))
