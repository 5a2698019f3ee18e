"""Whoever goes away, the model stops: a thousand times, and nothing of ours is left."""

import asyncio
import gc
import os
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from types import AsyncGeneratorType
from typing import Any

import aiohttp
import grpc
import pytest

from gateway.commands.gateway import Addresses, open_gateway
from gateway.config import read_config
from gateway.v1 import gateway_pb2 as pb
from gateway.v1 import gateway_pb2_grpc as pb_grpc
from tests.gateways import grpc_upstream, openai_upstream, write_config
from tests.servers import WAIT_SECONDS, counted, scripted

TRIALS = 1000
AT_ONCE = 25
SCRIPT = [
    {"match": "leak", "deltas": ["Write to ada@example.org", " today", "."], "hang_after": 3},
    {"match": "silent", "text": "never", "hang_after": 0},
    {"match": "hang", "text": "Once upon a time there was a river. " * 3, "hang_after": 4},
]
MODELS = ("over-http", "over-grpc")

Trial = Callable[["Doors", str], Awaitable[None]]


class Doors:
    """Clients of one gateway."""

    def __init__(
        self, addresses: Addresses, channel: grpc.aio.Channel, session: aiohttp.ClientSession
    ) -> None:
        self.url = f"http://{addresses.http}/v1/chat/completions"
        self.session = session
        stub: Any = pb_grpc.GatewayServiceStub
        self.service = stub(channel)

    def chat(self, model: str, prompt: str, timeout: float | None = None) -> Any:
        message = pb.Message(role="user", content=prompt)
        return self.service.Chat(pb.ChatRequest(model=model, messages=[message]), timeout=timeout)

    def body(self, model: str, prompt: str, *, stream: bool) -> dict[str, object]:
        return {"model": model, "stream": stream, "messages": [{"role": "user", "content": prompt}]}


async def grpc_client_cancels(doors: Doors, model: str) -> None:
    call = doors.chat(model, "hang")
    await call.read()
    call.cancel()
    with pytest.raises(asyncio.CancelledError):
        await call.read()


async def grpc_deadline_passes(doors: Doors, model: str) -> None:
    call = doors.chat(model, "hang", timeout=0.4)
    with pytest.raises(grpc.aio.AioRpcError) as failure:
        async for _ in call:
            pass
    assert failure.value.code() is grpc.StatusCode.DEADLINE_EXCEEDED


async def grpc_answer_is_blocked(doors: Doors, model: str) -> None:
    last = [response async for response in doors.chat(model, "leak")][-1]
    assert last.end.finish_reason == "content_filter"


async def http_client_leaves_a_stream(doors: Doors, model: str) -> None:
    async with doors.session.post(doors.url, json=doors.body(model, "hang", stream=True)) as response:
        assert await response.content.readany()
        response.close()


async def http_client_leaves_before_the_answer(doors: Doors, model: str) -> None:
    with pytest.raises(asyncio.TimeoutError):
        timeout = aiohttp.ClientTimeout(total=0.4)
        await doors.session.post(doors.url, json=doors.body(model, "silent", stream=False), timeout=timeout)


async def http_answer_is_blocked(doors: Doors, model: str) -> None:
    async with doors.session.post(doors.url, json=doors.body(model, "leak", stream=False)) as response:
        answer = await response.json()
    assert answer["choices"][0]["finish_reason"] == "content_filter"


KINDS: list[Trial] = [
    grpc_client_cancels,
    grpc_deadline_passes,
    grpc_answer_is_blocked,
    http_client_leaves_a_stream,
    http_client_leaves_before_the_answer,
    http_answer_is_blocked,
]


@asynccontextmanager
async def doors_of(folder: Path, http: str, target: str) -> AsyncIterator[Doors]:
    """A gateway in this very process, so that what it leaves behind can be counted."""
    upstreams = [
        openai_upstream(http, models=[MODELS[0]]),
        grpc_upstream(target, models=[MODELS[1]]),
    ]
    defenses = [{"use": "defenses.leak_filter:LeakFilter", "action": "block"}]
    path = write_config(folder, upstreams, defenses=defenses, gateway={"tap": False})
    async with AsyncExitStack() as stack:
        addresses = await open_gateway(read_config(path), stack)
        channel = await stack.enter_async_context(grpc.aio.insecure_channel(addresses.grpc))
        yield_session = aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=0, force_close=True))
        yield Doors(addresses, channel, await stack.enter_async_context(yield_session))


def left() -> dict[str, int]:
    """What this process holds: tasks, open files and sockets, asynchronous generators."""
    gc.collect()
    return {
        "tasks": len(asyncio.all_tasks()),
        "files": len(os.listdir("/proc/self/fd")),
        "generators": sum(type(thing) is AsyncGeneratorType for thing in gc.get_objects()),
    }


@pytest.mark.slow
@pytest.mark.timeout(240)
async def test_cancellation_reaches_the_model_every_time_and_leaves_nothing(tmp_path: Path) -> None:
    async with scripted(SCRIPT) as server, doors_of(tmp_path, server.http, server.grpc) as doors:
        for kind in KINDS:  # connections that are kept open are opened
            for model in MODELS:
                await kind(doors, model)
        started = len(KINDS) * len(MODELS)
        assert (await counted(server, cancelled=started))["cancelled"] == started
        before = left()
        gate = asyncio.Semaphore(AT_ONCE)

        async def one(number: int) -> None:
            async with gate:
                await KINDS[number % len(KINDS)](doors, MODELS[number // len(KINDS) % len(MODELS)])

        async with asyncio.TaskGroup() as group:
            for number in range(TRIALS):
                group.create_task(one(number))
        seen = await counted(server, cancelled=started + TRIALS)
        assert seen == {
            "started": started + TRIALS,
            "finished": 0,
            "failed": 0,
            "cancelled": started + TRIALS,
        }
        await nothing_more_than(before)


async def nothing_more_than(before: dict[str, int]) -> None:
    """Wait until no more is left than there was; connections that are kept open may be more by a few."""
    deadline = asyncio.get_running_loop().time() + WAIT_SECONDS
    allowed = {**before, "files": before["files"] + AT_ONCE}
    while any(count > allowed[what] for what, count in left().items()):
        if asyncio.get_running_loop().time() > deadline:
            assert left() == before
        await asyncio.sleep(0.1)
