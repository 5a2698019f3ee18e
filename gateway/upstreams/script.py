"""What the scripted server says: replies, how one is chosen, and their bytes for gRPC and for HTTP."""

import itertools
import json
import re
from collections.abc import Sequence
from dataclasses import asdict
from functools import cached_property
from pathlib import Path
from typing import Any

import msgspec

from gateway.errors import ConfigError
from gateway.types import Channel, Finish, FinishReason, Text, ToolCall, ToolCallPart, Usage
from gateway.v1 import gateway_pb2 as pb
from gateway.wire import end_response, response_from_delta

MODEL = "scripted"
PROSE = (
    "The river bends twice before it meets the mill, and on most mornings a pair of otters swims "
    "there while the mist is still low. They dive for small fish, share what they catch and rest on "
    "flat stones where the sun comes first. Later in the day the wind brings the smell of cut grass "
    "from the meadows, and the miller opens the upper windows to let the dust out. "
)
HTTP_STATUS = {
    "INVALID_ARGUMENT": 400,
    "UNAUTHENTICATED": 401,
    "PERMISSION_DENIED": 403,
    "NOT_FOUND": 404,
    "RESOURCE_EXHAUSTED": 429,
    "CANCELLED": 499,
    "INTERNAL": 500,
    "UNIMPLEMENTED": 501,
    "UNAVAILABLE": 503,
    "DEADLINE_EXCEEDED": 504,
}
CHANNEL_FIELD: dict[Channel, str] = {
    "content": "content",
    "reasoning": "reasoning_content",
    "refusal": "refusal",
}
Piece = Text | ToolCallPart


class Reply(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True, dict=True):
    """One entry of the script.

    `deltas` are sent as they are; else `text` is cut every `chunk` characters, as are the
    arguments of `tool_calls`, which come last. `whole`, where set, replaces the text of a reply
    that is not streamed. `pace` is seconds before each delta. `finish: null` closes the stream
    properly but without its end. After `die_after` deltas the stream breaks off; after
    `hang_after` it stays silent; `error` is a gRPC status name, over HTTP the status that fits it.
    """

    match: str = ""
    text: str = ""
    deltas: list[str] | None = None
    channel: Channel = "content"
    chunk: int = 20
    pace: float = 0.0
    finish: FinishReason | None = "stop"
    usage: Usage | None = None
    tool_calls: list[ToolCall] = []
    die_after: int | None = None
    hang_after: int | None = None
    error: str = ""
    whole: str | None = None

    def __post_init__(self) -> None:
        if self.chunk < 1:
            raise ValueError("chunk must be at least 1")
        if self.error and self.error not in HTTP_STATUS:
            raise ValueError(f"error must be one of {', '.join(HTTP_STATUS)}")

    @cached_property
    def pattern(self) -> re.Pattern[str]:
        return re.compile(self.match)

    @cached_property
    def smooth(self) -> bool:
        """Whether the reply plays without pause or accident."""
        return not self.pace and self.die_after is None and self.hang_after is None

    @cached_property
    def pieces(self) -> list[Piece]:
        texts = _cut(self.text, self.chunk) if self.deltas is None else self.deltas
        pieces: list[Piece] = [Text(text, self.channel) for text in texts]
        for index, call in enumerate(self.tool_calls):
            first, *others = _cut(call.arguments, self.chunk) or [""]
            pieces.append(ToolCallPart(index, call.id, call.name, first))
            pieces += [ToolCallPart(index, arguments=arguments) for arguments in others]
        return pieces

    @cached_property
    def messages(self) -> list[bytes]:
        """The reply as gRPC messages."""
        responses = [response_from_delta(piece) for piece in self.pieces]
        if self.finish is not None:
            responses.append(end_response(Finish(self.finish), self.usage, (), "scripted", MODEL))
        return [response.SerializeToString() for response in responses]

    @cached_property
    def events(self) -> list[bytes]:
        """The reply as server-sent events, the last one holding everything after the deltas."""
        return self._events(usage=False)

    @cached_property
    def events_with_usage(self) -> list[bytes]:
        """The same for a client that asked for `stream_options.include_usage`."""
        return self._events(usage=True)

    def _events(self, *, usage: bool) -> list[bytes]:
        events = [_event([_choice(_openai_delta(piece))]) for piece in self.pieces]
        if self.finish is not None:
            tail = _event([_choice({}, self.finish)])
            if usage and self.usage is not None:
                tail += _event([], usage=_openai_usage(self.usage))
            events.append(tail + b"data: [DONE]\n\n")
        return events

    @cached_property
    def body(self) -> bytes:
        """The reply as one JSON document."""
        text = "".join(piece.text for piece in self.pieces if isinstance(piece, Text))
        message: dict[str, Any] = {"role": "assistant", "content": None}
        message[CHANNEL_FIELD[self.channel]] = text if self.whole is None else self.whole
        if self.tool_calls:
            message["tool_calls"] = [_openai_tool_call(call) for call in self.tool_calls]
        choice = {"index": 0, "message": message, "finish_reason": self.finish}
        usage = {} if self.usage is None else {"usage": _openai_usage(self.usage)}
        return json.dumps(_envelope("chat.completion", [choice], **usage)).encode()


