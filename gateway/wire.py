"""Translation between the protobuf messages of `gateway.v1` and the words of `gateway.types`."""

from collections.abc import Iterable, Mapping
from typing import Any, TypeVar, cast, get_args

from google.protobuf.struct_pb2 import ListValue, Struct, Value

from gateway.checking import Checked
from gateway.errors import InvalidRequestError
from gateway.trail import Trail
from gateway.types import (
    Action,
    Channel,
    Delta,
    Exchange,
    Finding,
    Finish,
    FinishReason,
    Message,
    Risk,
    Role,
    Side,
    Text,
    ToolCall,
    ToolCallPart,
    Usage,
)
from gateway.v1 import gateway_pb2 as pb

RISK_TO_PROTO: Mapping[Risk, pb.Risk] = {
    "safety": pb.RISK_SAFETY,
    "fairness": pb.RISK_FAIRNESS,
    "privacy": pb.RISK_PRIVACY,
    "utility": pb.RISK_UTILITY,
}
ACTION_TO_PROTO: Mapping[Action, pb.Action] = {
    "flag": pb.ACTION_FLAG,
    "redact": pb.ACTION_REDACT,
    "block": pb.ACTION_BLOCK,
}
SIDE_TO_PROTO: Mapping[Side, pb.Side] = {"input": pb.SIDE_INPUT, "output": pb.SIDE_OUTPUT}
RISK_FROM_PROTO: Mapping[int, Risk] = {number: risk for risk, number in RISK_TO_PROTO.items()}
ACTION_FROM_PROTO: Mapping[int, Action] = {number: action for action, number in ACTION_TO_PROTO.items()}
SIDE_FROM_PROTO: Mapping[int, Side] = {number: side for side, number in SIDE_TO_PROTO.items()}

CHANNELS: Mapping[str, Channel] = {"": "content", **{channel: channel for channel in get_args(Channel)}}
FINISH_REASONS: Mapping[str, FinishReason] = {reason: reason for reason in get_args(FinishReason)}

Word = TypeVar("Word")

INTEGER_BITS: Mapping[str, int] = {"max_tokens": 31, "seed": 63}
"""Sampling fields of `ChatRequest` that are signed integers, with the bits of their magnitude."""
OPTIONAL_FIELDS = ("temperature", "top_p", "max_tokens", "seed")


def message_from_proto(message: pb.Message) -> Message:
    """The turn as it stands; a role outside the vocabulary is left for the validator to refuse."""
    return Message(
        role=cast("Role", message.role),
        content=message.content,
        name=message.name,
        tool_calls=tuple(ToolCall(call.id, call.name, call.arguments) for call in message.tool_calls),
        tool_call_id=message.tool_call_id,
    )


def message_to_proto(message: Message) -> pb.Message:
    """The inverse of `message_from_proto`."""
    return pb.Message(
        role=message.role,
        content=message.content,
        name=message.name,
        tool_calls=[
            pb.ToolCall(id=call.id, name=call.name, arguments=call.arguments) for call in message.tool_calls
        ],
        tool_call_id=message.tool_call_id,
    )


def finding_from_proto(finding: pb.Finding) -> Finding:
    """Raises ValueError for a risk, action or side this version does not know."""
    try:
        risk = RISK_FROM_PROTO[finding.risk]
        action = ACTION_FROM_PROTO[finding.action]
        side = SIDE_FROM_PROTO[finding.side]
    except KeyError as error:
        raise ValueError(f"a finding with the unknown enum value {error.args[0]}") from error
    return Finding(
        defense=finding.defense,
        risk=risk,
        label=finding.label,
        action=action,
        side=side,
        location=finding.location,
        start=finding.start,
        end=finding.end,
        score=finding.score,
    )


def finding_to_proto(finding: Finding) -> pb.Finding:
    """The inverse of `finding_from_proto`."""
    return pb.Finding(
        defense=finding.defense,
        risk=RISK_TO_PROTO[finding.risk],
        label=finding.label,
        action=ACTION_TO_PROTO[finding.action],
        side=SIDE_TO_PROTO[finding.side],
        location=finding.location,
        start=finding.start,
        end=finding.end,
        score=finding.score,
    )


def checked_to_proto(checked: Checked) -> pb.CheckResponse:
    """What a check found."""
    return pb.CheckResponse(
        action=None if checked.action is None else ACTION_TO_PROTO[checked.action],
        findings=[finding_to_proto(finding) for finding in checked.findings],
        scores=[
            pb.Score(
                defense=score.defense,
                label=score.label,
                location=score.location,
                start=score.start,
                end=score.end,
                score=score.score,
                threshold=score.threshold,
            )
            for score in checked.scores
        ],
    )


def exchange_from_request(request: pb.ChatRequest) -> Exchange:
    """The exchange a request asks for; its values are judged elsewhere.

    Raises InvalidRequestError for a field that is set both by itself and inside `parameters`.
    """
    parameters = _sampling_fields(request)
    if request.HasField("parameters"):
        further = _struct_to_python(request.parameters)
        if twice := sorted(further.keys() & parameters.keys()):
            message = f"{', '.join(twice)}: set both as a field and in parameters"
            raise InvalidRequestError(message, twice[0])
        parameters |= further
    return Exchange(
        model=request.model,
        messages=tuple(map(message_from_proto, request.messages)),
        parameters=parameters,
        user=request.user,
    )


