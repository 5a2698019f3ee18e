"""What a proxy costs: the gateway beside a bare relay, nginx and no proxy at all, in one run.

::

    python -m benchmarks.overhead [--rounds 5] [--seconds 2] [--only floor,gateway]

All proxies run at once and are loaded in turn, in another random order each round, so that noise of the
machine falls on all of them. CPU is user and system time of the proxy's process tree. With two
cores or more the proxies have one, the load and the scripted upstream another.
"""

import argparse
import asyncio
import os
import random
import statistics
import sys
import tempfile
import time
from collections.abc import Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass
from pathlib import Path

import grpc
import uvloop
import yaml

from benchmarks.load import ONE, PACED, SLOW, STREAM, UNARY, Client, Question, WrongReplyError
from benchmarks.targets import START_SECONDS, TARGETS, Place, Target, cpu_seconds, python
from gateway.upstreams.script import Reply

LATENCY_ASKS = 100
PACED_ASKS = 4


@dataclass(frozen=True, slots=True)
class Round:
    """What one target did in one round; CPU in microseconds, latency in milliseconds."""

    unary_cpu: float
    delta_cpu: float
    unary_rate: float
    delta_rate: float
    latency: float
    gap: float


async def charged(client: Client, target: Target, question: Question, seconds: float) -> tuple[float, float]:
    """CPU microseconds per exchange, and exchanges per second."""
    before = cpu_seconds(target.process)
    asked, took = await client.load(question, seconds)
    return (cpu_seconds(target.process) - before) / asked * 1e6, asked / took


async def one_round(client: Client, target: Target, seconds: float) -> Round:
    """Load one target with both kinds of exchange."""
    deltas = len(STREAM.reply.pieces)
    latency = statistics.median(await client.latencies(UNARY, LATENCY_ASKS)) * 1e3
    unary_cpu, unary_rate = await charged(client, target, UNARY, seconds)
    stream_cpu, stream_rate = await charged(client, target, STREAM, seconds)
    gaps = [gap for _ in range(PACED_ASKS) for gap in await client.gaps(PACED)]
    gap = statistics.median(gaps) * 1e3
    return Round(unary_cpu, stream_cpu / deltas, unary_rate, stream_rate * deltas, latency, gap)


async def measure(targets: Sequence[Target], rounds: int, seconds: float) -> dict[str, list[Round]]:
    """Load the targets in turn; a round before the first warms them up and is thrown away."""
    async with AsyncExitStack() as stack:
        clients = {}
        for target in targets:
            options = [("grpc.use_local_subchannel_pool", 1)]
            channel = grpc.aio.insecure_channel(target.address, options)
            await stack.enter_async_context(channel)
            await asyncio.wait_for(channel.channel_ready(), START_SECONDS)
            clients[target.name] = Client(channel, recut=target.recut)
            await one_round(clients[target.name], target, 0.5)
        results: dict[str, list[Round]] = {target.name: [] for target in targets}
        for number in range(rounds):
            print(f"round {number + 1} of {rounds}", file=sys.stderr)
            for target in random.sample(targets, len(targets)):
                results[target.name].append(await one_round(clients[target.name], target, seconds))
        return results


def spread(values: Sequence[float], digits: int = 0) -> str:
    """Median and interquartile range."""
    if len(values) < 2:
        return f"{values[0]:.{digits}f}"
    low, middle, high = statistics.quantiles(values, n=4, method="inclusive")
    return f"{middle:.{digits}f} [{low:.{digits}f} {high:.{digits}f}]"


def ratio(values: Sequence[float], floors: Sequence[float]) -> str:
    """Median of the ratios within each round."""
    return f"{statistics.median(value / base for value, base in zip(values, floors, strict=True)):.2f}"


def row(name: str, results: dict[str, list[Round]]) -> list[str]:
    """The cells of one target; CPU cells stay empty for `direct`."""
    rounds, floors, base = results[name], results.get("floor"), results.get("direct")
    unary, delta = [r.unary_cpu for r in rounds], [r.delta_cpu for r in rounds]
    cpu = ["", "", "", ""]
    if name != "direct":
        cpu[0], cpu[2] = spread(unary), spread(delta, 1)
        if floors:
            cpu[1] = ratio(unary, [r.unary_cpu for r in floors])
            cpu[3] = ratio(delta, [r.delta_cpu for r in floors])
    added = [r.latency - b.latency for r, b in zip(rounds, base, strict=True)] if base else []
    rates = [spread([r.unary_rate for r in rounds]), spread([r.delta_rate for r in rounds])]
    later = [r.gap - b.gap for r, b in zip(rounds, base, strict=True)] if base else []
    return [name, *cpu, *rates, *(spread(values, 2) if values else "" for values in (added, later))]


