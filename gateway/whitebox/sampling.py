"""Chooses the next token of one row."""

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

REPEAT_PENALTY = 1.1
"""For clients that set none: without it a model this small repeats itself without end."""
COLDEST = 1e-3
"""Below this temperature the likeliest token is certain, as far as numbers go."""


@dataclass(frozen=True, slots=True)
class Sampling:
    """What a request says about sampling, in OpenAI's words; temperature 0 takes the likeliest token."""

    temperature: float = 1.0
    top_p: float = 1.0
    seed: int | None = None
    repeat_penalty: float = REPEAT_PENALTY


class Sampler:
    """Draws from logits; with a seed, the same tokens each time."""

    def __init__(self, sampling: Sampling) -> None:
        self._sampling = sampling
        self._generator = torch.Generator()
        if sampling.seed is None:
            self._generator.seed()
        else:
            self._generator.manual_seed(sampling.seed)

    def draw(self, logits: Tensor, seen: Sequence[int]) -> int:
        """A token from logits [vocabulary]; `seen` are the tokens before it, which are made less likely.

        The penalty is that of Keskar et al., 2019 (arXiv 1909.05858), nucleus sampling that of Holtzman et
        al., 2020 (arXiv 1904.09751).
        """
        sampling = self._sampling
        logits = _penalised(logits, seen, sampling.repeat_penalty)
        if sampling.temperature < COLDEST:
            return int(logits.argmax())
        chances = (logits / sampling.temperature).softmax(-1)
        if sampling.top_p < 1:
            chances = _nucleus(chances, sampling.top_p)
        return int(torch.multinomial(chances, 1, generator=self._generator))


def _penalised(logits: Tensor, seen: Sequence[int], penalty: float) -> Tensor:
    if penalty == 1 or not seen:
        return logits
    index = torch.tensor(sorted(set(seen)))
    told = logits[index]
    changed = logits.clone()
    changed[index] = torch.where(told > 0, told / penalty, told * penalty)
    return changed


def _nucleus(chances: Tensor, share: float) -> Tensor:
    """The likeliest tokens that together have `share`, at least one."""
    ordered, order = chances.sort(descending=True)
    beyond = ordered.cumsum(-1) - ordered >= share
    beyond[0] = False
    kept = chances.clone()
    kept[order[beyond]] = 0
    return kept
