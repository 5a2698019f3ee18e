"""ControlService of a real gateway: tables, leases and the kill switch, as a controller meets them."""

import asyncio
import json
import subprocess
import sys
import tempfile
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import grpc
import pytest

from gateway.commands.demo import total
from gateway.v1 import control_pb2 as pb
from gateway.v1 import control_pb2_grpc, record_pb2
from tests.gateways import Gateway, body, gateway, grpc_upstream, post, write_config
from tests.servers import scripted

DEFENSES = [
    {"use": "defenses.prompt_filter:PromptFilter", "phrases": ["open sesame"]},
    {"use": "defenses.leak_filter:LeakFilter", "mode": "canary", "weight": 0.0},
]
LEAK, MASKED = "Write to ada@example.org today.", "Write to [EMAIL] today."


class Control:
    """A controller's end of the socket; each call gives the version in which it holds."""

    def __init__(self, channel: grpc.aio.Channel, token: str) -> None:
        self._stub = control_pb2_grpc.ControlServiceStub(channel)  # type: ignore[no-untyped-call]
        self._metadata = (("authorization", f"Bearer {token}"),)

    async def status(self) -> pb.GetStatusResponse:
        status: pb.GetStatusResponse = await self._stub.GetStatus(
            pb.GetStatusRequest(), metadata=self._metadata
        )
        return status

    async def apply(self, expected: int, defense: str, weight: float, **more: Any) -> int:
        mode = more.pop("mode", record_pb2.MODE_CANARY)
        row = pb.RolloutRow(defense=defense, mode=mode, weight=weight)
        words = {"actor": "controller", "reason": "a test", **more}
        request = pb.ApplyRolloutRequest(expected_version=expected, rows=[row], **words)
        return int((await self._stub.ApplyRollout(request, metadata=self._metadata)).rollout_version)

    async def renew(self, holder: str, seconds: float) -> pb.RenewLeaseResponse:
        request = pb.RenewLeaseRequest(holder=holder, seconds=seconds)
        renewed: pb.RenewLeaseResponse = await self._stub.RenewLease(request, metadata=self._metadata)
        return renewed

    async def kill(self, defense: str, killed: bool = True) -> int:
        request = pb.SetKillSwitchRequest(defense=defense, killed=killed, reason="a test", actor="bo")
        return int((await self._stub.SetKillSwitch(request, metadata=self._metadata)).rollout_version)

    @asynccontextmanager
    async def refused(self, code: grpc.StatusCode, told: str) -> AsyncIterator[None]:
        with pytest.raises(grpc.aio.AioRpcError) as failure:
            yield
        assert failure.value.code() == code
        assert told in (failure.value.details() or "")


@asynccontextmanager
async def controlled(folder: Path, target: str, **settings: Any) -> AsyncIterator[tuple[Gateway, Control]]:
    settings = {"tap": False, **settings}
    async with gateway(grpc_upstream(target), folder=folder, gateway=settings, defenses=DEFENSES) as running:
        async with grpc.aio.insecure_channel(f"unix:{running.control}") as channel:
            yield running, Control(channel, (folder / "control.token").read_text())


async def said(running: Gateway) -> str:
    _, answer = await post(running.chat, body("leak"))
    return str(answer["choices"][0]["message"]["content"])