HEADINGS = [
    "target",
    "CPU µs/request",
    "× floor",
    "CPU µs/delta",
    "× floor",
    "requests/s",
    "deltas/s",
    "added p50 ms",
    "added between deltas p50 ms",
]


def table(results: dict[str, list[Round]]) -> str:
    """A Markdown table, one row a target."""
    return markdown([HEADINGS, *(row(name, results) for name in results)])


def markdown(rows: Sequence[Sequence[str]]) -> str:
    """Rows of cells, the headings first, as a Markdown table."""
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    lines = [
        "| " + " | ".join(cell.ljust(width) for cell, width in zip(cells, widths, strict=True)) + " |"
        for cells in rows
    ]
    lines.insert(1, "|" + "|".join("-" * (width + 2) for width in widths) + "|")
    return "\n".join(lines)


def split_cores() -> tuple[frozenset[int], frozenset[int]]:
    """Cores for the load and cores for the proxies; the same where there is but one."""
    cores = sorted(os.sched_getaffinity(0))
    return frozenset(cores[:1]), frozenset(cores[1:2] or cores)


async def run(names: Sequence[str], rounds: int, seconds: float) -> None:
    """Start everything, measure, print the table."""
    load_cores, proxy_cores = split_cores()
    os.sched_setaffinity(0, load_cores)
    async with AsyncExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        script = folder / "script.yaml"
        script.write_text(yaml.safe_dump([_entry(ONE), _entry(SLOW)]))
        arguments = ("gateway.upstreams.scripted", "--with-parent", "--grpc", "0", "--script", str(script))
        _, upstream = await stack.enter_async_context(python(*arguments, cores=load_cores))
        place = Place(upstream, folder, proxy_cores)
        started = [await stack.enter_async_context(TARGETS[name](place)) for name in names]
        results = await measure([target for target in started if target], rounds, seconds)
    print(
        f"\nmedian [quartiles] of {rounds} rounds of {seconds:g} s; µs/delta is a 64-delta reply's CPU / 64"
    )
    print(f"cores: load and upstream {sorted(load_cores)}, proxies {sorted(proxy_cores)}\n")
    print(table(results))


def _entry(reply: Reply) -> dict[str, object]:
    assert reply.usage is not None
    usage = {"prompt_tokens": reply.usage.prompt_tokens, "completion_tokens": reply.usage.completion_tokens}
    known = {"match": reply.match, "text": reply.text, "chunk": reply.chunk, "pace": reply.pace}
    return {**known, "usage": usage}


def refuse_noise(*, force: bool) -> None:
    """Exit where others keep the cores busy; figures taken then would say nothing."""
    cores = len(os.sched_getaffinity(0))
    load = os.getloadavg()[0]
    if load > 0.75 * cores and not force:
        raise SystemExit(f"load average {load:.2f} on {cores} cores: wait, or say --force")
    if load > 0.25 * cores:
        print(f"warning: load average {load:.2f} on {cores} cores, expect noise", file=sys.stderr)


def _first(error: BaseException) -> BaseException:
    while isinstance(error, BaseExceptionGroup):
        error = error.exceptions[0]
    return error


def main() -> None:
    """Parse the command line and measure."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.overhead", description=__doc__)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--seconds", type=float, default=2.0, help="of load, per target, kind and round")
    parser.add_argument("--only", default=",".join(TARGETS), help="names of targets, by commas")
    parser.add_argument("--force", action="store_true", help="measure on a busy machine")
    options = parser.parse_args()
    names = options.only.split(",")
    if unknown := set(names) - TARGETS.keys():
        parser.error(f"no such target: {', '.join(sorted(unknown))}")
    refuse_noise(force=options.force)
    started = time.perf_counter()
    try:
        uvloop.run(run(names, options.rounds, options.seconds))
    except* WrongReplyError as group:
        raise SystemExit(f"wrong reply: {_first(group)}") from group
    print(f"\ntook {time.perf_counter() - started:.0f} s", file=sys.stderr)


if __name__ == "__main__":
    main()
