"""Views: what a record says a monitor may judge, as prompt and answer."""

from typing import cast

from gateway.record import MAX_RECORD, MAX_TEXT, OVERHEAD
from gateway.types import Message, Role
from gateway.v1 import gateway_pb2, record_pb2
from monitors.measure import Answer, Prompt


def prompt_view(record: record_pb2.Record) -> Prompt:
    """The prompt as the client sent it, before any defense."""
    return Prompt(tuple(map(_message, record.prompt)), _prompt_was_cut(record))


def delivered_view(record: record_pb2.Record) -> Answer:
    """What the client received."""
    delivered = record.delivered
    blocked = record.outcome == record_pb2.OUTCOME_BLOCKED or delivered.finish_reason == "content_filter"
    return Answer(delivered.content, blocked, delivered.finish_reason, delivered.refusal)


def _prompt_was_cut(record: record_pb2.Record) -> bool:
    # The record only says that some text was cut; were that the answer's, the answer would decide
    # whether a measure applies.
    lengths = [len(message.content) for message in record.prompt]
    charged = sum(lengths) + OVERHEAD * len(lengths)
    return record.truncated and (max(lengths, default=0) >= MAX_TEXT or charged >= MAX_RECORD // 4)


def _message(message: gateway_pb2.Message) -> Message:
    # Roles are an open vocabulary on the wire; an unknown one is simply nobody's turn.
    return Message(cast(Role, message.role), message.content, message.name)
