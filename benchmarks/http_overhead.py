"""What the gateway costs over HTTP, beside a sketch that keeps no promise, nginx and no proxy at all.

::

    python -m benchmarks.http_overhead [--rounds 5] [--seconds 2] [--only sketch,patterns | --choose]

The upstream is scripted and OpenAI-compatible: 1 KB in one piece, or 64 chunks of 20 characters, at
once or one every 5 ms. Targets run at once on one core, load and upstream on another, in another
random order each round. Every reply is compared with the script. `--choose` measures the same bare
relay over several servers and clients instead, to choose among them.
"""

import argparse
import asyncio
import json
import random
import statistics
import sys
import tempfile
import time
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import AbstractAsyncContextManager, AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, fields
from pathlib import Path

import aiohttp
import uvloop
import yaml
from rich.console import Console

from benchmarks.environments import environment
from benchmarks.load import PROMPT
from benchmarks.overhead import markdown, refuse_noise, split_cores, spread
from benchmarks.targets import START_SECONDS, cpu_seconds, memory_bytes, nginx_process, process
from gateway.upstreams.script import DEFAULT, PROSE

CONCURRENCY = 32
WHOLE = (PROSE * 4)[:1024]
PACE = 0.005
REPLIES = [
    {"match": "in one piece", "text": WHOLE},
    {"match": "slowly", "text": DEFAULT.text, "chunk": DEFAULT.chunk, "pace": PACE},
]
LATENCY_ASKS, PACED_ASKS = 60, 4
DEFENSES: dict[str, list[dict[str, object]]] = {
    "gateway": [],
    "patterns": [{"use": "benchmarks.twenty:Twenty"}],
    "defended": [
        {"use": "defenses.prompt_filter:PromptFilter"},
        {"use": "defenses.leak_filter:LeakFilter"},
    ],
}


class WrongReplyError(Exception):
    """A reply that is not the scripted one; fatal for a measurement."""


@dataclass(frozen=True, slots=True)
class Target:
    """Something to load: its address up to `/v1`, and the process to be charged for it."""

    name: str
    base: str
    process: int | None = None


@dataclass(frozen=True, slots=True)
class Streamed:
    """When the first and each further content came, in seconds from the request."""

    first: float
    gaps: list[float]


@dataclass(frozen=True, slots=True)
class Round:
    """What one target did in one round; CPU in microseconds, times in milliseconds."""

    latency: float
    rate: float
    request_cpu: float
    chunk_cpu: float
    chunk_rate: float
    first: float
    gap: float
    memory: float


class Client:
    """Asks one target and checks what it says."""

    def __init__(self, session: aiohttp.ClientSession, target: Target) -> None:
        self._session = session
        self.target = target

    async def whole(self) -> float:
        """Seconds of one exchange in one piece."""
        began = time.perf_counter()
        async with self._post("in one piece", stream=False) as response:
            body = await response.json()
        took = time.perf_counter() - began
        self._check(body["choices"][0]["message"]["content"], WHOLE)
        return took

    async def stream(self, how: str = "at length") -> Streamed:
        """One streamed exchange."""
        began = last = time.perf_counter()
        first, gaps, texts, tail = 0.0, [], [], b""
        async with self._post(how, stream=True) as response:
            async for chunk in response.content.iter_any():
                now = time.perf_counter()
                *events, tail = (tail + chunk).split(b"\n\n")
                text = "".join(map(content, events))
                if text:
                    texts.append(text)
                    gaps += [now - last] if first else []
                    first = first or now - began
                    last = now
        self._check("".join(texts), DEFAULT.text)
        return Streamed(first, gaps)

    def _post(self, how: str, *, stream: bool) -> AbstractAsyncContextManager[aiohttp.ClientResponse]:
        body = {
            "model": "scripted",
            "stream": stream,
            "messages": [{"role": "user", "content": PROMPT + how}],
        }
        return self._session.post(f"{self.target.base}/chat/completions", json=body)

    def _check(self, text: str, expected: str) -> None:
        if text != expected:
            raise WrongReplyError(f"{self.target.name}: another text than the upstream's: {text[:80]!r}")