def request_from_exchange(exchange: Exchange) -> pb.ChatRequest:
    """The request that asks another gateway for this exchange.

    A sampling field whose value does not fit its own field travels in `parameters`, for the
    receiver to judge. Raises ValueError for a value that JSON does not have.
    """
    request = pb.ChatRequest(
        model=exchange.model, messages=map(message_to_proto, exchange.messages), user=exchange.user
    )
    further = {}
    for name, value in exchange.parameters.items():
        if not _fits(name, value):
            further[name] = value
        elif name == "stop":
            request.stop.extend(value)
        else:
            setattr(request, name, value)
    if further:
        request.parameters.update(further)
    return request


def response_from_delta(delta: Text | ToolCallPart) -> pb.ChatResponse:
    """One message of the stream; the remaining kinds of delta travel in `end_response`."""
    response = pb.ChatResponse()
    if isinstance(delta, Text):
        text = response.text  # a child set in place costs a third of one passed to the constructor
        text.text = delta.text
        if delta.channel != "content":
            text.channel = delta.channel
        text.SetInParent()
        return response
    part = response.tool_call
    part.index, part.id, part.name, part.arguments = delta.index, delta.id, delta.name, delta.arguments
    part.SetInParent()
    return response


def accounting_to_proto(trail: Trail) -> pb.Accounting:
    """What the release of the answer cost, so far."""
    accounting = trail.accounting
    return pb.Accounting(
        held_characters=accounting.held_max,
        release_lag_seconds=accounting.release_lag,
        delivered_characters=accounting.delivered,
        first_delta_added_seconds=accounting.first_delta_added or 0.0,
        unchecked=trail.unchecked,
    )


def end_response(
    finish: Finish,
    usage: Usage | None,
    findings: Iterable[Finding],
    exchange_id: str,
    model: str,
    accounting: pb.Accounting | None = None,
) -> pb.ChatResponse:
    """The last message of the stream; findings keep their order."""
    end = pb.ChatEnd(
        finish_reason=finish.reason,
        findings=map(finding_to_proto, findings),
        exchange_id=exchange_id,
        model=model,
        accounting=accounting,
    )
    if usage is not None:
        end.usage.prompt_tokens = usage.prompt_tokens
        end.usage.completion_tokens = usage.completion_tokens
    return pb.ChatResponse(end=end)


def deltas_from_response(response: pb.ChatResponse) -> list[Delta]:
    """What one message says: one delta, or for `end` its findings, usage and finish in that order.

    A kind of message added by a later version says nothing. Raises ValueError for a channel,
    finish reason or finding outside the vocabulary.
    """
    kind = response.WhichOneof("delta")
    if kind == "text":
        text = response.text
        if not text.channel:
            return [Text(text.text)]
        return [Text(text.text, _known(CHANNELS, text.channel, "channel"))]
    if kind == "tool_call":
        part = response.tool_call
        return [ToolCallPart(part.index, part.id, part.name, part.arguments)]
    return _deltas_from_end(response.end) if kind == "end" else []


def _deltas_from_end(end: pb.ChatEnd) -> list[Delta]:
    deltas: list[Delta] = [finding_from_proto(finding) for finding in end.findings]
    if end.HasField("usage"):
        deltas.append(Usage(end.usage.prompt_tokens, end.usage.completion_tokens))
    deltas.append(Finish(_known(FINISH_REASONS, end.finish_reason, "finish reason")))
    return deltas


def _known(words: Mapping[str, Word], word: str, what: str) -> Word:
    try:
        return words[word]
    except KeyError:
        raise ValueError(f"unknown {what}") from None


def _sampling_fields(request: pb.ChatRequest) -> dict[str, Any]:
    fields = {name: getattr(request, name) for name in OPTIONAL_FIELDS if request.HasField(name)}
    if request.stop:
        fields["stop"] = list(request.stop)
    return fields


def _fits(name: str, value: object) -> bool:
    if name in ("temperature", "top_p"):
        return isinstance(value, int | float) and not isinstance(value, bool)
    if name in INTEGER_BITS:
        limit = 1 << INTEGER_BITS[name]
        return isinstance(value, int) and not isinstance(value, bool) and -limit <= value < limit
    if name == "stop":
        return isinstance(value, list) and bool(value) and all(isinstance(text, str) for text in value)
    return False


def _struct_to_python(struct: Struct) -> dict[str, Any]:
    return {name: _value_to_python(value) for name, value in struct.fields.items()}


def _value_to_python(value: Value) -> Any:
    kind = value.WhichOneof("kind")
    if kind == "number_value":
        number = value.number_value
        return int(number) if number.is_integer() else number
    if kind == "struct_value":
        return _struct_to_python(value.struct_value)
    if kind == "list_value":
        return _list_to_python(value.list_value)
    return None if kind in (None, "null_value") else getattr(value, kind)


def _list_to_python(values: ListValue) -> list[Any]:
    return [_value_to_python(value) for value in values.values]
