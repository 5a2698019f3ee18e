"""OpenAI's JSON, outward: completions, stream events and errors."""

import time
from collections.abc import Mapping
from typing import Any

import msgspec

from gateway.errors import InvalidRequestError
from gateway.servers.status import public_message, status_of
from gateway.trail import Trail
from gateway.transcript import Transcript
from gateway.types import Delta, Exchange, Finding, Finish, Text, ToolCallPart, Usage

_FIELDS = {"content": "content", "reasoning": "reasoning_content", "refusal": "refusal"}


def stream_options(body: Mapping[str, Any]) -> tuple[bool, bool]:
    """Whether to stream, and whether the stream ends with the usage."""
    stream, options = body.get("stream") or False, body.get("stream_options") or {}
    if not isinstance(stream, bool):
        raise InvalidRequestError("stream must be true or false", "stream")
    if not isinstance(options, dict) or set(options) - {"include_usage", "include_obfuscation"}:
        raise InvalidRequestError("stream_options: only include_usage is supported", "stream_options")
    return stream, bool(options.get("include_usage"))


def error_body(
    message: str, kind: str, code: str | None = None, parameter: str | None = None
) -> dict[str, Any]:
    """An error as OpenAI's clients expect it."""
    return {"error": {"message": message, "type": kind, "param": parameter, "code": code}}


def error_event(error: Exception) -> bytes:
    """The event that tells of an error in the middle of a stream."""
    status = status_of(error)
    body = error_body(public_message(error), status.type, status.code)
    return b"data: " + msgspec.json.encode(body) + b"\n\n"


class Completion:
    """A whole answer, collected from its deltas."""

    def __init__(self, exchange: Exchange, default_model: str) -> None:
        self._head = _head(exchange, default_model, "chat.completion")
        self._trail = exchange.trail
        self._transcript = Transcript()
        self._findings: list[Finding] = []
        self._usage: Usage | None = None

    def add(self, delta: Delta) -> None:
        """Take in one delta."""
        if isinstance(delta, Finding):
            self._findings.append(delta)
        elif isinstance(delta, Usage):
            self._usage = delta
        else:
            self._transcript.add(delta)

    def body(self) -> dict[str, Any]:
        """The completion as OpenAI writes it, with our findings under `crossrisk`."""
        answer = self._transcript.answer()
        message: dict[str, Any] = {"role": "assistant", "content": answer.content or None}
        if answer.finish_reason == "content_filter" or not answer.tool_calls:
            message["content"] = answer.content
        message["refusal"] = answer.refusal or None
        if answer.reasoning:
            message["reasoning_content"] = answer.reasoning
        if answer.tool_calls:
            message["tool_calls"] = [
                {
                    "id": call.id,
                    "type": "function",
                    "function": {"name": call.name, "arguments": call.arguments},
                }
                for call in answer.tool_calls
            ]
        choice = {"index": 0, "message": message, "finish_reason": answer.finish_reason, "logprobs": None}
        return {
            **self._head,
            "choices": [choice],
            "usage": _usage(self._usage),
            "crossrisk": _told(self._findings, self._trail),
        }


class Events:
    """Server-sent events of one stream; the head of each is written once."""

    def __init__(self, exchange: Exchange, default_model: str, include_usage: bool) -> None:
        head = msgspec.json.encode(_head(exchange, default_model, "chat.completion.chunk"))
        self._open = b"data: " + head[:-1]
        self._delta = self._open + b',"choices":[{"index":0,"finish_reason":null,"delta":'
        self._include_usage = include_usage
        self._trail = exchange.trail
        self._usage: Usage | None = None
        self._findings: list[Finding] = []
        self._begun = False

    def encode(self, delta: Delta) -> bytes:
        """The events for `delta`; empty when it has none of its own."""
        if isinstance(delta, Text):
            return self._begin() + self._event({_FIELDS[delta.channel]: delta.text})
        if isinstance(delta, ToolCallPart):
            return self._begin() + self._event({"tool_calls": [_tool_call(delta)]})
        if isinstance(delta, Finding):
            self._findings.append(delta)
        elif isinstance(delta, Usage):
            self._usage = delta
        elif isinstance(delta, Finish):
            return self._begin() + self._end(delta)
        return b""

    def _begin(self) -> bytes:
        if self._begun:
            return b""
        self._begun = True
        return self._event({"role": "assistant", "content": ""})

    def _event(self, delta: Mapping[str, Any]) -> bytes:
        return self._delta + msgspec.json.encode(delta) + b"}]}\n\n"

    def _end(self, finish: Finish) -> bytes:
        last: dict[str, Any] = {
            "choices": [{"index": 0, "delta": {}, "finish_reason": finish.reason}],
            "crossrisk": _told(self._findings, self._trail),
        }
        events = self._open + b"," + msgspec.json.encode(last)[1:] + b"\n\n"
        if self._include_usage:
            last = {"choices": [], "usage": _usage(self._usage)}
            events += self._open + b"," + msgspec.json.encode(last)[1:] + b"\n\n"
        return events


def _head(exchange: Exchange, default_model: str, kind: str) -> dict[str, Any]:
    return {
        "id": f"chatcmpl-{exchange.id}",
        "object": kind,
        "created": int(time.time()),
        "model": exchange.model or default_model,
    }


def _tool_call(part: ToolCallPart) -> dict[str, Any]:
    function = {"arguments": part.arguments}
    if not (part.id or part.name):
        return {"index": part.index, "function": function}
    named = {"name": part.name, **function}
    return {"index": part.index, "id": part.id, "type": "function", "function": named}


def _told(findings: list[Finding], trail: Trail) -> dict[str, Any]:
    """What the gateway says of an answer beside the answer."""
    accounting = trail.accounting
    return {
        "findings": [msgspec.to_builtins(finding) for finding in findings],
        "accounting": {
            "held_characters": accounting.held_max,
            "release_lag_seconds": accounting.release_lag,
            "delivered_characters": accounting.delivered,
            "first_delta_added_seconds": accounting.first_delta_added or 0.0,
            "unchecked": trail.unchecked,
        },
    }


def _usage(usage: Usage | None) -> dict[str, int] | None:
    if usage is None:
        return None
    return {
        "prompt_tokens": usage.prompt_tokens,
        "completion_tokens": usage.completion_tokens,
        "total_tokens": usage.prompt_tokens + usage.completion_tokens,
    }
