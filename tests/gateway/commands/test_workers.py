"""Several workers are one gateway: same ports, same arms, same table, one place for metrics."""

import asyncio
import contextlib
import os
import signal
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import aiohttp
import grpc
import pytest

from gateway.commands.demo import Samples, scrape, total
from gateway.v1 import gateway_pb2, gateway_pb2_grpc
from tests.gateway.servers.test_control import LEAK, MASKED, Control
from tests.gateways import body, grpc_upstream, write_config
from tests.servers import running, scripted

pytestmark = pytest.mark.slow
WORKERS = 3
DEFENSES = [{"use": "defenses.leak_filter:LeakFilter", "mode": "canary", "weight": 0.5}]


class Front:
    """A gateway with several workers; every exchange comes over a connection of its own."""

    def __init__(self, facts: dict[str, Any]) -> None:
        self.facts = facts

    async def post(self, unit: str) -> str:
        headers = {"x-crossrisk-unit": unit}
        async with aiohttp.ClientSession(headers=headers) as session:
            async with session.post(
                f"http://{self.facts['http']}/v1/chat/completions", json=body()
            ) as response:
                answer = await response.json()
        return str(answer["choices"][0]["message"]["content"])

    async def chat(self, unit: str) -> str:
        # Channels of one process share connections unless something sets them apart.
        options = [("grpc.use_local_subchannel_pool", 1)]
        async with grpc.aio.insecure_channel(self.facts["grpc"], options=options) as channel:
            service = gateway_pb2_grpc.GatewayServiceStub(channel)  # type: ignore[no-untyped-call]
            message = gateway_pb2.Message(role="user", content="hello")
            call = service.Chat(
                gateway_pb2.ChatRequest(messages=[message]), metadata=[("x-crossrisk-unit", unit)]
            )
            return "".join([response.text.text async for response in call])

    async def samples(self) -> Samples:
        return await scrape(f"http://{self.facts['metrics']}/metrics")

    async def versions(self) -> dict[str, float]:
        return by_worker(await self.samples(), "crossrisk_rollout_version")


def by_worker(samples: Samples, name: str) -> dict[str, float]:
    workers = {dict(labels).get("worker", "") for series, labels in samples if series == name}
    return {worker: total(samples, name, worker=worker) for worker in sorted(workers)}


@asynccontextmanager
async def workers(folder: Path) -> AsyncIterator[tuple[Front, Control]]:
    async with scripted([{"text": LEAK}]) as server:
        config = write_config(folder, [grpc_upstream(server.grpc)], defenses=DEFENSES, gateway={"tap": False})
        options = ("--config", str(config), "--ready-json", "--workers", str(WORKERS))
        async with running("gateway", "gateway", *options, patience=90) as facts:
            async with grpc.aio.insecure_channel(f"unix:{facts['control']}") as channel:
                yield Front(facts), Control(channel, (folder / "control.token").read_text())


async def test_workers_are_one_gateway(tmp_path: Path) -> None:
    async with workers(tmp_path) as (front, control):
        assert front.facts["workers"] == WORKERS
        first = {str(n): await front.post(str(n)) for n in range(30)}
        assert set(first.values()) == {LEAK, MASKED}
        for n in range(30):
            assert await front.post(str(n)) == first[str(n)], "whichever worker serves it"
            assert await front.chat(str(n)) == first[str(n)]
        served = by_worker(await front.samples(), "crossrisk_exchanges_total")
        assert sum(served.values()) == 90
        assert all(served[str(worker)] > 0 for worker in range(WORKERS))
        assert await front.versions() == {"0": 1, "1": 1, "2": 1}
        bounds = []
        for version in range(2, 8):
            began = time.monotonic()
            await control.kill("leak_filter", killed=bool(version % 2 == 0))
            while set((await front.versions()).values()) != {version}:
                assert time.monotonic() - began < 5
            bounds.append(time.monotonic() - began)
        print("seconds until every worker has it, with the scrape that shows it:", sorted(bounds))
        await control.apply(7, "leak_filter", 0.0)
        await until_all(front, 8)
        assert {await front.post(str(n)) for n in range(20)} == {LEAK}
        await control.apply(8, "leak_filter", 1.0)
        await until_all(front, 9)
        killed_worker = worker_of(front)
        os.kill(killed_worker, signal.SIGKILL)
        await asyncio.sleep(0.1)
        async with asyncio.timeout(90):
            while await versions_or_nothing(front) != {"0": 9, "1": 9, "2": 9}:
                await asyncio.sleep(0.1)
        assert worker_of(front) != killed_worker
        assert {await front.post(str(n)) for n in range(20)} == {MASKED}


async def until_all(front: Front, version: int) -> None:
    async with asyncio.timeout(10):
        while set((await front.versions()).values()) != {version}:
            await asyncio.sleep(0.02)


async def versions_or_nothing(front: Front) -> dict[str, float]:
    with contextlib.suppress(Exception):
        return await front.versions()
    return {}


def worker_of(front: Front) -> int:
    """The process id of the second worker, by its command line."""
    for folder in Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(OSError):
            words = (folder / "cmdline").read_bytes().split(b"\0")
            if any(b'"index":1' in word and front.facts["http"].encode() in word for word in words):
                return int(folder.name)
    raise AssertionError("there is no second worker")
