"""The words of the chain: message, exchange, delta, upstream, defense."""

import os
from collections.abc import AsyncGenerator, Mapping
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass, field
from typing import Any, Literal, Protocol

from gateway.trail import Answer, Trail

Role = Literal["system", "developer", "user", "assistant", "tool"]
Channel = Literal["content", "reasoning", "refusal"]
FinishReason = Literal["stop", "length", "tool_calls", "content_filter"]
Risk = Literal["safety", "fairness", "privacy", "utility"]
Side = Literal["input", "output"]
Action = Literal["flag", "redact", "block"]
Mode = Literal["off", "shadow", "canary", "enforce"]

STRENGTH: Mapping[str, int] = {"": 0, "flag": 1, "redact": 2, "block": 3}
"""Order of actions; where several apply to one text, the strongest wins."""


@dataclass(frozen=True, slots=True)
class ToolCall:
    """A call the model asked for; `arguments` is JSON text exactly as the model wrote it."""

    id: str
    name: str
    arguments: str


@dataclass(frozen=True, slots=True)
class Message:
    """One turn of a conversation."""

    role: Role
    content: str
    name: str = ""
    tool_calls: tuple[ToolCall, ...] = ()
    tool_call_id: str = ""


@dataclass(frozen=True, slots=True)
class Steering:
    """How a white-box upstream decodes: by a rule that compares the model with a companion.

    rule: `safe_contrast` or `debias`, with its numbers (see `gateway.whitebox.steering`). told: what the
    companion is told before the conversation that the model reads. adapter: of the companion.
    """

    rule: str
    numbers: Mapping[str, float] = field(default_factory=dict)
    told: str = ""
    adapter: str = ""


Generation = Literal["never", "needed", "always"]
"""When a replay asks the model: not at all, where no answer to the same is known, or each time."""


@dataclass(frozen=True, slots=True)
class Known:
    """A call to the model and its answer, from the exchange that is replayed."""

    model: str
    messages: tuple[Message, ...]
    answer: Answer


@dataclass(frozen=True, slots=True)
class Replay:
    """What makes an exchange a replay of another one, whose id is `of`."""

    of: str
    generation: Generation
    known: tuple[Known, ...] = ()


REPLAY_HEADER = "x-crossrisk-replay"
"""What an upstream is told a replay by, with the value 1."""


@dataclass(frozen=True, slots=True)
class Exchange:
    """One request to the model, already validated by the front door.

    `parameters` holds the remaining fields of an OpenAI chat request under their names there
    (`temperature`, `max_tokens`, `tools`, ...). `unit` is the keyed hash of who or what stays in one
    arm, as hexadecimal digits. `deadline` is on the event loop's clock, in seconds. `streamed`: the
    client wants the answer as it comes; else an upstream may fetch it in one piece. `steering` is for
    upstreams that can be steered. `replay` is set where this is one. `trail` is the notebook of this
    exchange, shared by every rewritten copy; `layer` is the name of the defense that has it in hands, under
    which it writes there.
    """

    model: str
    messages: tuple[Message, ...]
    parameters: Mapping[str, Any] = field(default_factory=dict)
    user: str = ""
    unit: str = ""
    deadline: float | None = None
    streamed: bool = True
    steering: Steering | None = None
    replay: Replay | None = None
    id: str = field(default_factory=lambda: os.urandom(16).hex())
    layer: str = ""
    trail: Trail = field(default_factory=Trail, compare=False, repr=False)


@dataclass(frozen=True, slots=True)
class Text:
    """A piece of the answer."""

    text: str
    channel: Channel = "content"


@dataclass(frozen=True, slots=True)
class ToolCallPart:
    """A piece of tool call number `index`; `id` and `name` come with its first piece."""

    index: int
    id: str = ""
    name: str = ""
    arguments: str = ""


@dataclass(frozen=True, slots=True)
class Usage:
    """Tokens as the model counted them."""

    prompt_tokens: int
    completion_tokens: int


@dataclass(frozen=True, slots=True)
class Detection:
    """What a detector sees: a half-open span of code points, a label, a score in [0, 1], 1 worst.

    since: where the evidence begins, if before the span; a text is never parted in between.
    """

    start: int
    end: int
    label: str
    score: float = 1.0
    since: int | None = field(default=None, compare=False, repr=False)


@dataclass(frozen=True, slots=True)
class Finding:
    """A defense's verdict on a span; never carries the matched text.

    `location` says which text (`messages[2].content`, `content`, `tool_calls[0].arguments`);
    `start` and `end` are code points of that text as it came in; `score` is in [0, 1], 1 worst.
    """

    defense: str
    risk: Risk
    label: str
    action: Action
    side: Side
    location: str
    start: int
    end: int
    score: float = 1.0


@dataclass(frozen=True, slots=True)
class Finish:
    """The end of an answer: always the last delta, always exactly one."""

    reason: FinishReason


Delta = Text | ToolCallPart | Usage | Finding | Finish
Deltas = AsyncGenerator[Delta, None]


class Upstream(Protocol):
    """What turns an exchange into deltas: an LLM server, or a defended one.

    The stream ends with one `Finish`. Raises `UpstreamError` when it cannot get that far.
    """

    def __call__(self, exchange: Exchange, /) -> Deltas: ...


class ConnectedUpstream(Upstream, Protocol):
    """A leaf of the chain that holds connections or a child process."""

    async def ready(self) -> bool:
        """Whether an exchange sent now has a server to answer it; never raises."""
        ...


class UpstreamEntry(Protocol):
    """A configured upstream: a frozen dataclass whose fields are its configuration.

    `models` are the names clients may ask for, the first being the default.
    """

    @property
    def models(self) -> tuple[str, ...]: ...

    def connect(self) -> AbstractAsyncContextManager[ConnectedUpstream]:
        """Hold the connections open for as long as the context lasts."""
        ...


class Defense(Protocol):
    """Wraps an upstream and is again an upstream; targets one risk.

    `risk` and `labels` (every label it may report) never change.
    """

    @property
    def risk(self) -> Risk: ...

    @property
    def labels(self) -> frozenset[str]: ...

    def __call__(self, exchange: Exchange, upstream: Upstream) -> Deltas: ...
