"""Prompts, answers and records for the tests of the monitors."""

import time

from gateway.types import Message
from gateway.v1 import gateway_pb2, record_pb2
from monitors.measure import Prompt

REFUSAL = "I'm sorry, but I can't help with that."


def ask(*turns: str, system: str = "") -> Prompt:
    """A conversation of user turns, with filler answers between them."""
    messages = [Message("system", system)] if system else []
    for number, turn in enumerate(turns):
        messages += [Message("assistant", "Go on.")] if number else []
        messages.append(Message("user", turn))
    return Prompt(tuple(messages))


def defense(
    name: str, mode: record_pb2.Mode = record_pb2.MODE_ENFORCE, on: bool = True
) -> record_pb2.DefenseRecord:
    return record_pb2.DefenseRecord(defense=name, mode=mode, on=on, weight=1.0)


def record(
    prompt: str,
    answer: str,
    *defenses: record_pb2.DefenseRecord,
    outcome: record_pb2.Outcome = record_pb2.OUTCOME_COMPLETED,
    replay_of: str = "",
) -> record_pb2.Record:
    made = record_pb2.Record(
        exchange_id="e",
        prompt=[gateway_pb2.Message(role="user", content=prompt)],
        delivered=record_pb2.Answer(content=answer, finish_reason="stop"),
        defenses=defenses,
        outcome=outcome,
        replay_of=replay_of,
    )
    made.finished.FromNanoseconds(time.time_ns())
    return made
