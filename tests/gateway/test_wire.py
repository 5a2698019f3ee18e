"""What crosses the wire comes back as it was, and what cannot cross says so."""

import math
from typing import Any, get_args

import pytest
from google.protobuf.struct_pb2 import Struct
from hypothesis import given
from hypothesis import strategies as st

from gateway.errors import InvalidRequestError
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
from gateway.wire import (
    deltas_from_response,
    end_response,
    exchange_from_request,
    finding_from_proto,
    finding_to_proto,
    message_from_proto,
    message_to_proto,
    request_from_exchange,
    response_from_delta,
)

TEXTS = st.text(max_size=30)  # protobuf strings are UTF-8, and so are these: no lone surrogates
COUNTS = st.integers(0, 2**31 - 1)
MESSAGES = st.builds(
    Message,
    role=st.sampled_from(get_args(Role)),
    content=TEXTS,
    name=TEXTS,
    tool_calls=st.lists(st.builds(ToolCall, TEXTS, TEXTS, TEXTS), max_size=3).map(tuple),
    tool_call_id=TEXTS,
)
FINDINGS = st.builds(
    Finding,
    defense=TEXTS,
    risk=st.sampled_from(get_args(Risk)),
    label=TEXTS,
    action=st.sampled_from(get_args(Action)),
    side=st.sampled_from(get_args(Side)),
    location=TEXTS,
    start=COUNTS,
    end=COUNTS,
    score=st.floats(0, 1),
)
USAGES = st.builds(Usage, COUNTS, COUNTS)
FINISHES = st.builds(Finish, st.sampled_from(get_args(FinishReason)))
PIECES = st.one_of(
    st.builds(Text, TEXTS, st.sampled_from(get_args(Channel))),
    st.builds(ToolCallPart, COUNTS, TEXTS, TEXTS, TEXTS),
)
NUMBERS = st.integers(-(2**53), 2**53) | st.floats(allow_nan=False, allow_infinity=False)
JSON: st.SearchStrategy[Any] = st.recursive(
    st.none() | st.booleans() | NUMBERS | TEXTS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXTS, inner, max_size=3),
    max_leaves=8,
)
SAMPLING = st.fixed_dictionaries(
    {},
    optional={
        "temperature": NUMBERS | JSON,
        "top_p": NUMBERS | JSON,
        "max_tokens": st.integers(-(2**40), 2**40) | JSON,
        "stop": st.lists(TEXTS, max_size=3) | JSON,
        "seed": st.integers(-(2**63), 2**63 - 1) | JSON,
    },
)
PARAMETERS = st.builds(
    lambda further, sampling: {**further, **sampling}, st.dictionaries(TEXTS, JSON), SAMPLING
)


def over_the_wire(response: pb.ChatResponse) -> list[Delta]:
    return deltas_from_response(pb.ChatResponse.FromString(response.SerializeToString()))


@given(MESSAGES)
def test_messages_come_back(message: Message) -> None:
    assert message_from_proto(message_to_proto(message)) == message


@given(FINDINGS)
def test_findings_come_back(finding: Finding) -> None:
    assert finding_from_proto(finding_to_proto(finding)) == finding


@given(st.lists(MESSAGES, max_size=3).map(tuple), PARAMETERS, TEXTS, TEXTS)
def test_exchanges_come_back(
    messages: tuple[Message, ...], parameters: dict[str, Any], model: str, user: str
) -> None:
    sent = Exchange(model=model, messages=messages, parameters=parameters, user=user)
    wire = request_from_exchange(sent).SerializeToString()
    received = exchange_from_request(pb.ChatRequest.FromString(wire))
    assert received.parameters == parameters
    assert (received.model, received.messages, received.user) == (model, messages, user)
    assert received.id != sent.id


@given(PIECES)
def test_pieces_come_back(piece: Text | ToolCallPart) -> None:
    assert over_the_wire(response_from_delta(piece)) == [piece]


@given(FINISHES, st.none() | USAGES, st.lists(FINDINGS, max_size=3))
def test_the_end_comes_back_with_finish_last(
    finish: Finish, usage: Usage | None, findings: list[Finding]
) -> None:
    end = end_response(finish, usage, findings, exchange_id="e", model="m")
    assert over_the_wire(end) == [*findings, *([] if usage is None else [usage]), finish]
    assert (end.end.exchange_id, end.end.model) == ("e", "m")


def test_content_is_the_channel_that_needs_no_bytes() -> None:
    assert response_from_delta(Text("a")).text.channel == ""


def test_typed_fields_use_their_own_places() -> None:
    parameters = {"temperature": 0, "top_p": 0.5, "max_tokens": 7, "stop": ["a"], "seed": 2**62 + 1}
    request = request_from_exchange(Exchange("m", (), parameters))
    assert not request.HasField("parameters")
    assert (request.temperature, request.top_p, request.max_tokens) == (0.0, 0.5, 7)
    assert (list(request.stop), request.seed) == (["a"], 2**62 + 1)


def test_a_zero_that_was_set_is_not_absent() -> None:
    assert exchange_from_request(pb.ChatRequest(temperature=0, max_tokens=0)).parameters == {
        "temperature": 0.0,
        "max_tokens": 0,
    }
    assert exchange_from_request(pb.ChatRequest()).parameters == {}


def test_integral_numbers_become_integers_at_any_depth() -> None:
    struct = Struct()
    struct.update({"n": 2.0, "deep": [{"k": [3.0, 2.5]}]})
    parameters = exchange_from_request(pb.ChatRequest(parameters=struct)).parameters
    assert repr(parameters["n"]) == "2"
    assert repr(parameters["deep"]) == "[{'k': [3, 2.5]}]"


def test_numbers_json_does_not_have_are_left_for_the_validator() -> None:
    struct = Struct()
    struct.update({"n": math.nan, "m": math.inf})
    parameters = exchange_from_request(pb.ChatRequest(parameters=struct)).parameters
    assert math.isnan(parameters["n"])
    assert parameters["m"] == math.inf


@pytest.mark.parametrize(
    ("field", "value"),
    [("temperature", 1.0), ("top_p", 0.5), ("max_tokens", 3), ("stop", ["a"]), ("seed", 4)],
)
def test_a_field_set_in_both_places_is_refused(field: str, value: Any) -> None:
    struct = Struct()
    struct.update({field: value})
    request = pb.ChatRequest(parameters=struct, **{field: value})
    with pytest.raises(InvalidRequestError, match=field) as caught:
        exchange_from_request(request)
    assert caught.value.parameter == field


@pytest.mark.parametrize("value", [object(), {1, 2}, 10**400])
def test_a_parameter_that_json_does_not_have_cannot_be_sent(value: object) -> None:
    with pytest.raises((ValueError, OverflowError)):
        request_from_exchange(Exchange("m", (), {"odd": value}))


@pytest.mark.parametrize(
    "response",
    [
        pb.ChatResponse(text=pb.TextDelta(text="a", channel="aside")),
        pb.ChatResponse(end=pb.ChatEnd()),
        pb.ChatResponse(end=pb.ChatEnd(finish_reason="bored")),
        pb.ChatResponse(end=pb.ChatEnd(finish_reason="stop", findings=[pb.Finding(label="x")])),
    ],
)
def test_words_outside_the_vocabulary_are_errors(response: pb.ChatResponse) -> None:
    with pytest.raises(ValueError, match="unknown"):
        deltas_from_response(response)


def test_a_kind_of_message_added_later_says_nothing() -> None:
    assert deltas_from_response(pb.ChatResponse()) == []
