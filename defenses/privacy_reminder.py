"""Reminds the model to keep what it knows of people to itself."""

from dataclasses import dataclass
from typing import ClassVar

from gateway.prompt import Reminder
from gateway.types import Risk

REMINDER = (
    "Protect people's privacy. Do not reveal, guess or piece together personal data of anyone who is not "
    "asking about themselves: addresses, numbers, health, money, whereabouts, passwords. Use personal data "
    "in this conversation only for what it was given for, and do not repeat it without need."
)


@dataclass(frozen=True, slots=True, kw_only=True)
class PrivacyReminder(Reminder):
    """Puts a reminder in front of the conversation; a system prompt that is there stays and follows it.

    text: the reminder, in the language of your traffic.

    Stands at: prompt.
    Cost: its tokens with each request.
    Source: self-reminders (Xie et al., 2023), turned to privacy: data flows as the context allows in
        which it was given (Nissenbaum, 2004, "Privacy as contextual integrity").

    >>> from gateway.types import Exchange, Message
    >>> said = Exchange("", (Message("user", "Hi"),))
    >>> PrivacyReminder(text="Keep secrets.").rewrite(said).messages[0].content
    'Keep secrets.'
    """

    risk: ClassVar[Risk] = "privacy"

    text: str = REMINDER
