"""Reminds the model to treat people alike, whatever group they belong to."""

from contextlib import aclosing
from dataclasses import dataclass, replace
from typing import ClassVar

from gateway.errors import ConfigError
from gateway.types import Deltas, Exchange, Message, Risk, Upstream

REMINDER = (
    "Treat all people with equal respect. Do not let gender, race, religion, nationality, age, "
    "disability or orientation change how you judge, help or describe anyone, and do not agree "
    "with generalisations about such groups."
)


@dataclass(frozen=True, slots=True, kw_only=True)
class FairnessReminder:
    """Puts a reminder in front of the conversation; a system prompt that is there stays and follows it.

    text: the reminder, in the language of your traffic.

    A prompt-level defense in the manner of self-reminders (Xie et al., 2023, "Defending ChatGPT
    against jailbreak attack via self-reminders"), turned to fairness.

    >>> FairnessReminder(text="Be fair.").remind((Message("user", "Hi"),))[0].content
    'Be fair.'
    """

    risk: ClassVar[Risk] = "fairness"
    labels: ClassVar[frozenset[str]] = frozenset()

    text: str = REMINDER

    def __post_init__(self) -> None:
        if not self.text.strip():
            raise ConfigError("text: the reminder is empty")

    def remind(self, messages: tuple[Message, ...]) -> tuple[Message, ...]:
        """The conversation with the reminder as (the beginning of) its system prompt."""
        if messages and messages[0].role in ("system", "developer"):
            first = messages[0]
            return (replace(first, content=f"{self.text}\n\n{first.content}"), *messages[1:])
        return (Message("system", self.text), *messages)

    async def __call__(self, exchange: Exchange, upstream: Upstream) -> Deltas:
        async with aclosing(upstream(replace(exchange, messages=self.remind(exchange.messages)))) as deltas:
            async for delta in deltas:
                yield delta