class Script:
    """The replies, with their bytes made beforehand."""

    def __init__(self, replies: Sequence[Reply] = ()) -> None:
        self._replies = (*replies, DEFAULT)
        for reply in self._replies:
            _ = reply.pattern, reply.smooth, reply.messages, reply.events, reply.events_with_usage, reply.body

    @classmethod
    def load(cls, path: Path) -> "Script":
        """Read a YAML file; raises ConfigError where it is not a script."""
        try:
            return cls(msgspec.yaml.decode(path.read_bytes(), type=list[Reply]))
        except (OSError, msgspec.MsgspecError, re.error) as error:
            raise ConfigError(f"{path}: {error}") from error

    def answer_grpc(self, request: bytes) -> Reply:
        """The reply to a serialized ChatRequest, which is parsed only when the choice needs it."""
        if not self._replies[0].match:
            return self._replies[0]
        messages = pb.ChatRequest.FromString(request).messages
        return self._answer(next((m.content for m in reversed(messages) if m.role == "user"), ""))

    def answer_http(self, request: dict[str, Any]) -> Reply:
        """The reply to the body of an OpenAI chat request."""
        messages = reversed(request.get("messages", []))
        content = next((m.get("content") for m in messages if m.get("role") == "user"), "") or ""
        if isinstance(content, list):
            content = "".join(part.get("text", "") for part in content)
        return self._answer(content)

    def _answer(self, prompt: str) -> Reply:
        return next(reply for reply in self._replies if reply.pattern.search(prompt))


def _cut(text: str, length: int) -> list[str]:
    return [text[start : start + length] for start in range(0, len(text), length)]


def _envelope(kind: str, choices: list[Any], **further: Any) -> dict[str, Any]:
    head = {"id": "chatcmpl-scripted", "object": kind, "created": 1700000000, "model": MODEL}
    return {**head, "choices": choices, **further}


def _event(choices: list[Any], **further: Any) -> bytes:
    document = json.dumps(_envelope("chat.completion.chunk", choices, **further))
    return f"data: {document}\n\n".encode()


def _choice(delta: dict[str, Any], finish: str | None = None) -> dict[str, Any]:
    return {"index": 0, "delta": delta, "finish_reason": finish}


def _openai_delta(piece: Piece) -> dict[str, Any]:
    if isinstance(piece, Text):
        return {CHANNEL_FIELD[piece.channel]: piece.text}
    function = {"arguments": piece.arguments}
    if not piece.id:
        return {"tool_calls": [{"index": piece.index, "function": function}]}
    first = {"id": piece.id, "type": "function", "function": {"name": piece.name, **function}}
    return {"tool_calls": [{"index": piece.index, **first}]}


def _openai_tool_call(call: ToolCall) -> dict[str, Any]:
    function = {"name": call.name, "arguments": call.arguments}
    return {"id": call.id, "type": "function", "function": function}


def _openai_usage(usage: Usage) -> dict[str, int]:
    return {**asdict(usage), "total_tokens": usage.prompt_tokens + usage.completion_tokens}


HEAD = _event([_choice({"role": "assistant", "content": ""})])
DEFAULT = Reply(
    text="".join(itertools.islice(itertools.cycle(PROSE), 64 * 20)),
    whole="".join(itertools.islice(itertools.cycle(PROSE), 1024)),
    usage=Usage(50, 320),
)
