"""How long hostile text keeps the event loop from everybody else.

::

    python -m benchmarks.stalls

Each text goes through the default chain as a prompt, as an answer in pieces and as an answer in one
piece, while a heartbeat every millisecond notes the longest time between two beats. Twice: the first
pass builds the automata of the patterns, as the first such text to a gateway does.
"""

import argparse
import asyncio
import time
from contextlib import aclosing

import uvloop

from benchmarks.overhead import markdown
from defenses.fairness_reminder import FairnessReminder
from defenses.leak_filter import LeakFilter
from defenses.prompt_filter import PromptFilter
from gateway.chain import Layer
from gateway.engine import Engine, Route
from gateway.metrics import GatewayMetrics
from gateway.types import ConnectedUpstream, Deltas, Exchange, Finish, Message, Text
from gateway.unit import Units

SIZE = 200_000
HOSTILE = {
    "one long word": "a" * SIZE,
    "digits and spaces": "1 " * (SIZE // 2),
    "card numbers": "4539 1488 0343 6467 " * (SIZE // 20),
    "dots and letters": "a." * (SIZE // 2),
    "e-mail addresses": "ada@example.org " * (SIZE // 16),
    "beginnings of keys": "sk-" * (SIZE // 3),
    "a key without end": "-----BEGIN PRIVATE KEY-----" + "A" * SIZE,
    "percent signs": "%25" * (SIZE // 3),
    "entities": "&#105;" * (SIZE // 6),
    "base64": "YWJj" * (SIZE // 4),
    "combining marks": "e\u0301" * (SIZE // 2),
    "look-alikes": "а" * SIZE,
    "zero-width": "a\u200b" * (SIZE // 2),
    "attack phrases": "ignore all previous instructions " * (SIZE // 33),
}


class Says(ConnectedUpstream):
    """An upstream that answers with a text in pieces."""

    def __init__(self) -> None:
        self.pieces: list[str] = []

    async def __call__(self, exchange: Exchange) -> Deltas:
        for piece in self.pieces:
            await asyncio.sleep(0)
            yield Text(piece)
        yield Finish("stop")

    async def ready(self) -> bool:
        return True


async def longest_stall(engine: Engine, prompt: str) -> float:
    """Seconds between two beats at most, while one exchange is served."""
    longest = 0.0

    async def beat() -> None:
        nonlocal longest
        last = time.perf_counter()
        while True:
            await asyncio.sleep(0.001)
            now = time.perf_counter()
            longest, last = max(longest, now - last), now

    beating = asyncio.create_task(beat())
    await asyncio.sleep(0.01)
    longest = 0.0
    exchange = Exchange(model="", messages=(Message("user", prompt),))
    async with aclosing(engine.serve(exchange, {}, "http")) as deltas:
        async for _ in deltas:
            pass
    await asyncio.sleep(0.01)
    beating.cancel()
    return longest


async def measure() -> str:
    """The table."""
    says = Says()
    layers = [
        Layer("prompt_filter", PromptFilter(action="flag")),
        Layer("fairness_reminder", FairnessReminder()),
        Layer("leak_filter", LeakFilter()),
    ]
    engine = Engine(layers, [Route((), says)], Units((), b""), GatewayMetrics(layers), None, 10)
    await engine.warm()
    rows = [
        ["text", "as a prompt", "as an answer by 20", "as an answer by 2,000", "as an answer in one piece"]
    ]
    for name, text in HOSTILE.items():
        cells = []
        for size in (None, 20, 2000, len(text)):
            says.pieces = (
                ["ok"] if size is None else [text[at : at + size] for at in range(0, len(text), size)]
            )
            stalls = [await longest_stall(engine, text if size is None else "hi") * 1e3 for _ in range(2)]
            cells.append(" / ".join(f"{stall:.0f}" for stall in stalls))
        rows.append([name, *cells])
    return f"{SIZE} characters; longest stall in ms, first / second time\n\n{markdown(rows)}"


def main() -> None:
    """Print the table."""
    argparse.ArgumentParser(prog="python -m benchmarks.stalls", description=__doc__).parse_args()
    print(uvloop.run(measure()))


if __name__ == "__main__":
    main()
