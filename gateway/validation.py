"""Turns what a client sent into an exchange, or says precisely why not; nothing is dropped in silence."""

import math
from collections.abc import Mapping, Sequence
from typing import Any, cast, get_args

from gateway.errors import InvalidRequestError
from gateway.types import Exchange, Message, Role, ToolCall

ROLES = frozenset(get_args(Role))
MESSAGE_FIELDS = frozenset({"role", "content", "name", "tool_calls", "tool_call_id"})
REFUSED: Mapping[str, str] = {
    "functions": "use `tools`",
    "function_call": "use `tool_choice`",
    "audio": "defenses can only judge text",
    "logprobs": "an answer that may be held back or redacted has no token-wise probabilities",
    "top_logprobs": "an answer that may be held back or redacted has no token-wise probabilities",
    "store": "the gateway stores no text; call the upstream directly",
}
"""Fields of an OpenAI chat request that this gateway cannot honour, and what to do instead."""
RANGES: Mapping[str, tuple[float, float]] = {
    "temperature": (0, 2),
    "top_p": (0, 1),
    "presence_penalty": (-2, 2),
    "frequency_penalty": (-2, 2),
    "max_tokens": (1, 2**31 - 1),
    "max_completion_tokens": (1, 2**31 - 1),
    "seed": (-(2**63), 2**63 - 1),
}
INTEGERS = frozenset({"max_tokens", "max_completion_tokens", "seed", "n"})
MAX_NESTING = 64


def exchange_from_openai(body: Mapping[str, Any], deadline: float | None = None) -> Exchange:
    """The exchange that an OpenAI chat request asks for; raises InvalidRequestError."""
    parameters = dict(body)
    messages = parameters.pop("messages", None)
    model, user = parameters.pop("model", ""), parameters.pop("user", "")
    streamed = bool(parameters.pop("stream", False))
    parameters.pop("stream_options", None)
    for name, value in (("model", model), ("user", user)):
        if not isinstance(value, str):
            raise InvalidRequestError(f"{name} must be a string", name)
    exchange = Exchange(
        model=model,
        messages=messages_from_openai(messages),
        parameters=parameters,
        user=user,
        deadline=deadline,
        streamed=streamed,
    )
    validate(exchange)
    return exchange


def messages_from_openai(messages: object) -> tuple[Message, ...]:
    """A conversation as OpenAI writes it; raises InvalidRequestError naming the message."""
    if not isinstance(messages, list):
        raise InvalidRequestError("messages must be a list of messages", "messages")
    return tuple(_message(message, f"messages[{index}]") for index, message in enumerate(messages))


def validate(exchange: Exchange) -> None:
    """Refuse what no upstream should see: raises InvalidRequestError naming the field."""
    if not exchange.messages:
        raise InvalidRequestError("messages must hold at least one message", "messages")
    validate_messages(exchange.messages)
    for name, value in exchange.parameters.items():
        _check_parameter(name, value)


def validate_messages(messages: Sequence[Message]) -> None:
    """Known roles, no NUL characters, no lone surrogates."""
    for index, message in enumerate(messages):
        if message.role not in ROLES:
            known = ", ".join(sorted(ROLES))
            raise InvalidRequestError(
                f"messages[{index}].role: unknown role {message.role[:40]!r}; known: {known}",
                f"messages[{index}].role",
            )
        check_text(message.content, f"messages[{index}].content")
        for call in message.tool_calls:
            check_text(call.arguments, f"messages[{index}].tool_calls")


def check_text(text: str, field: str) -> None:
    """A NUL ends the text for some upstreams and not for a defense: what follows would go unseen."""
    if "\0" in text:
        raise InvalidRequestError(f"{field} contains a NUL character; remove it", field)
    try:
        text.encode()
    except UnicodeEncodeError:
        raise InvalidRequestError(
            f"{field} contains half of a surrogate pair; it is not Unicode text", field
        ) from None


def _check_parameter(name: str, value: Any) -> None:
    if name in REFUSED and value not in (None, False):
        raise InvalidRequestError(f"{name} is not supported: {REFUSED[name]}", name)
    if name == "n" and value not in (None, 1):
        raise InvalidRequestError("n must be 1: send one request per answer", "n")
    if name == "modalities" and value not in (None, ["text"]):
        raise InvalidRequestError("modalities must be ['text']: defenses can only judge text", "modalities")
    if value is None:
        return
    if name in INTEGERS and (isinstance(value, bool) or not isinstance(value, int)):
        raise InvalidRequestError(f"{name} must be an integer", name)
    if name in RANGES:
        _check_range(name, value)
    _check_depth(name, value)


def _check_range(name: str, value: Any) -> None:
    low, high = RANGES[name]
    number = isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)
    if not number or not low <= value <= high:
        raise InvalidRequestError(f"{name} must be a number from {low} to {high}", name)


def _check_depth(name: str, value: Any) -> None:
    layer, depth = [value], 0
    while layer:
        depth += 1
        if depth > MAX_NESTING:
            raise InvalidRequestError(f"{name} is nested more than {MAX_NESTING} levels deep", name)
        layer = [
            inner
            for outer in layer
            if isinstance(outer, list | dict)
            for inner in (outer.values() if isinstance(outer, dict) else outer)
        ]


def _message(message: object, place: str) -> Message:
    if not isinstance(message, dict):
        raise InvalidRequestError(f"{place} must be an object with role and content", place)
    unknown = sorted(set(message) - MESSAGE_FIELDS)
    if unknown:
        raise InvalidRequestError(
            f"{place}: unsupported field {unknown[0][:40]!r}", f"{place}.{unknown[0][:40]}"
        )
    calls = message.get("tool_calls") or []
    if not isinstance(calls, list):
        raise InvalidRequestError(f"{place}.tool_calls must be a list", f"{place}.tool_calls")
    return Message(
        role=cast("Role", _string(message, "role", place)),
        content=_content(message.get("content"), place),
        name=_string(message, "name", place),
        tool_calls=tuple(
            _tool_call(call, f"{place}.tool_calls[{index}]") for index, call in enumerate(calls)
        ),
        tool_call_id=_string(message, "tool_call_id", place),
    )


def _content(content: object, place: str) -> str:
    if content is None:
        return ""
    if isinstance(content, str):
        return content
    if not isinstance(content, list):
        raise InvalidRequestError(
            f"{place}.content must be a string or a list of text parts", f"{place}.content"
        )
    return "\n".join(_text_part(part, f"{place}.content[{index}]") for index, part in enumerate(content))


def _text_part(part: object, place: str) -> str:
    kind = part.get("type") if isinstance(part, dict) else None
    text = part.get("text") if isinstance(part, dict) else None
    if kind != "text" or not isinstance(text, str):
        raise InvalidRequestError(f"{place} is not a text part: defenses can only judge text", place)
    return text


def _tool_call(call: object, place: str) -> ToolCall:
    function = call.get("function") if isinstance(call, dict) else None
    if not isinstance(call, dict) or not isinstance(function, dict):
        raise InvalidRequestError(f"{place} must be an object with id and function", place)
    return ToolCall(
        id=_string(call, "id", place),
        name=_string(function, "name", f"{place}.function"),
        arguments=_string(function, "arguments", f"{place}.function"),
    )


def _string(mapping: Mapping[str, Any], key: str, place: str) -> str:
    value = mapping.get(key)
    if value is None:
        return ""
    if not isinstance(value, str):
        raise InvalidRequestError(f"{place}.{key} must be a string", f"{place}.{key}")
    return value