def content(event: bytes) -> str:
    """The text of one server-sent event."""
    if not event.startswith(b"data: {"):
        return ""
    choices = json.loads(event[6:])["choices"]
    return choices[0]["delta"].get("content") or "" if choices else ""


async def loaded(ask: Callable[[], object], seconds: float) -> tuple[int, float]:
    """Ask in a closed loop; how many times, in how many seconds."""
    began, asked = time.perf_counter(), 0

    async def worker() -> None:
        nonlocal asked
        while time.perf_counter() < began + seconds:
            await ask()  # type: ignore[misc]
            asked += 1

    async with asyncio.TaskGroup() as group:
        for _ in range(CONCURRENCY):
            group.create_task(worker())
    return asked, time.perf_counter() - began


async def one_round(client: Client, seconds: float) -> Round:
    """Load one target with every kind of exchange."""
    pid, chunks = client.target.process, len(DEFAULT.pieces)
    latency = statistics.median([await client.whole() for _ in range(LATENCY_ASKS)])
    before = cpu_seconds(pid)
    asked, took = await loaded(client.whole, seconds)
    between = cpu_seconds(pid)
    streams, streaming = await loaded(client.stream, seconds)
    after = cpu_seconds(pid)
    paced = [await client.stream("slowly") for _ in range(PACED_ASKS)]
    return Round(
        latency=latency * 1e3,
        rate=asked / took,
        request_cpu=(between - before) / asked * 1e6,
        chunk_cpu=(after - between) / (streams * chunks) * 1e6,
        chunk_rate=streams * chunks / streaming,
        first=statistics.median(stream.first for stream in paced) * 1e3,
        gap=statistics.median(gap for stream in paced for gap in stream.gaps) * 1e3,
        memory=memory_bytes(pid) / 1e6,
    )


@asynccontextmanager
async def started(
    name: str, upstream: str, folder: Path, cores: frozenset[int]
) -> AsyncIterator[Target | None]:
    """Run a target for as long as the context lasts."""
    if name == "direct":
        yield Target(name, f"{upstream}/v1")
    elif name == "nginx":
        async with nginx_process(upstream.removeprefix("http://"), folder, cores, http=True) as running:
            yield Target(name, f"http://{running.address}/v1", running.pid) if running else None
    elif name == "sketch":
        async with process(
            sys.executable, "-m", "benchmarks.sketch", f"{upstream}/v1", cores=cores
        ) as running:
            yield Target(name, (await ready(running))["http"], running.pid)
    elif name in RELAYS:
        program = str(environment("http", Console(stderr=True)) / "bin" / "python")
        command = (program, str(RELAY), *name.split("+"), f"{upstream}/v1")
        async with process(*command, cores=cores) as running:
            yield Target(name, (await ready(running))["http"], running.pid)
    else:
        path = folder / f"{name}.yaml"
        path.write_text(yaml.safe_dump(configuration(upstream, folder / name, DEFENSES[name])))
        command = (sys.executable, "-m", "gateway", "gateway", "--config", str(path), "--ready-json")
        async with process(*command, cores=cores) as running:
            yield Target(name, f"http://{(await ready(running))['http']}/v1", running.pid)


async def ready(running: asyncio.subprocess.Process) -> dict[str, str]:
    """The addresses a process prints when it is ready."""
    assert running.stdout is not None
    line = await asyncio.wait_for(running.stdout.readline(), START_SECONDS)
    if not line:
        raise SystemExit("a target ended before it was ready")
    return dict(json.loads(line))


def configuration(upstream: str, folder: Path, defenses: list[dict[str, object]]) -> dict[str, object]:
    """A gateway on free ports without monitors."""
    anywhere = "127.0.0.1:0"
    addresses = dict.fromkeys(("grpc", "http", "metrics"), anywhere)
    entry = {"use": "gateway.upstreams.openai:OpenAI", "base_url": f"{upstream}/v1", "models": ["scripted"]}
    return {
        "gateway": {**addresses, "run": str(folder), "tap": False, "encoder": "off"},
        "upstreams": [entry],
        "defenses": defenses,
    }


