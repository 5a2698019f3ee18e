"""Rows of tokens that a causal language model continues together, each with a past of its own length."""

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor
from transformers import DynamicCache

from gateway.whitebox.adapters import Choice, chosen


class Batch:
    """The rows that are decoded now.

    Their keys and values stand in one cache, padded on the left, which is made anew only when a row
    comes or goes.
    """

    def __init__(self, model: Any, choice: Choice) -> None:
        self._model = model
        self._choice = choice
        self._adapters: list[str | None] = []
        self._lengths: list[int] = []
        self._cache: DynamicCache | None = None
        self._mask = torch.zeros(0, 0, dtype=torch.long)

    def __len__(self) -> int:
        return len(self._lengths)

    @torch.inference_mode()
    def add(self, ids: Sequence[int], adapter: str | None) -> Tensor:
        """Read a prompt as a new, last row; the logits [vocabulary] of what follows it."""
        chosen(self._choice, [adapter])
        out = self._model(input_ids=torch.tensor([list(ids)]), use_cache=True, logits_to_keep=1)
        self._join(out.past_key_values, len(ids))
        self._adapters.append(adapter)
        self._lengths.append(len(ids))
        logits: Tensor = out.logits[0, -1].float()
        return logits

    @torch.inference_mode()
    def step(self, tokens: Sequence[int]) -> Tensor:
        """Append one token to each row; the logits [rows, vocabulary] of the next."""
        self._mask = torch.cat([self._mask, torch.ones(len(self), 1, dtype=torch.long)], dim=1)
        chosen(self._choice, self._adapters)
        out = self._model(
            input_ids=torch.tensor([[token] for token in tokens]),
            attention_mask=self._mask,
            position_ids=torch.tensor([[length] for length in self._lengths]),
            past_key_values=self._cache,
            use_cache=True,
        )
        self._lengths = [length + 1 for length in self._lengths]
        logits: Tensor = out.logits[:, -1].float()
        return logits

    def keep(self, rows: Sequence[int]) -> None:
        """Drop all rows but these."""
        self._lengths = [self._lengths[row] for row in rows]
        self._adapters = [self._adapters[row] for row in rows]
        if not rows:
            self._cache, self._mask = None, torch.zeros(0, 0, dtype=torch.long)
            return
        assert self._cache is not None
        longest = max(self._lengths)
        index = torch.tensor(list(rows))
        self._mask = self._mask[index][:, -longest:]
        self._cache = _cache(
            (layer.keys[index][:, :, -longest:], layer.values[index][:, :, -longest:])
            for layer in self._cache.layers
        )

    def _join(self, past: DynamicCache, length: int) -> None:
        mask = torch.ones(1, length, dtype=torch.long)
        if self._cache is None:
            self._cache, self._mask = past, mask
            return
        width = max(self._mask.shape[1], length)
        self._mask = torch.cat([_padded(self._mask, width, 1), _padded(mask, width, 1)])
        self._cache = _cache(
            (
                torch.cat([_padded(old.keys, width, 2), _padded(new.keys, width, 2)]),
                torch.cat([_padded(old.values, width, 2), _padded(new.values, width, 2)]),
            )
            for old, new in zip(self._cache.layers, past.layers, strict=True)
        )


def _padded(tensor: Tensor, width: int, dimension: int) -> Tensor:
    """`tensor` with zeros before it up to `width` along a dimension."""
    missing = width - tensor.shape[dimension]
    if not missing:
        return tensor
    shape = list(tensor.shape)
    shape[dimension] = missing
    return torch.cat([tensor.new_zeros(shape), tensor], dim=dimension)


def _cache(pairs: Any) -> DynamicCache:
    cache = DynamicCache()
    for number, (keys, values) in enumerate(pairs):
        cache.update(keys, values, number)
    return cache
