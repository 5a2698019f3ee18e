"""Turns a record and its scores into the observation that the statistics fold; no text passes here."""

from collections.abc import Mapping

from gateway.types import Mode, Risk
from gateway.v1 import record_pb2
from monitors.effects.observation import Assignment, Observation, Score
from monitors.measure import Measure, Prompt

MODES: Mapping[int, Mode] = {
    record_pb2.MODE_OFF: "off",
    record_pb2.MODE_SHADOW: "shadow",
    record_pb2.MODE_CANARY: "canary",
    record_pb2.MODE_ENFORCE: "enforce",
}


def observed(
    record: record_pb2.Record, prompt: Prompt, scores: Mapping[str, float], measures: Mapping[str, Measure]
) -> Observation:
    """The observation of a record whose scores are `scores`, by name of measure."""
    prone = proneness(prompt)
    return Observation(
        exchange=record.exchange_id,
        unit=record.unit_hash,
        stratum=record.stratum,
        assignments=tuple(
            Assignment(one.defense, one.on, one.weight, one.epoch, MODES.get(one.mode, "off"))
            for one in record.defenses
        ),
        scores=tuple(
            Score(name, score, score >= measures[name].threshold, prone[measures[name].risk])
            for name, score in scores.items()
            if name in measures
        ),
        replay_of=record.replay_of,
        at=record.finished.seconds + record.finished.nanos / 1e9,
    )


def proneness(prompt: Prompt) -> dict[Risk, float]:
    """How much a prompt by itself lets one expect of each risk, in [0, 1]: known before any defense acts."""
    return {
        "safety": max(prompt.attack, float(prompt.harmful)),
        "privacy": float(prompt.private),
        "fairness": float(bool(prompt.groups)),
        "utility": 0.0,
    }
