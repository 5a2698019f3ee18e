"""A canary end to end: a real gateway, real monitors, and a model whose answers are written down."""

import asyncio
import itertools
import json
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import grpc
import pytest

from gateway.paths import control_token
from monitors.effects_server import EFFECTS_SOCKET
from monitors.v1 import canary_pb2 as pb
from monitors.v1 import canary_pb2_grpc
from tests import gateways
from tests.servers import running, scripted

SCRIPT = [
    {"match": "Whom", "text": "Write to ada@example.org today."},
    {"match": ".*", "text": "Gladly: ten."},
]
RAMP = {
    "shadow": 0,
    "shadow_exchanges": 5,
    "shadow_most": 600,
    "full": 0,
    "rare": 0.1,
    "over_refusal": 1,
    "lease": 5,
    "steps": [
        {"weight": 0.3, "margin": 3.0, "units": 5, "exchanges": 20, "least": 0, "most": 600},
        {"weight": 0.6, "margin": 2.0, "units": 5, "exchanges": 20, "least": 0, "most": 600},
    ],
}
MONITORS = [
    {"use": "monitors.new_personal_data:NewPersonalData"},
    {"use": "monitors.identity_refusal:IdentityRefusal"},
    {"use": "monitors.over_refusal:OverRefusal"},
]
REPLAY = {
    "add": 1, "leave_out": 0, "swaps": 0, "swapped_answers": 0, "per_second": 1000, "tokens_per_second": 1e6,
}  # fmt: skip
QUESTIONS = ("How many eggs are in a carton, {}?", "What do Muslims eat at dawn, {}?", "Whom do I ask, {}?")


@asynccontextmanager
async def tried(
    folder: Path, *defenses: dict[str, Any], replay: dict[str, Any] = REPLAY
) -> AsyncIterator[gateways.Gateway]:
    """A gateway with monitors, whose defenses may be canaries."""
    async with scripted(SCRIPT) as model:
        upstream = gateways.openai_upstream(model.http)
        path = gateways.write_config(folder, [upstream], defenses=defenses, monitors=MONITORS, replay=replay)
        options = ("--config", str(path), "--ready-json", "--with-parent")
        async with (
            running("gateway", "monitors", *options, patience=120),
            running("gateway", "gateway", *options, patience=120) as ready,
        ):
            yield gateways.Gateway(ready["grpc"], ready["http"], ready["metrics"], ready["control"], folder)


async def command(gateway: gateways.Gateway, *words: str) -> tuple[int, str]:
    """Exit code and output of `crossrisk canary`."""
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "gateway", "canary", *words, "--run", str(gateway.folder), "--json",
        stdout=asyncio.subprocess.PIPE,
    )  # fmt: skip
    output, _ = await process.communicate()
    return process.returncode or 0, output.decode()


async def canaries(gateway: gateways.Gateway) -> pb.GetCanariesResponse:
    """What CanaryService says."""
    token = (("authorization", f"Bearer {control_token(gateway.folder)}"),)
    async with grpc.aio.insecure_channel(f"unix:{gateway.folder / EFFECTS_SOCKET}") as channel:
        stub: Any = canary_pb2_grpc.CanaryServiceStub(channel)  # type: ignore[no-untyped-call]
        answer: pb.GetCanariesResponse = await stub.GetCanaries(pb.GetCanariesRequest(), metadata=token)
        return answer


async def until(gateway: gateways.Gateway, *stages: str, patience: float = 150) -> pb.Canary:
    """Send questions, each from a user of its own, until the canary is in one of the stages."""
    numbers = itertools.count()
    async with asyncio.timeout(patience):
        while True:
            chats = [
                gateways.body(question.format(number), user=f"user {number} {question}")
                for number in itertools.islice(numbers, 6)
                for question in QUESTIONS
            ]
            await asyncio.gather(*(gateways.post(gateway.chat, chat) for chat in chats))
            for canary in (await canaries(gateway)).canaries:
                if canary.state.stage in stages:
                    return canary


async def history(gateway: gateways.Gateway, defense: str) -> list[dict[str, Any]]:
    code, output = await command(gateway, "history", defense)
    assert code == 0
    return [json.loads(line) for line in output.splitlines()]


@pytest.mark.slow
async def test_a_good_defense_is_promoted(tmp_path: Path) -> None:
    good = {"use": "defenses.leak_filter:LeakFilter", "rollout": RAMP}
    async with tried(tmp_path, good) as gateway:
        canary = await until(gateway, "promoted", "rolled_back", "paused_inconclusive", "invalid")
        assert canary.state.stage == "promoted", canary
        told = await history(gateway, "leak_filter")
        assert [one["decision"] for one in told] == ["start", "advance", "advance", "advance", "promote"]
        weights = [one["after"]["weight"] for one in told]
        assert weights == [0, 0.3, 0.6, 1, 1]
        assert all(one["done"] for one in told)
        proof = told[2]["evidence"]["readings"]
        assert {one["measure"]: one["role"] for one in proof}["new_personal_data"] == "target"
        assert all(one["log_unharmed"] >= 3 for one in proof if one["role"] == "guard")
        _, answer = await gateways.post(gateway.chat, gateways.body("Whom do I ask, finally?"))
        assert "ada@example.org" not in json.dumps(answer), "it is on for everybody"


@pytest.mark.slow
async def test_a_defense_that_harms_another_risk_is_rolled_back(tmp_path: Path) -> None:
    blocker = {
        "use": "defenses.prompt_filter:PromptFilter",
        "name": "word_filter",
        "phrases": ["muslim", "christian", "jewish", "hindu", "buddhist"],
        "rollout": {**RAMP, "shadow_exchanges": 0},
    }
    # Without replays, which show it before any unit has the defense where the monitors lag.
    async with tried(tmp_path, blocker, replay={**REPLAY, "add": 0}) as gateway:
        canary = await until(gateway, "promoted", "rolled_back", "paused_inconclusive", "invalid")
        assert canary.state.stage == "rolled_back", canary
        told = await history(gateway, "word_filter")
        last = told[-1]
        assert (last["decision"], last["reason"]) == ("roll_back", "harm")
        assert last["about"] in ("identity_refusal", "over_refusal")
        harmed = {one["measure"]: one for one in last["evidence"]["readings"]}[last["about"]]
        assert harmed["treated_violations"] > harmed["control_violations"] == 0
        assert last["after"]["weight"] == 0
        status, answer = await gateways.post(gateway.chat, gateways.body(QUESTIONS[1].format("x")))
        assert status == 200
        assert "Gladly" in json.dumps(answer), "it is off for everybody"
        code, _ = await command(gateway, "start", "word_filter", "--reason", "again")
        assert code == 1, "the same configuration was rolled back"
        code, output = await command(gateway, "start", "word_filter", "--override", "--reason", "once more")
        assert (code, json.loads(output)["state"]["stage"]) == (0, "step")
        code, output = await command(gateway, "abort", "word_filter", "--reason", "enough")
        assert (code, json.loads(output)["state"]["weight"]) == (0, 0)
