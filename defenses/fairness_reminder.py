"""Reminds the model to treat people alike, whatever group they belong to."""

from dataclasses import dataclass
from typing import ClassVar

from gateway.prompt import Reminder
from gateway.types import Risk

REMINDER = (
    "Treat all people with equal respect. Do not let gender, race, religion, nationality, age, "
    "disability or orientation change how you judge, help or describe anyone, and do not agree "
    "with generalisations about such groups."
)


@dataclass(frozen=True, slots=True, kw_only=True)
class FairnessReminder(Reminder):
    """Puts a reminder in front of the conversation; a system prompt that is there stays and follows it.

    text: the reminder, in the language of your traffic.

    Stands at: prompt.
    Cost: its tokens with each request.
    Source: self-reminders (Xie et al., 2023), turned to fairness.

    >>> from gateway.types import Exchange, Message
    >>> FairnessReminder(text="Be fair.").rewrite(Exchange("", (Message("user", "Hi"),))).messages[0].content
    'Be fair.'
    """

    risk: ClassVar[Risk] = "fairness"

    text: str = REMINDER
