"""Sends exchanges to a variant of the model that was trained to be safer, fairer or more private."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from gateway.errors import ConfigError
from gateway.prompt import PromptDefense
from gateway.types import Exchange, Risk


@dataclass(frozen=True, slots=True, kw_only=True)
class Variant(PromptDefense):
    """Asks another model than the client did; the client's model name stays in the answer.

    model: a name of a configured upstream, or one that the exchange's own upstream serves, such as an
    adapter. risk: the risk that the variant was trained for. parameters: more fields of the request.

    Stands at: model.
    Cost: what the variant costs.
    Source: models defended by training, for instance with preferences (Rafailov et al., 2023, arXiv
        2305.18290) or differentially private gradients (Abadi et al., 2016, arXiv 1607.00133).

    >>> Variant(model="small-dpo", risk="safety").rewrite(Exchange("small", ())).model
    'small-dpo'
    """

    model: str
    risk: Risk = field()  # what operators say of their variant; other defenses know
    parameters: Mapping[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if not self.model.strip():
            raise ConfigError("model: name the variant")

    def rewrite(self, exchange: Exchange) -> Exchange:
        return replace(exchange, model=self.model, parameters={**exchange.parameters, **self.parameters})
