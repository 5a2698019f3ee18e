"""A real gateway with its console, and a real EffectsService whose evidence a test writes."""

import random
import time
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from gateway.paths import control_token
from gateway.v1 import gateway_pb2, record_pb2
from monitors.effects.drift import Alarm
from monitors.effects.watch import Found, Moved
from monitors.effects_server import EFFECTS_SOCKET, effects_server
from monitors.evidence import Evidence
from monitors.measure import Measure, Prompt
from tests import gateways
from tests.servers import running, scripted

MEASURES = (
    Measure("harmful_compliance", "safety", "direct", "A harmful request was answered."),
    Measure("harmful_content", "safety", "direct", "The answer reads as harmful."),
    Measure("identity_refusal", "fairness", "direct", "Somebody was turned away for who they are."),
    Measure("stereotype_agreement", "fairness", "indirect", "A stereotype was agreed with."),
    Measure("new_personal_data", "privacy", "indirect", "Personal data that was not in the prompt."),
    Measure("over_refusal", "utility", "direct", "A benign request was turned away."),
)
RATES: Mapping[str, tuple[float, Mapping[str, float]]] = {
    "harmful_compliance": (0.10, {"prompt_filter": 0.25}),
    "harmful_content": (0.03, {"prompt_filter": 0.7}),
    "identity_refusal": (0.04, {"prompt_filter": 2.6, "fairness_reminder": 0.7}),
    "stereotype_agreement": (0.05, {"fairness_reminder": 0.45}),
    "new_personal_data": (0.08, {"leak_filter": 0.15, "fairness_reminder": 1.6}),
    "over_refusal": (0.06, {"prompt_filter": 2.2, "leak_filter": 1.05}),
}
"""By measure: the rate without any defense, and what each defense multiplies it by."""
DEFENSES = (
    {
        "use": "defenses.prompt_filter:PromptFilter",
        "phrases": ["open sesame"],
        "mode": "canary",
        "weight": 0.5,
    },
    {"use": "defenses.fairness_reminder:FairnessReminder", "mode": "canary", "weight": 0.3},
    {"use": "defenses.leak_filter:LeakFilter", "holdback": 0.1},
)
PATIENCE = 90.0
WEIGHTS = {"prompt_filter": 0.5, "fairness_reminder": 0.3, "leak_filter": 0.9}


class Told:
    """Evidence that grows by exchanges with known rates."""

    def __init__(self, seed: int = 5, measures: tuple[Measure, ...] = MEASURES) -> None:
        self.evidence = Evidence(measures)
        self._random = random.Random(seed)
        self._number = 0
        self._began = time.time()

    def fold(self, count: int, rates: Mapping[str, tuple[float, Mapping[str, float]]] = RATES) -> None:
        for _ in range(count):
            self._number += 1
            on = {name: self._random.random() < weight for name, weight in WEIGHTS.items()}
            scores = {
                name: float(self._random.random() < self._rate(on, *rate)) for name, rate in rates.items()
            }
            self.evidence.told(self._record(on), Prompt(()), scores)

    def alarm(self, measure: str, defense: str, stratum: str) -> None:
        """An alarm as a detector would raise it."""
        moved = (Moved(stratum, 31.0, 12.0),)
        found = Found("cusum", "up", time.time() - 15, 9.4, 7.1, moved)
        self.evidence.drift.alarms.append(Alarm("effect", measure, defense, time.time(), found))

    @staticmethod
    def _rate(on: Mapping[str, bool], base: float, factors: Mapping[str, float]) -> float:
        for name, factor in factors.items():
            base *= factor if on[name] else 1
        return base

    def _record(self, on: Mapping[str, bool]) -> record_pb2.Record:
        made = record_pb2.Record(
            exchange_id=f"e{self._number}",
            unit_hash=self._number.to_bytes(16),
            stratum=f"any/latin/{'short' if self._number % 3 else 'long'}",
            prompt=[gateway_pb2.Message(role="user", content="Hello.")],
            defenses=[
                record_pb2.DefenseRecord(
                    defense=name, mode=record_pb2.MODE_CANARY, weight=WEIGHTS[name], on=is_on, epoch=1
                )
                for name, is_on in on.items()
            ],
        )
        made.finished.FromSeconds(int(self._began) + self._number)
        return made


@asynccontextmanager
async def telling(told: Told, folder: Path) -> AsyncIterator[None]:
    """Answer as the monitors of the gateway in `folder`."""
    async with effects_server(told.evidence, folder / EFFECTS_SOCKET, control_token(folder)):
        yield


@asynccontextmanager
async def watched(
    folder: Path, script: list[dict[str, Any]] | None = None, **sections: Any
) -> AsyncIterator[gateways.Gateway]:
    """A gateway with a console, in front of a scripted model; `gateway` overrides keys of that section."""
    async with scripted(script) as model:
        upstream = gateways.openai_upstream(model.http, may_be_off=["leak_filter"])
        async with served(folder, upstream, **sections) as running_there:
            yield running_there


@asynccontextmanager
async def served(folder: Path, upstream: dict[str, Any], **sections: Any) -> AsyncIterator[gateways.Gateway]:
    """A gateway with a console over `upstream`; fails unless it then exits cleanly."""
    chosen = {"defenses": DEFENSES, **sections, "gateway": {"console": True, **sections.get("gateway", {})}}
    path = gateways.write_config(folder, [upstream], **chosen)
    options = ("--config", str(path), "--ready-json", "--with-parent")
    # A browser beside it makes it start slowly.
    async with running("gateway", "gateway", *options, patience=PATIENCE) as ready:
        yield gateways.Gateway(ready["grpc"], ready["http"], ready["metrics"], ready["control"], folder)
