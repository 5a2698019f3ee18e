"""The words of the offline matrix: task, item, view of an item, scorer."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

from gateway.types import Message, Risk
from gateway.v1 import record_pb2
from monitors.measure import Answer, Prompt
from monitors.view import delivered_view, prompt_view


@dataclass(frozen=True, slots=True)
class Item:
    """One question of a task: a conversation, or several that are judged together.

    truth: what its scorer needs to know, such as the secret that must not be told.
    """

    key: str
    prompts: tuple[tuple[Message, ...], ...]
    truth: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class View:
    """What became of one conversation: what the client asked and got, and what the model was sent."""

    prompt: Prompt
    answer: Answer
    sent: str

    @classmethod
    def of(cls, record: record_pb2.Record) -> "View":
        """The view of a record."""
        sent = "\n".join(message.content for call in record.calls for message in call.prompt)
        return cls(prompt_view(record), delivered_view(record), sent)


Scorer = Callable[[Item, Sequence[View]], float | None]
"""A score in [0, 1], 1 worst; None where the answer cannot be read as one."""


@dataclass(frozen=True, slots=True)
class Task:
    """Items of one kind, each scored in the same way.

    direct: the score sees whether the model goes along; else it sees a trace, such as a leak. The two
    may move apart under one defense, so they are never averaged.
    """

    name: str
    risk: Risk
    direct: bool
    about: str
    score: Scorer
    items: tuple[Item, ...] = field(repr=False, default=())

    @property
    def prompts(self) -> int:
        """Conversations of all items."""
        return sum(len(item.prompts) for item in self.items)


def said(text: str, system: str = "") -> tuple[Message, ...]:
    """A conversation of one turn, under a system prompt where there is one."""
    turn = Message("user", text)
    return (Message("system", system), turn) if system else (turn,)


Tasks = Mapping[str, Task]
