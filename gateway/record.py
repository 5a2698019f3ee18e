"""Builds the record of a finished exchange: what the tap carries to the monitors."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from time import perf_counter, time
from typing import Any, Literal, TypeVar

import msgspec

from gateway import wire
from gateway.arm import Arm
from gateway.chain import Layer
from gateway.trail import Answer, Call, Trail
from gateway.types import STRENGTH, Exchange, Finding, Message, Mode, ToolCall
from gateway.unit import Unit
from gateway.v1 import gateway_pb2 as gateway_pb
from gateway.v1 import record_pb2 as pb

Outcome = Literal["completed", "blocked", "failed", "cancelled"]

OUTCOME_TO_PROTO: Mapping[Outcome, pb.Outcome] = {
    "completed": pb.OUTCOME_COMPLETED,
    "blocked": pb.OUTCOME_BLOCKED,
    "failed": pb.OUTCOME_FAILED,
    "cancelled": pb.OUTCOME_CANCELLED,
}
MODE_TO_PROTO: Mapping[Mode, pb.Mode] = {
    "off": pb.MODE_OFF,
    "shadow": pb.MODE_SHADOW,
    "canary": pb.MODE_CANARY,
    "enforce": pb.MODE_ENFORCE,
}
MAX_TEXT = 32 * 1024
"""Characters kept of one text."""
MAX_RECORD = 256 * 1024
"""Characters kept of one record; each is at most four bytes on the wire."""
OVERHEAD = 16
"""Characters that each turn, tool call and finding is charged for itself."""
_Item = TypeVar("_Item")


@dataclass(frozen=True, slots=True)
class Evidence:
    """All that a record is made of."""

    exchange: Exchange
    layers: tuple[Layer, ...]
    arm: Arm
    unit: Unit
    stratum: str
    delivered: Answer
    outcome: Outcome


def build_record(evidence: Evidence) -> pb.Record:
    """The record; texts past the size caps are cut and `truncated` says so."""
    exchange, trail = evidence.exchange, evidence.exchange.trail
    budget = _Budget(MAX_RECORD)
    finished = time()
    record = pb.Record(
        exchange_id=exchange.id,
        model=exchange.model,
        delivered=_answer(evidence.delivered, budget),
        prompt=_messages(exchange.messages, budget),
        calls=[_call(call, budget) for call in trail.calls],
        defenses=[_defense(layer, evidence.arm, trail, budget) for layer in evidence.layers],
        outcome=OUTCOME_TO_PROTO[evidence.outcome],
        rollout_version=evidence.arm.version,
        stratum=evidence.stratum,
        replay_of=exchange.replay.of if exchange.replay else "",
        unit_hash=evidence.unit.hash,
        unit_source=evidence.unit.source,
        accounting=wire.accounting_to_proto(trail),
        parameters=_parameters(exchange.parameters, budget),
    )
    record.started.FromNanoseconds(int((finished - (perf_counter() - trail.started)) * 1e9))
    record.finished.FromNanoseconds(int(finished * 1e9))
    record.truncated = budget.exceeded
    return record


class _Budget:
    """Characters that may still go into a record."""

    def __init__(self, characters: int) -> None:
        self.left = characters
        self.exceeded = False

    def cut(self, text: str) -> str:
        kept = text[: min(MAX_TEXT, self.left)]
        self.left -= len(kept)
        self.exceeded |= len(kept) < len(text)
        return kept

    def rows(self, items: Iterable[_Item]) -> Iterator[_Item]:
        """Those of `items` that still find room, each taking some for itself."""
        for item in items:
            if self.left < OVERHEAD:
                self.exceeded = True
                return
            self.left -= OVERHEAD
            yield item


def _parameters(parameters: Mapping[str, Any], budget: _Budget) -> bytes:
    if not parameters:
        return b""
    told = msgspec.json.encode(parameters)
    if len(told) > budget.left:
        budget.exceeded = True
        return b""
    budget.left -= len(told)
    return told


def _messages(messages: Iterable[Message], budget: _Budget) -> list[gateway_pb.Message]:
    return [
        gateway_pb.Message(
            role=message.role,
            content=budget.cut(message.content),
            name=budget.cut(message.name),
            tool_call_id=budget.cut(message.tool_call_id),
            tool_calls=_tool_calls(message.tool_calls, budget),
        )
        for message in budget.rows(messages)
    ]


def _answer(answer: Answer, budget: _Budget) -> pb.Answer:
    return pb.Answer(
        content=budget.cut(answer.content),
        reasoning=budget.cut(answer.reasoning),
        refusal=budget.cut(answer.refusal),
        tool_calls=_tool_calls(answer.tool_calls, budget),
        finish_reason=answer.finish_reason,
    )


def _tool_calls(calls: Iterable[ToolCall], budget: _Budget) -> list[gateway_pb.ToolCall]:
    return [
        gateway_pb.ToolCall(
            id=budget.cut(call.id), name=budget.cut(call.name), arguments=budget.cut(call.arguments)
        )
        for call in budget.rows(calls)
    ]


def _call(call: Call, budget: _Budget) -> pb.Call:
    seconds = (call.finished or perf_counter()) - call.started
    return pb.Call(
        prompt=_messages(call.prompt, budget),
        answer=_answer(call.answer, budget),
        seconds=seconds,
        model=call.model,
        steered=call.steered,
    )


def _defense(layer: Layer, arm: Arm, trail: Trail, budget: _Budget) -> pb.DefenseRecord:
    chance = arm.chances[layer.name]
    footprint = trail.footprints.get(layer.name)
    findings = [finding for finding in trail.findings if finding.defense == layer.name]
    would = _strongest(findings)
    return pb.DefenseRecord(
        defense=layer.name,
        risk=wire.RISK_TO_PROTO[layer.risk],
        mode=MODE_TO_PROTO[chance.mode],
        weight=chance.weight,
        epoch=chance.epoch,
        on=layer.name in arm.on,
        would=would,
        did=would if would != gateway_pb.ACTION_FLAG else gateway_pb.ACTION_UNSPECIFIED,
        findings=[wire.finding_to_proto(finding) for finding in budget.rows(findings)],
        seconds=footprint.input_seconds + footprint.output_seconds if footprint else 0.0,
        allowed_on_error=footprint.allowed_on_error if footprint else 0,
        allowed_on_timeout=footprint.allowed_on_timeout if footprint else 0,
    )


def _strongest(findings: list[Finding]) -> gateway_pb.Action:
    if not findings:
        return gateway_pb.ACTION_UNSPECIFIED
    return wire.ACTION_TO_PROTO[max((finding.action for finding in findings), key=STRENGTH.__getitem__)]
