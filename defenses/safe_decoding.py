"""Chooses the first tokens of an answer together with an expert that was trained to refuse harm."""

from dataclasses import dataclass
from typing import ClassVar

from gateway.errors import ConfigError
from gateway.prompt import DecodingDefense
from gateway.types import Exchange, Risk, Steering


@dataclass(frozen=True, slots=True, kw_only=True)
class SafeDecoding(DecodingDefense):
    """Contrasts the model with an expert, the same model with an adapter, for the first tokens.

    adapter: the expert's name among the upstream's `adapters`. weight: how far the probabilities move from
    the model's to the expert's, and beyond; tokens: how many are chosen so; least: the fewest tokens to
    choose from.

    Stands at: decoding; an upstream that can be steered.
    Cost: two rows are decoded in place of one, for the first tokens only.
    Source: Xu et al., 2024, "SafeDecoding: defending against jailbreak attacks via safety-aware decoding"
        (arXiv 2402.08983).

    >>> SafeDecoding(adapter="expert").adapters
    ('expert',)
    """

    risk: ClassVar[Risk] = "safety"

    adapter: str
    weight: float = 3.0
    tokens: int = 2
    least: int = 5

    def __post_init__(self) -> None:
        if not self.adapter.strip():
            raise ConfigError("adapter: name the expert")
        if min(self.weight, self.tokens, self.least) <= 0:
            raise ConfigError("weight, tokens and least must be above 0")

    @property
    def adapters(self) -> tuple[str, ...]:
        return (self.adapter,)

    def steering(self, exchange: Exchange) -> Steering:
        numbers = {"weight": self.weight, "tokens": self.tokens, "least": self.least}
        return Steering("safe_contrast", numbers, adapter=self.adapter)