NAMES = ["direct", "nginx", "sketch", *DEFENSES]
RELAY = Path(__file__).parent / "peers" / "relay.py"
RELAYS = ["uvicorn+aiohttp", "granian+aiohttp", "hypercorn+aiohttp", "uvicorn+httpx", "uvicorn+httpx2"]


async def run(names: Sequence[str], rounds: int, seconds: float) -> None:
    """Start everything, measure, print."""
    load_cores, proxy_cores = split_cores()
    async with AsyncExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        script = folder / "script.yaml"
        script.write_text(yaml.safe_dump(REPLIES))
        command = ("gateway.upstreams.scripted", "--with-parent", "--http", "0", "--script", str(script))
        scripted = await stack.enter_async_context(process(sys.executable, "-m", *command, cores=load_cores))
        upstream = (await ready(scripted))["http"]
        session = await stack.enter_async_context(
            aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=0), timeout=aiohttp.ClientTimeout(60))
        )
        targets = [
            await stack.enter_async_context(started(name, upstream, folder, proxy_cores)) for name in names
        ]
        clients = [Client(session, target) for target in targets if target is not None]
        for client in clients:
            await one_round(client, 0.5)
        results: dict[str, list[Round]] = {client.target.name: [] for client in clients}
        for number in range(rounds):
            print(f"round {number + 1} of {rounds}", file=sys.stderr)
            for client in random.sample(clients, len(clients)):
                results[client.target.name].append(await one_round(client, seconds))
    print(f"\nmedian [quartiles] of {rounds} rounds of {seconds:g} s\n")
    print(table(results))


HEADINGS = [
    "target",
    "added p50 ms",
    "requests/s",
    "CPU µs/request",
    "CPU µs/chunk",
    "requests per CPU second, of the sketch's",
    "chunks per CPU second, of the sketch's",
    "first content, paced, ms",
    "added between chunks p50 ms",
    "PSS MB",
]


def table(results: dict[str, list[Round]]) -> str:
    """A Markdown table, one row a target."""
    columns = {
        name: {field.name: [getattr(one, field.name) for one in rounds] for field in fields(Round)}
        for name, rounds in results.items()
    }
    base, sketch = columns.get("direct"), columns.get("sketch")
    rows = []
    for name, own in columns.items():
        charged = name != "direct"
        rows.append(
            [
                name,
                spread(less(own["latency"], base["latency"]), 2) if base else "",
                spread(own["rate"]),
                spread(own["request_cpu"]) if charged else "",
                spread(own["chunk_cpu"], 1) if charged else "",
                share(sketch["request_cpu"], own["request_cpu"]) if sketch and charged else "",
                share(sketch["chunk_cpu"], own["chunk_cpu"]) if sketch and charged else "",
                spread(own["first"], 2),
                spread(less(own["gap"], base["gap"]), 2) if base else "",
                f"{statistics.median(own['memory']):.0f}" if charged else "",
            ]
        )
    return markdown([HEADINGS, *rows])


def less(values: Sequence[float], others: Sequence[float]) -> list[float]:
    """Differences within each round."""
    return [value - other for value, other in zip(values, others, strict=True)]


def share(of: Sequence[float], by: Sequence[float]) -> str:
    """Median of the ratios within each round."""
    return f"{statistics.median(one / other for one, other in zip(of, by, strict=True) if other):.2f}"


def main() -> None:
    """Parse the command line and measure."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.http_overhead", description=__doc__)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--seconds", type=float, default=2.0, help="of load, per target, kind and round")
    parser.add_argument("--only", default=",".join(NAMES), help="names of targets, by commas")
    parser.add_argument("--choose", action="store_true", help="among servers and clients")
    parser.add_argument("--force", action="store_true", help="measure on a busy machine")
    options = parser.parse_args()
    names = ["direct", "sketch", *RELAYS] if options.choose else options.only.split(",")
    if unknown := set(names) - {*NAMES, *RELAYS}:
        parser.error(f"no such target: {', '.join(sorted(unknown))}")
    refuse_noise(force=options.force)
    try:
        uvloop.run(run(names, options.rounds, options.seconds))
    except* WrongReplyError as group:
        raise SystemExit(f"wrong reply: {group.exceptions[0]}") from group


if __name__ == "__main__":
    main()