async def test_a_controller_ramps_and_is_held_to_the_version_it_has_seen() -> None:
    async with scripted([{"text": LEAK}]) as server:
        with tempfile.TemporaryDirectory() as name:
            async with controlled(Path(name), server.grpc) as (running, control):
                assert await said(running) == LEAK
                assert await control.apply(1, "leak_filter", 1.0) == 2
                assert await said(running) == MASKED
                async with control.refused(grpc.StatusCode.ABORTED, "the version in force 2"):
                    await control.apply(1, "leak_filter", 0.5)
                async with control.refused(grpc.StatusCode.INVALID_ARGUMENT, "rows[0].weight"):
                    await control.apply(2, "leak_filter", 1.5)
                async with control.refused(grpc.StatusCode.INVALID_ARGUMENT, "rows[0].mode"):
                    await control.apply(2, "leak_filter", 0.5, mode=record_pb2.MODE_UNSPECIFIED)
                async with control.refused(grpc.StatusCode.INVALID_ARGUMENT, "rows[0].defense"):
                    await control.apply(2, "nobody", 0.5)
                async with control.refused(grpc.StatusCode.INVALID_ARGUMENT, "reason"):
                    await control.apply(2, "leak_filter", 0.5, reason="")
                async with control.refused(
                    grpc.StatusCode.FAILED_PRECONDITION, "may_be_off: [prompt_filter]"
                ):
                    await control.apply(2, "prompt_filter", 0.5)
                samples = await running.samples()
                assert total(samples, "crossrisk_rollout_version") == 2
                assert total(samples, "crossrisk_canary_weight_ratio", defense="leak_filter") == 1.0
            async with controlled(Path(name), server.grpc) as (running, control):
                assert await said(running) == MASKED, "it outlives the process"
                guard, canary = (await control.status()).defenses
                assert (guard.mode, guard.share) == (record_pb2.MODE_ENFORCE, 1.0)
                assert (canary.mode, canary.weight, canary.share) == (record_pb2.MODE_CANARY, 1.0, 1.0)
                assert await control.kill("leak_filter") == 3
                assert await said(running) == LEAK, "from the next exchange on"
                assert await control.kill("leak_filter", killed=False) == 4
                assert await said(running) == MASKED


async def test_a_canary_falls_without_its_controller_and_stands_with_it() -> None:
    async with scripted([{"text": LEAK}]) as server:
        with tempfile.TemporaryDirectory() as name:
            async with controlled(Path(name), server.grpc, lease_grace=0.2) as (running, control):
                lease = pb.Lease(holder="controller", seconds=0.5)
                await control.apply(1, "leak_filter", 1.0, lease=lease)
                for _ in range(4):
                    await asyncio.sleep(0.3)
                    assert list((await control.renew("controller", 0.5)).defenses) == ["leak_filter"]
                assert await said(running) == MASKED
                async with asyncio.timeout(5):
                    while await said(running) == MASKED:
                        await asyncio.sleep(0.05)
                status = await control.status()
                assert (status.rollout_version, status.defenses[1].weight) == (3, 0.0)
                async with control.refused(grpc.StatusCode.FAILED_PRECONDITION, "holds no lease"):
                    await control.renew("controller", 0.5)
                samples = await running.samples()
                assert total(samples, "crossrisk_lease_expired_total", defense="leak_filter") == 1
                await control.apply(3, "leak_filter", 1.0, lease=lease)
            await asyncio.sleep(0.8)
            async with controlled(Path(name), server.grpc, lease_grace=0.2) as (running, control):
                assert await said(running) == LEAK, "it ran out while the gateway was away"


def test_a_damaged_table_is_no_start(tmp_path: Path) -> None:
    (tmp_path / "rollout.json").write_text(json.dumps({"version": 3}))
    config = write_config(tmp_path, [grpc_upstream("127.0.0.1:1")])
    command = [sys.executable, "-m", "gateway", "gateway", "--config", str(config)]
    began = subprocess.run(command, capture_output=True, text=True, check=False, timeout=60)
    assert began.returncode == 2
    assert "rollout.json: the saved rollout is unreadable; mend or remove it" in began.stderr


async def test_strangers_are_refused_and_others_noted_without_a_text(tmp_path: Path) -> None:
    async with scripted([{"text": LEAK}]) as server:
        async with controlled(tmp_path, server.grpc) as (running, control):
            async with grpc.aio.insecure_channel(f"unix:{running.control}") as channel:
                stranger = Control(channel, "guessed")
                for call in (
                    stranger.status(),
                    stranger.apply(1, "leak_filter", 1.0),
                    stranger.renew("c", 1.0),
                    stranger.kill("prompt_filter"),
                ):
                    async with stranger.refused(grpc.StatusCode.UNAUTHENTICATED, "authorization"):
                        await call
            began = time.time()
            assert await said(running) == LEAK
            await control.kill("leak_filter")
    audit = (tmp_path / "rollout.audit.jsonl").read_text()
    last = json.loads(audit.splitlines()[-1])
    assert (last["event"], last["actor"], last["reason"], last["version"]) == ("kill", "bo", "a test", 2)
    assert last["time"] >= time.strftime("%Y-%m-%dT%H:%M", time.gmtime(began))
    assert "ada@" not in audit
