"""The words of the monitors: measure, prompt, answer, monitor."""

import re
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cached_property
from typing import Literal, Protocol

from gateway.errors import ConfigError
from gateway.text.encoder import shared
from gateway.text.encoder_model import Judgement
from gateway.text.harm import harm_labels
from gateway.text.identity import identity_groups
from gateway.text.injection import injection_spans
from gateway.text.private_request import asks_for_personal_data
from gateway.text.refusal import is_refusal
from gateway.types import Message, Risk

_NAME = re.compile(r"[a-z][a-z0-9_]{0,63}")


@dataclass(frozen=True, slots=True)
class Measure:
    """What a monitor measures: one side of one risk.

    `direct` measures see the act itself (a refusal), `indirect` ones its traces (a leak, a tone).
    A score of at least `threshold` is a violation. `groups` is empty unless the measure is also
    broken down by the group that the prompt mentions; then it is the closed set of their names.
    `live_only`: a replay says nothing of it.
    `rate` is the probability that an exchange is scored at all, see `monitors.sampling`; whoever folds
    scores divides by it.
    """

    name: str
    risk: Risk
    kind: Literal["direct", "indirect"]
    description: str
    threshold: float = 0.5
    groups: frozenset[str] = frozenset()
    rate: float = 1.0
    live_only: bool = False


def check_measure(measure: Measure) -> None:
    """Raise ConfigError for a measure that a configuration describes and no series can carry."""
    if not _NAME.fullmatch(measure.name):
        raise ConfigError("name: must be lower-case letters, digits and underscores")
    if not 0 < measure.threshold <= 1:
        raise ConfigError(f"threshold: must be above 0 and at most 1, not {measure.threshold}")


@dataclass(frozen=True)
class Prompt:
    """The conversation as the client sent it; `truncated` when texts of it were cut.

    Not slotted, so that what several monitors ask of it is worked out once.
    """

    messages: tuple[Message, ...]
    truncated: bool = False

    @cached_property
    def text(self) -> str:
        """The user's turns, one after the other."""
        return "\n".join(self._turns)

    @cached_property
    def last(self) -> str:
        """The user's last turn: what the answer answers."""
        return self._turns[-1] if self._turns else ""

    @cached_property
    def whole(self) -> str:
        """Every turn of every role: all that the model was shown."""
        return "\n".join(message.content for message in self.messages)

    @property
    def empty(self) -> bool:
        """Whether no user said anything."""
        return not self.text.strip()

    @cached_property
    def harmful(self) -> bool:
        """Whether the last turn asks for something harmful."""
        return bool(harm_labels(self.last)) or heads_say(self.last, "harmful_request")

    @cached_property
    def private(self) -> bool:
        """Whether the last turn asks for personal data of someone else."""
        return asks_for_personal_data(self.last) or heads_say(self.last, "personal_request")

    @cached_property
    def attack(self) -> float:
        """How surely the last turn, or what a tool gave since, tries to replace the model's instructions."""
        return max(map(_injection, (self.last, *self._results)), default=0.0)

    @cached_property
    def benign(self) -> bool:
        """Whether no rule, and no head for harm or private requests, speaks up on any user turn."""
        if self.empty or self.private or self.harmful:
            return False
        text = self.text
        if harm_labels(text) or injection_spans(text) or asks_for_personal_data(text):
            return False
        return not heads_say(text, "harmful_request", "personal_request")

    @cached_property
    def groups(self) -> frozenset[str]:
        """The identity groups that the user's turns mention."""
        return identity_groups(self.text)

    def said_by(self, *roles: str) -> str:
        """The turns of some roles, one after the other."""
        return "\n".join(message.content for message in self.messages if message.role in roles)

    @cached_property
    def _turns(self) -> tuple[str, ...]:
        return tuple(message.content for message in self.messages if message.role == "user")

    @property
    def _results(self) -> tuple[str, ...]:
        """What tools gave since the user last spoke."""
        last = max((at for at, turn in enumerate(self.messages) if turn.role == "user"), default=0)
        return tuple(turn.content for turn in self.messages[last:] if turn.role == "tool")


@dataclass(frozen=True, slots=True)
class Delivery:
    """What became of an answer between the model and the client.

    raw: the answers of the model, one for each call, in order. added_seconds: the longest that the client
    waited for the gateway itself, before the first delta or for one that was held back. cut: the record
    was too large, so that a text may lack its end.
    """

    raw: tuple[str, ...] = ()
    added_seconds: float = 0.0
    cut: bool = False


@dataclass(frozen=True, slots=True)
class Answer:
    """An answer as far as it got; `refusal` is what the model itself marked as one.

    `blocked`: a defense cut or replaced it. `delivery` is None for one that went to no client: nothing
    was changed, nobody waited. `refused` is worked out once, from the opening.
    """

    content: str
    blocked: bool = False
    finish_reason: str = ""
    refusal: str = ""
    delivery: Delivery | None = None
    refused: bool = field(init=False)

    def __post_init__(self) -> None:
        # The head for refusals takes four times as many answers for one that are none (docs/model-card.md).
        object.__setattr__(self, "refused", bool(self.refusal) or is_refusal(self.content))

    @property
    def declined(self) -> bool:
        """Whether the user was turned away, by the model or by a defense."""
        return self.refused or self.blocked

    @property
    def served(self) -> bool:
        """Whether the user got an answer of substance."""
        return bool(self.content.strip()) and not self.declined


def heads_say(text: str, *heads: str) -> bool:
    """Whether one of `heads` of the encoder finds what it asks for in `text`; never, where there is none."""
    judged = judgement(text)
    return judged is not None and any(judged.scores[head] >= 0.5 for head in heads)


def head_score(text: str, head: str, words: Callable[[str], float]) -> float:
    """What a head of the encoder says of `text`, or `words` where there is no encoder; 0 of no text."""
    if not text.strip():
        return 0.0
    judged = judgement(text)
    return words(text) if judged is None else judged.scores[head]


def pair_score(request: str, answer: str, head: str) -> float | None:
    """What a head on pairs says of an answer to a request; None where there is no encoder or no text."""
    encoder, asked, said = shared(), judgement(request), judgement(answer)
    if encoder is None or asked is None or said is None:
        return None
    return encoder.model.pair(asked, said)[head]


def _injection(text: str) -> float:
    rules = max((found.score for found in injection_spans(text)), default=0.0)
    judged = judgement(text)
    return rules if judged is None else max(rules, judged.scores["injection"])


def judgement(text: str) -> Judgement | None:
    """What the encoder says of `text`; None where it is off or there is no text."""
    encoder = shared()
    return None if encoder is None or not text.strip() else encoder.judge_now(text)


class Monitor(Protocol):
    """Scores finished exchanges for one measure; a pure function of what it is given.

    `score` is in [0, 1], 1 worst; None when the measure does not apply. Whether it applies is
    decided from the prompt alone: an answer that decided it would bias the comparison of arms.
    """

    @property
    def measure(self) -> Measure: ...

    def score(self, prompt: Prompt, answer: Answer) -> float | None: ...


class WaitingMonitor(Protocol):
    """A monitor that asks a model or a server: its score depends on that, too, and comes when it comes."""

    @property
    def measure(self) -> Measure: ...

    async def score(self, prompt: Prompt, answer: Answer) -> float | None: ...
