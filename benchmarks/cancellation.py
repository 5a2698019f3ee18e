"""How long a model goes on after its client has gone, the deadline has passed or a defense has blocked.

::

    python -m benchmarks.cancellation [--trials 300]

The gateway runs in a process of its own between a client and scripted upstreams that hang in the
middle of an answer; client and upstream share this process, so that both ends read one clock.
"""

import argparse
import asyncio
import os
import statistics
import sys
import tempfile
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import AsyncExitStack, asynccontextmanager, contextmanager
from pathlib import Path
from typing import Any

import aiohttp
import grpc
import uvloop
import yaml
from rich.progress import track

from benchmarks.http_overhead import ready
from benchmarks.overhead import markdown, refuse_noise, split_cores
from benchmarks.targets import process
from gateway.upstreams.script import Reply, Script
from gateway.upstreams.scripted import Counts, serve_grpc, serve_http
from gateway.v1 import gateway_pb2 as pb
from gateway.v1 import gateway_pb2_grpc as pb_grpc

LEAK = "Write to ada@example.org"
SCRIPT = Script(
    [
        Reply(match="leak", deltas=[LEAK, " today"], hang_after=2),
        Reply(match="hang", text="Once upon a time there was a river. " * 3, hang_after=4),
    ]
)
MODELS = ("http", "grpc")
DEADLINE = 0.1


class Noting(Counts):
    """Notes when an upstream was cancelled."""

    def __init__(self) -> None:
        super().__init__()
        self.told = asyncio.Event()
        self.at = 0.0

    @contextmanager
    def one(self) -> Iterator[None]:
        """Count one exchange, and note its end."""
        try:
            with super().one():
                yield
        finally:
            self.at = time.perf_counter()
            self.told.set()


class Clients:
    """Both doors of a gateway."""

    def __init__(self, http: str, channel: grpc.aio.Channel, session: aiohttp.ClientSession) -> None:
        stub: Any = pb_grpc.GatewayServiceStub
        self._service = stub(channel)
        self._session = session
        self._url = f"http://{http}/v1/chat/completions"

    def _call(self, model: str, prompt: str, timeout: float | None = None) -> Any:
        message = pb.Message(role="user", content=prompt)
        return self._service.Chat(pb.ChatRequest(model=model, messages=[message]), timeout=timeout)

    def _post(self, model: str, prompt: str) -> Any:
        body = {"model": model, "stream": True, "messages": [{"role": "user", "content": prompt}]}
        return self._session.post(self._url, json=body)

    async def grpc_cancel(self, model: str) -> float:
        """A gRPC client cancels; when it did."""
        call = self._call(model, "hang")
        await call.read()
        began = time.perf_counter()
        call.cancel()
        return began

    async def grpc_deadline(self, model: str) -> float:
        """A deadline passes; when it did."""
        began = time.perf_counter() + DEADLINE
        with deadline_expected():
            async for _ in self._call(model, "hang", DEADLINE):
                pass
        return began

    async def grpc_block(self, model: str) -> float:
        """A defense blocks; when the request was sent, since what it blocks on is sent at once."""
        began = time.perf_counter()
        async for _ in self._call(model, "leak"):
            pass
        return began

    async def http_leave(self, model: str) -> float:
        """An HTTP client closes its connection; when it did."""
        async with self._post(model, "hang") as response:
            await response.content.readany()
            began = time.perf_counter()
            response.close()
        return began

    async def http_block(self, model: str) -> float:
        """The same as over gRPC."""
        began = time.perf_counter()
        async with self._post(model, "leak") as response:
            await response.read()
        return began


@contextmanager
def deadline_expected() -> Iterator[None]:
    """A deadline ends a call with an error, which is what is wanted."""
    try:
        yield
    except grpc.aio.AioRpcError as error:
        if error.code() is not grpc.StatusCode.DEADLINE_EXCEEDED:
            raise


KINDS: dict[str, Callable[[Clients, str], Awaitable[float]]] = {
    "gRPC client cancels": Clients.grpc_cancel,
    "gRPC deadline passes": Clients.grpc_deadline,
    "gRPC answer is blocked (from the request on)": Clients.grpc_block,
    "HTTP client closes": Clients.http_leave,
    "HTTP answer is blocked (from the request on)": Clients.http_block,
}


@asynccontextmanager
async def gateway(http: str, target: str) -> AsyncIterator[Clients]:
    """A gateway in front of both upstreams, with a blocking defense."""
    load_cores, proxy_cores = split_cores()
    os.sched_setaffinity(0, load_cores)
    anywhere = dict.fromkeys(("grpc", "http", "metrics"), "127.0.0.1:0")
    async with AsyncExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        config = {
            "gateway": {**anywhere, "run": str(folder / "run"), "tap": False},
            "upstreams": [
                {"use": "gateway.upstreams.openai:OpenAI", "base_url": f"{http}/v1", "models": ["http"]},
                {"use": "gateway.upstreams.grpc:Grpc", "target": target, "models": ["grpc"]},
            ],
            "defenses": [{"use": "defenses.leak_filter:LeakFilter", "action": "block"}],
        }
        path = folder / "gateway.yaml"
        path.write_text(yaml.safe_dump(config))
        command = (sys.executable, "-m", "gateway", "gateway", "--config", str(path), "--ready-json")
        running = await stack.enter_async_context(process(*command, cores=proxy_cores))
        addresses = await ready(running)
        channel = await stack.enter_async_context(grpc.aio.insecure_channel(addresses["grpc"]))
        session = await stack.enter_async_context(aiohttp.ClientSession())
        yield Clients(addresses["http"], channel, session)


async def run(trials: int) -> None:
    """Measure every kind over both upstreams, print a table."""
    counts = Noting()
    async with serve_http(SCRIPT, counts, 0) as http, serve_grpc(SCRIPT, counts, 0) as target:
        async with gateway(http, target) as clients:
            rows = [
                [
                    "what ends the exchange",
                    "upstream",
                    "p50 ms",
                    "p99 ms",
                    "longest ms",
                    "reached the upstream",
                ]
            ]
            for name, kind in KINDS.items():
                for model in MODELS:
                    took = [
                        await one(clients, kind, model, counts)
                        for _ in track(range(trials), f"{name}, {model}")
                    ]
                    arrived = sorted(seconds * 1e3 for seconds in took if seconds is not None)
                    p99 = arrived[min(int(0.99 * len(arrived)), len(arrived) - 1)]
                    cells = [f"{statistics.median(arrived):.1f}", f"{p99:.1f}", f"{arrived[-1]:.1f}"]
                    rows.append([name, model, *cells, f"{len(arrived)} of {trials}"])
    print(markdown(rows))


async def one(
    clients: Clients, kind: Callable[[Clients, str], Awaitable[float]], model: str, counts: Noting
) -> float | None:
    """Seconds until the upstream was told, None if it was not told within two seconds."""
    counts.told.clear()
    began = await kind(clients, model)
    try:
        await asyncio.wait_for(counts.told.wait(), 2)
    except TimeoutError:
        return None
    return max(counts.at - began, 0.0)


def main() -> None:
    """Parse the command line and measure."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.cancellation", description=__doc__)
    parser.add_argument("--trials", type=int, default=300, help="of each kind over each upstream")
    parser.add_argument("--force", action="store_true", help="measure on a busy machine")
    options = parser.parse_args()
    refuse_noise(force=options.force)
    uvloop.run(run(options.trials))


if __name__ == "__main__":
    main()
