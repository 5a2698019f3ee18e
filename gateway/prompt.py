"""Defenses that change what is asked and never look at the answer: they cost nothing per delta."""

from abc import ABC, abstractmethod
from dataclasses import dataclass, replace
from time import perf_counter
from typing import ClassVar

from gateway.errors import ConfigError, DefenseError, GatewayError
from gateway.types import Deltas, Exchange, Message, Risk, Steering, Upstream


@dataclass(frozen=True, slots=True)
class PromptDefense(ABC):
    """Rewrites the exchange before the model sees it.

    Its answer passes by untouched, so the chain hands the upstream's stream on as it is.
    """

    labels: ClassVar[frozenset[str]] = frozenset()

    @property
    @abstractmethod
    def risk(self) -> Risk:
        """The risk it is built for: a `ClassVar` of that name, or a field where the operator says."""

    @abstractmethod
    def rewrite(self, exchange: Exchange) -> Exchange:
        """The exchange as the model shall see it."""

    def __call__(self, exchange: Exchange, upstream: Upstream) -> Deltas:
        return upstream(self.rewrite(exchange))


@dataclass(frozen=True, slots=True)
class DecodingDefense(PromptDefense):
    """Has the model choose its tokens in another way; for upstreams that can be steered.

    adapters: names of the adapters that the upstream has to have.
    """

    @property
    def adapters(self) -> tuple[str, ...]:
        """None, unless a defense says otherwise."""
        return ()

    @abstractmethod
    def steering(self, exchange: Exchange) -> Steering:
        """How this exchange is decoded."""

    def rewrite(self, exchange: Exchange) -> Exchange:
        if exchange.steering is not None:
            raise DefenseError("two defenses steer the decoding of one answer")
        return replace(exchange, steering=self.steering(exchange))


@dataclass(frozen=True, slots=True, kw_only=True)
class Reminder(PromptDefense):
    """Puts a text in front of the conversation; a system prompt that is there stays and follows it."""

    text: str

    def __post_init__(self) -> None:
        if not self.text.strip():
            raise ConfigError("text: the reminder is empty")

    def rewrite(self, exchange: Exchange) -> Exchange:
        return instructed(exchange, self.text)


class Rewriting:
    """A prompt defense with its place in one gateway: one step of the chain."""

    __slots__ = ("defense", "name")

    def __init__(self, name: str, defense: PromptDefense) -> None:
        self.name = name
        self.defense = defense

    def __call__(self, exchange: Exchange, upstream: Upstream) -> Deltas:
        footprint = exchange.trail.footprint(self.name)
        began = perf_counter()
        try:
            asked = self.defense.rewrite(exchange)
        except DefenseError as error:
            error.defense = error.defense or self.name
            raise
        except GatewayError:
            raise
        except Exception as error:
            raise DefenseError(f"defense {self.name} failed", self.name) from error
        finally:
            footprint.input_seconds += perf_counter() - began
        return upstream(asked)


def instructed(exchange: Exchange, text: str) -> Exchange:
    """The exchange with `text` as (the beginning of) its system prompt; one that is there follows it.

    >>> [turn.content for turn in instructed(Exchange("", (Message("user", "Hi"),)), "Be kind.").messages]
    ['Be kind.', 'Hi']
    """
    messages = exchange.messages
    if messages and messages[0].role in ("system", "developer"):
        first = replace(messages[0], content=f"{text}\n\n{messages[0].content}")
        return replace(exchange, messages=(first, *messages[1:]))
    return replace(exchange, messages=(Message("system", text), *messages))
