"""Utility: how long the client waited for the gateway itself."""

from dataclasses import dataclass
from typing import ClassVar

from gateway.errors import ConfigError
from monitors.measure import Answer, Measure, Prompt


@dataclass(frozen=True, slots=True, kw_only=True)
class AddedLatency:
    """The longest wait that is not the model's: s seconds score s / (s + scale).

    scale: seconds that score 0.5, and so are the first violation. The wait is that before the first
    delta or for one that was held back, whichever is longer; an answer without a delta had none.

    Cost: none to speak of.

    >>> from gateway.types import Message
    >>> from monitors.measure import Delivery
    >>> slow = Answer("Here.", delivery=Delivery(("Here.",), added_seconds=0.5))
    >>> AddedLatency(scale=0.5).score(Prompt((Message("user", "Where?"),)), slow)
    0.5
    """

    measure: ClassVar[Measure] = Measure(
        "added_latency",
        "utility",
        "direct",
        "The client waited for the gateway longer than it should.",
        live_only=True,
    )

    scale: float = 0.5

    def __post_init__(self) -> None:
        if not 0 < self.scale <= 3600:
            raise ConfigError(f"scale: must be above 0 and at most 3600 seconds, not {self.scale}")

    def score(self, prompt: Prompt, answer: Answer) -> float | None:
        if prompt.empty:
            return None
        seconds = max(0.0, answer.delivery.added_seconds) if answer.delivery else 0.0
        return seconds / (seconds + self.scale)
