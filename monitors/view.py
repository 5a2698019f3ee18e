"""Views: what a record says a monitor may judge, as prompt and answer."""

from typing import cast

from gateway.record import MAX_RECORD, MAX_TEXT, OVERHEAD
from gateway.types import Message, Role
from gateway.v1 import gateway_pb2, record_pb2
from monitors.measure import Answer, Delivery, Prompt


def prompt_view(record: record_pb2.Record) -> Prompt:
    """The prompt as the client sent it, before any defense."""
    return Prompt(tuple(map(_message, record.prompt)), _prompt_was_cut(record))


def delivered_view(record: record_pb2.Record) -> Answer:
    """What the client received, or, of a replay, would have."""
    delivered = record.delivered
    blocked = record.outcome == record_pb2.OUTCOME_BLOCKED or delivered.finish_reason == "content_filter"
    return answer_view(delivered, blocked, _delivery(record))


def raw_view(record: record_pb2.Record) -> Answer | None:
    """What the model answered to its last call, before any defense; None where it was never asked."""
    return answer_view(record.calls[-1].answer) if record.calls else None


def answer_view(answer: record_pb2.Answer, blocked: bool = False, delivery: Delivery | None = None) -> Answer:
    """Any answer of a record, raw, delivered or replayed, as all monitors see it."""
    return Answer(answer.content, blocked, answer.finish_reason, answer.refusal, delivery)


def _delivery(record: record_pb2.Record) -> Delivery:
    took = record.accounting
    added = max(took.first_delta_added_seconds, took.release_lag_seconds)
    return Delivery(tuple(call.answer.content for call in record.calls), added, record.truncated)


def _prompt_was_cut(record: record_pb2.Record) -> bool:
    # The record only says that some text was cut; were that the answer's, the answer would decide
    # whether a measure applies.
    lengths = [len(message.content) for message in record.prompt]
    charged = sum(lengths) + OVERHEAD * len(lengths)
    return record.truncated and (max(lengths, default=0) >= MAX_TEXT or charged >= MAX_RECORD // 4)


def _message(message: gateway_pb2.Message) -> Message:
    # Roles are an open vocabulary on the wire; an unknown one is simply nobody's turn.
    return Message(cast(Role, message.role), message.content, message.name)
