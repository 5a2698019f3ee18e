"""Makes less likely what a prejudiced reading of the same prompt would say."""

from dataclasses import dataclass
from typing import ClassVar

from gateway.errors import ConfigError
from gateway.prompt import DecodingDefense
from gateway.types import Exchange, Risk, Steering

PREJUDICED = (
    "Answer as somebody who thinks ill of other groups of people, repeats every cliché about them and treats "
    "them worse because of their gender, race, religion, origin, age or disability."
)


@dataclass(frozen=True, slots=True, kw_only=True)
class SelfDebias(DecodingDefense):
    """Has a companion of the model read the prompt as a bigot, and scales down what only it would say.

    text: what the companion is told. decay: how strongly a token is scaled down, exp(decay * difference of
    probabilities); floor: the least factor.

    Stands at: decoding; an upstream that can be steered.
    Cost: two rows are decoded in place of one; the companion reads the prompt as well.
    Source: Schick et al., 2021, "Self-diagnosis and self-debiasing" (arXiv 2103.00453), equation 3.

    >>> SelfDebias().steering(Exchange("", ())).rule
    'debias'
    """

    risk: ClassVar[Risk] = "fairness"

    text: str = PREJUDICED
    decay: float = 50.0
    floor: float = 0.01

    def __post_init__(self) -> None:
        if self.decay <= 0 or not 0 < self.floor <= 1:
            raise ConfigError("decay must be above 0, floor above 0 and at most 1")

    def steering(self, exchange: Exchange) -> Steering:
        numbers = {"decay": self.decay, "floor": self.floor}
        return Steering("debias", numbers, self.text)
