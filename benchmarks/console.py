"""What viewers of the console cost a gateway that is busy, and one that is not.

::

    python -m benchmarks.console [--rounds 6] [--seconds 10] [--viewers 20] [--rate 60] [--force]

A real gateway with the shipped defenses, real monitors that score its traffic, a scripted model. Rounds with
and without viewers alternate in random order, at a fixed rate of requests, so that CPU time is comparable;
then the same without any request, where little else is in the figure. CPU time is that of the gateway alone.
"""

import argparse
import asyncio
import json
import random
import statistics
import sys
import tempfile
import time
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import aiohttp
import uvloop

from benchmarks.overhead import markdown, refuse_noise, split_cores, spread
from benchmarks.targets import START_SECONDS, cpu_seconds, process

FREE = "127.0.0.1:0"
MONITORS = (
    "monitors.harmful_compliance:HarmfulCompliance",
    "monitors.harmful_content:HarmfulContent",
    "monitors.identity_refusal:IdentityRefusal",
    "monitors.identity_negativity:IdentityNegativity",
    "monitors.stereotype_agreement:StereotypeAgreement",
    "monitors.private_request_compliance:PrivateRequestCompliance",
    "monitors.new_personal_data:NewPersonalData",
    "monitors.over_refusal:OverRefusal",
)
SCRIPT = [
    {"match": "Ada", "text": "Write to ada@example.org, or call 030 901820."},
    {"match": "bomb", "text": "Sure. First take a pipe, fill it and close both ends."},
    {"match": ".*", "text": "I'm sorry, but I can't help with that."},
]
"""Answers that violate measures, so that the matrix moves at every look."""
PROMPTS = (
    "How do I bake bread?",
    "Who is Ada, and where?",
    "How do I build a pipe bomb?",
    "Books about women?",
)
SETTLE = 3.0


@dataclass(frozen=True, slots=True)
class Round:
    """Share of one core that the gateway took, and events that one viewer got, with how many bytes."""

    cpu: float
    answered: int
    events: int
    bytes: int


def configuration(folder: Path, upstream: str) -> Path:
    """The shipped chain, every part of it random for some, in front of the scripted model."""
    addresses = dict.fromkeys(("grpc", "http", "metrics", "monitor_metrics"), FREE)
    config = {
        "gateway": {**addresses, "run": str(folder), "encoder": "off", "console": True},
        "upstreams": [
            {"use": "gateway.upstreams.openai:OpenAI", "base_url": upstream, "models": ["scripted"]}
        ],
        "defenses": [
            {"use": "defenses.prompt_filter:PromptFilter", "mode": "canary", "weight": 0.5},
            {"use": "defenses.fairness_reminder:FairnessReminder", "mode": "canary", "weight": 0.5},
            {"use": "defenses.leak_filter:LeakFilter", "mode": "canary", "weight": 0.5},
        ],
        "monitors": [{"use": name} for name in MONITORS],
    }
    path = folder / "crossrisk.yaml"
    path.write_text(json.dumps(config))  # JSON is YAML
    return path


@asynccontextmanager
async def started(*arguments: str, cores: frozenset[int]) -> AsyncIterator[tuple[int, dict[str, Any]]]:
    """A process of ours and what it says when it is ready."""
    async with process(sys.executable, "-m", *arguments, cores=cores) as running:
        assert running.stdout is not None
        line = await asyncio.wait_for(running.stdout.readline(), START_SECONDS * 2)
        if not line:
            raise SystemExit(f"{arguments[0]} ended before it was ready")
        yield running.pid, json.loads(line)


class Viewers:
    """So many viewers that read all they get."""

    def __init__(self, session: aiohttp.ClientSession, url: str, count: int) -> None:
        self.events = self.bytes = 0
        self._tasks = [asyncio.create_task(self._watch(session, url)) for _ in range(count)]

    async def _watch(self, session: aiohttp.ClientSession, url: str) -> None:
        async with session.get(url) as response:
            if response.status != 200:
                raise SystemExit(f"a viewer was turned away: {response.status}")
            async for data in response.content.iter_any():
                self.events += data.count(b"event: ")
                self.bytes += len(data)

    async def leave(self) -> None:
        for task in self._tasks:
            task.cancel()
            with suppress(asyncio.CancelledError):
                await task


async def load(session: aiohttp.ClientSession, url: str, rate: float, seconds: float) -> int:
    """Ask at a fixed rate, whoever is slow; the number of answers."""
    rng, tasks = random.Random(), list[asyncio.Task[bool]]()
    begun = time.perf_counter()
    for number in range(int(rate * seconds)):
        await asyncio.sleep(max(begun + number / rate - time.perf_counter(), 0))
        content = f"{rng.choice(PROMPTS)} ({rng.random()})"
        tasks.append(asyncio.create_task(_ask(session, url, content)))
    return sum(await asyncio.gather(*tasks))


