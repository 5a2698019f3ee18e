"""How a second reading of the same text changes what is said next: two rules of decoding.

Both compare the model's next-token probabilities with those of a companion row, which reads the same answer
after another prompt or with another adapter.
"""

from dataclasses import dataclass

import torch
from torch import Tensor


@dataclass(frozen=True, slots=True)
class SafeContrast:
    """SafeDecoding (Xu et al., 2024, arXiv 2402.08983): the companion is the model with an expert adapter.

    For the first `tokens` of an answer the sample space are the tokens that both rank highest, at least
    `least` of them; there p = p_model + weight * (p_expert - p_model). After that the model is free.
    """

    weight: float = 3.0
    tokens: int = 2
    least: int = 5

    def steers(self, position: int) -> bool:
        """Whether token number `position` of the answer is steered."""
        return position < self.tokens

    def combine(self, model: Tensor, expert: Tensor) -> Tensor:
        """Logits [vocabulary] of both to log-probabilities, -inf outside of the sample space."""
        own, other = model.softmax(-1), expert.softmax(-1)
        space = _shared_top(own, other, self.least)
        mixed = (own[space] + self.weight * (other[space] - own[space])).clamp(min=0)
        steered = torch.full_like(model, -torch.inf)
        if float(mixed.sum()) <= 0:  # the expert forbids all of them
            mixed = other[space]
        steered[space] = (mixed / mixed.sum()).log()
        return steered


@dataclass(frozen=True, slots=True)
class Debias:
    """Self-debiasing (Schick et al., 2021, arXiv 2103.00453): the companion was told to be biased.

    A token that the companion likes better than the model is scaled down by exp(decay * difference).
    """

    decay: float = 50.0
    floor: float = 0.01

    def steers(self, position: int) -> bool:
        """Whether token number `position` of the answer is steered."""
        return True

    def combine(self, model: Tensor, biased: Tensor) -> Tensor:
        """Logits [vocabulary] of both to log-probabilities."""
        own = model.softmax(-1)
        difference = own - biased.softmax(-1)
        scale = torch.where(difference < 0, (self.decay * difference).exp().clamp(min=self.floor), 1.0)
        steered = own * scale
        return (steered / steered.sum()).log()


Rule = SafeContrast | Debias


def _shared_top(own: Tensor, other: Tensor, least: int) -> Tensor:
    """The intersection of both top lists, for the shortest lists whose intersection has `least` tokens."""
    # A token is in both lists once they reach its worse rank.
    worse = torch.maximum(_ranks(own), _ranks(other))
    return (worse <= worse.kthvalue(min(least, len(worse))).values).nonzero().squeeze(-1)


def _ranks(values: Tensor) -> Tensor:
    return values.argsort(descending=True).argsort()
