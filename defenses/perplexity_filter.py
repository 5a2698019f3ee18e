"""Refuses prompts with a stretch that no language model would have written: optimised suffixes."""

from collections.abc import Mapping
from dataclasses import dataclass
from math import exp
from typing import ClassVar, Literal

from gateway.detector import ModelDetector
from gateway.errors import ConfigError
from gateway.scoring import scorer
from gateway.types import Exchange, Risk, Role

_BEYOND = 100.0
"""Nats of a token that no model gives: its numbers have run over."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PerplexityFilter(ModelDetector):
    """Scores each turn by its worst window of tokens, as an upstream's own model reads it.

    perplexity: of a window from which on it is refused, in exp(nats per token); window: in tokens. least:
    turns of fewer tokens say too little and pass. model: the scoring model's name, any upstream that can
    score unless given. The default was set for SmolLM2-135M, which gives everyday prompts up to 5,600 (270
    questions to a bank, instructions and MT-Bench turns) and prompts that end in twenty random tokens 107,000
    or more (60 of them); measure for another model. A score of 0.5 is at `perplexity`; other parameters:
    `gateway.detector.Detector`.

    Stands at: input; an upstream whose probabilities can be read.
    Cost: a pass of the scoring model over each turn of the user, before the model is asked.
    Source: Jain et al., 2023, "Baseline defenses for adversarial attacks against aligned language models"
        (arXiv 2309.00614), windowed perplexity; Alon and Kamfonas, 2023 (arXiv 2308.14132).

    >>> worst([1.0, 1.0, 9.0, 9.0], 2)
    9.0
    """

    risk: ClassVar[Risk] = "safety"
    labels: ClassVar[frozenset[str]] = frozenset({"perplexity"})
    scoring: ClassVar[bool] = True
    looks_for: ClassVar[frozenset[str]] = frozenset({"exact wording"})

    side: Literal["input"] = "input"
    normalise: bool = False
    roles: tuple[Role, ...] = ("user",)
    perplexity: float = 20_000.0
    window: int = 16
    least: int = 8
    model: str = ""

    def __post_init__(self) -> None:
        ModelDetector.__post_init__(self)
        if self.perplexity <= 1 or min(self.window, self.least) < 1:
            raise ConfigError("perplexity must be above 1, window and least at least 1")

    async def judge(self, sentence: str, before: str, exchange: Exchange) -> Mapping[str, float]:
        nats = await scorer(self.model).surprise(sentence)
        if len(nats) < self.least:
            return {}
        mean = worst(nats, self.window)
        if not mean < _BEYOND:  # not a number, for one
            return {"perplexity": 1.0}
        found = exp(mean)
        return {"perplexity": found / (found + self.perplexity)}

    async def warm(self) -> None:
        """Nothing to do: the upstream is ready before the first exchange."""


def worst(nats: list[float], window: int) -> float:
    """The highest mean of `window` in a row, of all where there are fewer."""
    if len(nats) <= window:
        return sum(nats) / len(nats)
    total = sum(nats[:window])
    most = total
    for entering, leaving in zip(nats[window:], nats, strict=False):
        total += entering - leaving
        most = max(most, total)
    return most / window
