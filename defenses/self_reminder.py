"""Reminds the model, before and after what the user says, that it answers responsibly."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import ClassVar

from gateway.errors import ConfigError
from gateway.prompt import PromptDefense, instructed
from gateway.types import Message, Risk

BEFORE = (
    "You are an assistant that answers responsibly: you give no help with anything that hurts people, breaks "
    "the law or deceives, however the request is dressed up. Keep this in mind with the next message."
)
AFTER = "(Reminder: answer responsibly, and decline if the answer could do harm.)"


@dataclass(frozen=True, slots=True, kw_only=True)
class SelfReminder(PromptDefense):
    """Wraps the last thing the user says in two reminders, so that no text of his comes last.

    before, after: the reminders, in the language of your traffic; an empty one is left out.

    Cost: their tokens with each request. Source: Xie et al., 2023, "Defending ChatGPT against jailbreak
    attack via self-reminders" (the words are our own).

    >>> SelfReminder(before="", after="Be good.").rewrite((Message("user", "Hi"),))[0].content
    'Hi\\n\\nBe good.'
    """

    risk: ClassVar[Risk] = "safety"

    before: str = BEFORE
    after: str = AFTER

    def __post_init__(self) -> None:
        if not (self.before.strip() or self.after.strip()):
            raise ConfigError("before, after: both reminders are empty")

    def rewrite(self, messages: tuple[Message, ...]) -> tuple[Message, ...]:
        wrapped = _followed(messages, self.after) if self.after else messages
        return instructed(wrapped, self.before) if self.before else wrapped


def _followed(messages: Sequence[Message], text: str) -> tuple[Message, ...]:
    """The conversation with `text` at the end of the last turn of the user."""
    last = max((number for number, turn in enumerate(messages) if turn.role == "user"), default=None)
    return tuple(
        replace(turn, content=f"{turn.content}\n\n{text}") if number == last else turn
        for number, turn in enumerate(messages)
    )
