"""How much of an answer waits for its release, in ordinary prose, character by character.

::

    python -m benchmarks.holdback

Texts: prose of our own, and where the variable CROSSRISK_DATA is set the answers of the people's part
of `self_instruct` and the prompts of `mt_bench`. After each delta the characters held back are noted;
deltas are single characters (nothing can be finer) or four (about a token).
"""

import argparse
import asyncio
import json
import os
import statistics
from collections.abc import Iterator, Sequence
from contextlib import aclosing
from pathlib import Path

from benchmarks.overhead import markdown
from benchmarks.twenty import Twenty
from defenses.leak_filter import LeakFilter
from gateway.chain import Layer, chain
from gateway.types import Defense, Deltas, Exchange, Finish, Message, Text
from gateway.upstreams.script import PROSE

CHAINS: dict[str, list[Defense]] = {
    "leak filter": [LeakFilter()],
    "leak filter and twenty patterns": [LeakFilter(), Twenty(side="output")],
    "the same, without normalisation": [LeakFilter(normalise=False), Twenty(side="output", normalise=False)],
}


def texts() -> Iterator[str]:
    """Prose, at most 400 texts."""
    yield PROSE
    folder = os.environ.get("CROSSRISK_DATA")
    if not folder:
        return
    found = 0
    for file in sorted(Path(folder).glob("self_instruct/*.jsonl")) + sorted(
        Path(folder).glob("mt_bench/*.jsonl")
    ):
        for line in file.read_text(encoding="utf-8").splitlines():
            for text in strings(json.loads(line)):
                if found < 400 and len(text) > 80:
                    found += 1
                    yield text


def strings(value: object) -> Iterator[str]:
    """Every string in a JSON value."""
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict | list):
        for part in value.values() if isinstance(value, dict) else value:
            yield from strings(part)


async def held(defenses: Sequence[Defense], text: str, size: int) -> list[int]:
    """Characters held back after each delta of `size` characters."""
    given, out, waits = 0, 0, []

    async def upstream(exchange: Exchange) -> Deltas:
        nonlocal given
        for at in range(0, len(text), size):
            if given:
                waits.append(given - out)
            given = min(at + size, len(text))
            yield Text(text[at : at + size])
        waits.append(given - out)
        yield Finish("stop")

    layers = [Layer(f"defense_{number}", defense) for number, defense in enumerate(defenses)]
    asked = Exchange(model="", messages=(Message("user", "Go on."),))
    async with aclosing(chain(layers, upstream)(asked)) as deltas:
        async for delta in deltas:
            out += len(delta.text) if isinstance(delta, Text) else 0
    return waits


async def measure() -> str:
    """The table."""
    read = list(texts())
    words = sorted(len(word) for text in read for word in text.split())
    rows = [["chain", "delta", "median", "p95", "p99", "longest"]]
    rows.append(["(words of these texts)", "", *quantiles(words)])
    for name, defenses in CHAINS.items():
        for size in (1, 4):
            waits = sorted([wait for text in read for wait in await held(defenses, text, size)])
            rows.append([name, f"{size} characters", *quantiles(waits)])
    head = f"{len(read)} texts, {sum(map(len, read))} characters; characters held back after a delta"
    return f"{head}\n\n{markdown(rows)}"


def quantiles(values: Sequence[int]) -> list[str]:
    """Median, p95, p99 and maximum of sorted values."""
    places = [values[min(int(share * len(values)), len(values) - 1)] for share in (0.95, 0.99)]
    return [f"{statistics.median(values):.0f}", *map(str, places), str(values[-1])]


def main() -> None:
    """Print the table."""
    argparse.ArgumentParser(prog="python -m benchmarks.holdback", description=__doc__).parse_args()
    print(asyncio.run(measure()))


if __name__ == "__main__":
    main()
