"""Defenses that change what is asked and never look at the answer: they cost nothing per delta."""

from abc import ABC, abstractmethod
from dataclasses import dataclass, replace
from time import perf_counter
from typing import ClassVar

from gateway.errors import DefenseError, GatewayError
from gateway.types import Deltas, Exchange, Message, Risk, Upstream


@dataclass(frozen=True, slots=True)
class PromptDefense(ABC):
    """Rewrites the conversation before the model sees it.

    Its answer passes by untouched, so the chain hands the upstream's stream on as it is.
    """

    risk: ClassVar[Risk]
    labels: ClassVar[frozenset[str]] = frozenset()

    @abstractmethod
    def rewrite(self, messages: tuple[Message, ...]) -> tuple[Message, ...]:
        """The conversation as the model shall see it."""

    def __call__(self, exchange: Exchange, upstream: Upstream) -> Deltas:
        return upstream(replace(exchange, messages=self.rewrite(exchange.messages)))


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
            messages = self.defense.rewrite(exchange.messages)
        except GatewayError:
            raise
        except Exception as error:
            raise DefenseError(f"defense {self.name} failed") from error
        finally:
            footprint.input_seconds += perf_counter() - began
        return upstream(replace(exchange, messages=messages))


def instructed(messages: tuple[Message, ...], text: str) -> tuple[Message, ...]:
    """The conversation with `text` as (the beginning of) its system prompt; one that is there follows it.

    >>> [message.content for message in instructed((Message("user", "Hi"),), "Be kind.")]
    ['Be kind.', 'Hi']
    """
    if messages and messages[0].role in ("system", "developer"):
        first = messages[0]
        return (replace(first, content=f"{text}\n\n{first.content}"), *messages[1:])
    return (Message("system", text), *messages)
