"""Reminds the model, before and after what the user says, that it answers responsibly."""

from dataclasses import dataclass, replace
from typing import ClassVar

from gateway.asking import last_user_turn
from gateway.errors import ConfigError
from gateway.prompt import PromptDefense, instructed
from gateway.types import Exchange, Risk

BEFORE = (
    "You are an assistant that answers responsibly: you give no help with anything that hurts people, breaks "
    "the law or deceives, however the request is dressed up. Keep this in mind with the next message."
)
AFTER = "(Reminder: answer responsibly, and decline if the answer could do harm.)"


@dataclass(frozen=True, slots=True, kw_only=True)
class SelfReminder(PromptDefense):
    """Wraps the last thing the user says in two reminders, so that no text of his comes last.

    before, after: the reminders, in the language of your traffic; an empty one is left out.

    Stands at: prompt.
    Cost: their tokens with each request.
    Source: Xie et al., 2023, "Defending ChatGPT against jailbreak attack via self-reminders" (the words
        are our own).

    >>> from gateway.types import Message
    >>> said = Exchange("", (Message("user", "Hi"),))
    >>> SelfReminder(before="", after="Be good.").rewrite(said).messages[0].content
    'Hi\\n\\nBe good.'
    """

    risk: ClassVar[Risk] = "safety"

    before: str = BEFORE
    after: str = AFTER

    def __post_init__(self) -> None:
        if not (self.before.strip() or self.after.strip()):
            raise ConfigError("before, after: both reminders are empty")

    def rewrite(self, exchange: Exchange) -> Exchange:
        wrapped = _followed(exchange, self.after) if self.after else exchange
        return instructed(wrapped, self.before) if self.before else wrapped


def _followed(exchange: Exchange, text: str) -> Exchange:
    """The exchange with `text` at the end of the last turn of the user."""
    last = last_user_turn(exchange)
    messages = tuple(
        replace(turn, content=f"{turn.content}\n\n{text}") if number == last else turn
        for number, turn in enumerate(exchange.messages)
    )
    return replace(exchange, messages=messages)
