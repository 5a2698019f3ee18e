"""Reads a streamed chat completion: bytes to server-sent events to deltas."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import msgspec

from gateway.errors import UpstreamError
from gateway.types import Delta, Finish, FinishReason, Text, ToolCallPart, Usage

EVENT_LIMIT = 1 << 20
"""Bytes of one line, and of one event, that are kept before the upstream is taken for hostile."""
FINISH_REASONS: Mapping[str, FinishReason] = {
    "stop": "stop",
    "length": "length",
    "tool_calls": "tool_calls",
    "function_call": "tool_calls",
    "content_filter": "content_filter",
}


class EventSplitter:
    r"""Cuts a byte stream into the data of its server-sent events, wherever the chunks fall.

    >>> events = EventSplitter()
    >>> events.feed(b": ping\r\n\r\ndata: a\nda"), events.feed(b"ta: b\n\n")
    ([], [b'a\nb'])

    An event that the end of the stream cuts off is dropped, as the standard asks.
    Source: HTML Living Standard, section 9.2.6.
    """

    __slots__ = ("_after_return", "_data", "_size", "_tail")

    def __init__(self) -> None:
        self._tail = bytearray()
        self._data: list[bytes] = []
        self._size = 0
        self._after_return = False

    def feed(self, chunk: bytes) -> list[bytes]:
        """Take the next bytes; returns the data of every event they complete."""
        if self._after_return and chunk.startswith(b"\n"):
            chunk = chunk[1:]
            self._after_return = False
        if not chunk:
            return []
        self._after_return = chunk.endswith(b"\r")
        self._tail += chunk
        if b"\n" not in chunk and b"\r" not in chunk:
            _bound(len(self._tail))
            return []
        lines = bytes(self._tail).splitlines()
        complete = chunk.endswith((b"\n", b"\r"))
        self._tail = bytearray() if complete else bytearray(lines.pop())
        events = [data for line in lines if (data := self._take(line))]
        _bound(len(self._tail))
        return events

    def _take(self, line: bytes) -> bytes:
        """The data of the event that `line` ends; empty when it ends none."""
        if line.startswith(b"data:"):
            self._data.append(line[6:] if line.startswith(b"data: ") else line[5:])
            self._size += len(line)
            _bound(self._size)
        elif not line:
            data = b"\n".join(self._data)
            self._data.clear()
            self._size = 0
            return data
        return b""


def _bound(size: int) -> None:
    if size > EVENT_LIMIT:
        raise UpstreamError(f"the upstream sent an event of more than {EVENT_LIMIT} bytes")


class _Function(msgspec.Struct):
    name: str | None = None
    arguments: str | None = None


class _ToolCall(msgspec.Struct):
    index: int | None = None
    id: str | None = None
    function: _Function | None = None


class _Piece(msgspec.Struct):
    content: str | None = None
    reasoning_content: str | None = None
    reasoning: str | None = None
    refusal: str | None = None
    tool_calls: list[_ToolCall] | None = None
    function_call: _Function | None = None


class _Choice(msgspec.Struct):
    index: int = 0
    delta: _Piece | None = None
    message: _Piece | None = None
    finish_reason: str | None = None


class _TokenCounts(msgspec.Struct):
    prompt_tokens: int = 0
    completion_tokens: int = 0


class _Chunk(msgspec.Struct):
    choices: list[_Choice] | None = None
    usage: _TokenCounts | None = None
    error: Any = None


_decode_chunk = msgspec.json.Decoder(_Chunk).decode


@dataclass(slots=True)
class Answer:
    """Turns the data of events into deltas, and keeps what must wait for the end of the answer."""

    usage: _TokenCounts | None = None
    finish: FinishReason | None = None
    done: bool = False

    def read(self, data: bytes) -> Iterator[Delta]:
        """The deltas of one event; raises `UpstreamError` for one that is none of ours."""
        if self.done:
            return
        if data.strip() == b"[DONE]":
            self.done = True
            return
        chunk = _parse(data)
        self.usage = chunk.usage or self.usage
        for choice in chunk.choices or ():
            if choice.index:
                raise UpstreamError("the upstream sent more than the one answer that was asked for")
            piece = choice.delta or choice.message
            if piece is not None:
                yield from _deltas(piece)
            if choice.finish_reason:
                self.finish = _finish_reason(choice.finish_reason)

    def end(self) -> Iterator[Delta]:
        """Usage and finish; raises `UpstreamError` when the answer was cut off before its end."""
        if self.finish is None:
            raise UpstreamError("the upstream broke off before the end of its answer")
        if self.usage is not None:
            yield Usage(self.usage.prompt_tokens, self.usage.completion_tokens)
        yield Finish(self.finish)


def whole_answer(data: bytes) -> Iterator[Delta]:
    """The deltas of an answer that came as one JSON document; the errors are those of a stream."""
    answer = Answer()
    yield from answer.read(data)
    yield from answer.end()


def merged(deltas: Iterable[Delta]) -> Iterator[Delta]:
    """Neighbours that continue one text as one delta: what is there together leaves together.

    >>> list(merged([Text("riv"), Text("er"), Finish("stop")]))
    [Text(text='river', channel='content'), Finish(reason='stop')]

    What came before an error is given before it is raised.
    """
    group: list[Delta] = []
    try:
        for delta in deltas:
            if group and not _continues(group[-1], delta):
                yield _joined(group)
                group = []
            group.append(delta)
    except UpstreamError:
        if group:
            yield _joined(group)
        raise
    if group:
        yield _joined(group)


def _continues(before: Delta, after: Delta) -> bool:
    if isinstance(after, Text):
        return isinstance(before, Text) and before.channel == after.channel
    if isinstance(after, ToolCallPart) and not (after.id or after.name):
        return isinstance(before, ToolCallPart) and before.index == after.index
    return False


def _joined(group: list[Delta]) -> Delta:
    first = group[0]
    if len(group) == 1:
        return first
    if isinstance(first, Text):
        return Text("".join(delta.text for delta in group if isinstance(delta, Text)), first.channel)
    assert isinstance(first, ToolCallPart)
    arguments = "".join(delta.arguments for delta in group if isinstance(delta, ToolCallPart))
    return ToolCallPart(first.index, first.id, first.name, arguments)


def _parse(data: bytes) -> _Chunk:
    try:
        chunk = _decode_chunk(data)
    except (msgspec.MsgspecError, ValueError, RecursionError) as error:
        raise UpstreamError("the upstream sent an event that is no chat completion chunk") from error
    if chunk.error is not None:
        raise UpstreamError("the upstream reported an error in the middle of its answer")
    return chunk


def _finish_reason(reason: str) -> FinishReason:
    try:
        return FINISH_REASONS[reason]
    except KeyError:
        raise UpstreamError("the upstream ended its answer for an unknown reason") from None


def _deltas(piece: _Piece) -> Iterator[Delta]:
    if reasoning := piece.reasoning_content or piece.reasoning:
        yield Text(reasoning, "reasoning")
    if piece.content:
        yield Text(piece.content)
    if piece.refusal:
        yield Text(piece.refusal, "refusal")
    for position, call in enumerate(piece.tool_calls or ()):
        yield _tool_call_part(position if call.index is None else call.index, call.id, call.function)
    if piece.function_call is not None:
        yield _tool_call_part(0, "", piece.function_call)


def _tool_call_part(index: int, id: str | None, function: _Function | None) -> ToolCallPart:
    function = function or _Function()
    return ToolCallPart(index, id or "", function.name or "", function.arguments or "")