async def _ask(session: aiohttp.ClientSession, url: str, content: str) -> bool:
    body = {"model": "scripted", "messages": [{"role": "user", "content": content}]}
    async with session.post(url, json=body) as response:
        await response.read()
        return response.status == 200


async def measure(session: aiohttp.ClientSession, pid: int, http: str, viewers: int, options: Any) -> Round:
    """One round."""
    watching = Viewers(session, f"http://{http}/console/events", viewers)
    await asyncio.sleep(SETTLE)
    before, begun = cpu_seconds(pid), time.perf_counter()
    events, data = watching.events, watching.bytes
    answered = 0
    if options.rate:
        answered = await load(session, f"http://{http}/v1/chat/completions", options.rate, options.seconds)
    await asyncio.sleep(max(begun + options.seconds - time.perf_counter(), 0))
    cpu = (cpu_seconds(pid) - before) / (time.perf_counter() - begun)
    events, data = watching.events - events, watching.bytes - data
    await watching.leave()
    await asyncio.sleep(1)  # until the gateway has noticed, lest the next ones be too many
    return Round(cpu, answered, events // max(viewers, 1), data // max(viewers, 1))


async def run(options: argparse.Namespace) -> None:
    """Start everything, measure, print the table."""
    load_cores, gateway_cores = split_cores()
    async with AsyncExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        folder.chmod(0o700)
        script = folder / "script.yaml"
        script.write_text(json.dumps(SCRIPT))
        _, model = await stack.enter_async_context(
            started("gateway.upstreams.scripted", "--with-parent", "--script", str(script), cores=load_cores)
        )
        path = configuration(folder, f"{model['http']}/v1")
        serving = ("--config", str(path), "--ready-json", "--with-parent")
        await stack.enter_async_context(started("gateway", "monitors", *serving, cores=load_cores))
        pid, ready = await stack.enter_async_context(
            started("gateway", "gateway", *serving, cores=gateway_cores)
        )
        session = await stack.enter_async_context(
            aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=0), read_bufsize=2**20)
        )
        rows = [
            ["load", "viewers", "gateway CPU, % of a core", "events/s a viewer", "KB/s a viewer", "answered"]
        ]
        for rate in (options.rate, 0):
            options.rate = rate
            rows += table(await rounds(session, pid, ready["http"], options), rate, options)
    print(f"\nmedian [quartiles] of {options.rounds} rounds of {options.seconds:g} s\n")
    print(markdown(rows))


async def rounds(
    session: aiohttp.ClientSession, pid: int, http: str, options: argparse.Namespace
) -> dict[int, list[Round]]:
    """Rounds without and with viewers, in random order within each pair."""
    results: dict[int, list[Round]] = {0: [], options.viewers: []}
    for _ in range(options.rounds):
        for viewers in random.sample(sorted(results), len(results)):
            results[viewers].append(await measure(session, pid, http, viewers, options))
    return results


def table(results: dict[int, list[Round]], rate: float, options: argparse.Namespace) -> list[list[str]]:
    """Rows of one load, and the difference within pairs."""
    name = f"{rate:g}/s" if rate else "none"
    rows = [
        [
            name,
            str(viewers),
            spread([100 * one.cpu for one in of], 2),
            f"{statistics.median(one.events for one in of) / options.seconds:.1f}",
            f"{statistics.median(one.bytes for one in of) / options.seconds / 1000:.1f}",
            f"{sum(one.answered for one in of)}",
        ]
        for viewers, of in results.items()
    ]
    pairs = zip(results[options.viewers], results[0], strict=True)
    added = [100 * (watched.cpu - alone.cpu) for watched, alone in pairs]
    return [*rows, [name, "added", spread(added, 2), "", "", ""]]


def main() -> None:
    """Parse the command line and measure."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.console", description=__doc__)
    parser.add_argument("--rounds", type=int, default=6)
    parser.add_argument("--seconds", type=float, default=10.0)
    parser.add_argument("--viewers", type=int, default=20)
    parser.add_argument("--rate", type=float, default=60.0, help="requests a second; default: %(default)s")
    parser.add_argument("--force", action="store_true", help="measure on a busy machine")
    options = parser.parse_args()
    refuse_noise(force=options.force)
    uvloop.run(run(options))


if __name__ == "__main__":
    main()
