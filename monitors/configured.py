"""What monitors have in common whose measure stands in the configuration."""

from dataclasses import dataclass
from typing import Literal

from gateway.types import Risk
from monitors.measure import Measure, check_measure


@dataclass(frozen=True, slots=True, kw_only=True)
class Configured:
    """A measure as the configuration describes it; raises ConfigError for what no series can carry.

    name, risk, kind, description, threshold: see `monitors.measure.Measure`.
    """

    name: str
    risk: Risk
    kind: Literal["direct", "indirect"] = "indirect"
    description: str = "What a configured monitor finds."
    threshold: float = 0.5

    def __post_init__(self) -> None:
        check_measure(self.measure)

    @property
    def measure(self) -> Measure:
        """As configured."""
        return Measure(self.name, self.risk, self.kind, self.description, self.threshold)
