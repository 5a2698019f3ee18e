"""Effects on live traffic: what a running gateway and its monitors find, and how soon.

::

    python -m benchmarks.live_effects                 # every scenario, 20,000 exchanges each
    python -m benchmarks.live_effects null --exchanges 100000

Real processes and real sockets; the model is the scripted server, so that what is true is known. It turns
away the lots 57 and 91 of a hundred by itself. Scenarios:

* planted: a filter on for half of the units turns two more lots away: twice the over-refusals;
* null: a filter that finds nothing, and one that only redacts what nobody says;
* pair: a reminder and a filter that leave clients alone, each by itself, and turn everybody away together;
* moved: a filter is changed while it runs, from finding nothing to the two lots: drift.

Beside what was seen live stands what the same statistics find in simulation (`--runs` of them).
"""

import argparse
import asyncio
import json
import random
import statistics
import tempfile
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import aiohttp
import grpc

from gateway.paths import control_token
from monitors.effects.effects import Effects
from monitors.effects.observation import Assignment, Observation, Score
from monitors.effects_server import EFFECTS_SOCKET
from monitors.v1 import effects_pb2 as pb
from monitors.v1.effects_pb2_grpc import EffectsServiceStub
from tests import gateways
from tests.servers import running, scripted

MEASURE = "over_refusal"
REFUSED = "I'm sorry, but I can't help with that."
SCRIPT = [
    {"match": r"lot (57|91)\b", "text": REFUSED},
    {"match": ".*", "text": "It is sold on Monday, at ten in the morning."},
]
MONITORS = [
    {"use": "monitors.over_refusal:OverRefusal"},
    {"use": "monitors.new_personal_data:NewPersonalData"},
]
FILTER = "defenses.prompt_filter:PromptFilter"
QUIET = {"use": FILTER, "phrases": ["no such thing is ever said"]}
HARSH = {"use": FILTER, "phrases": ["lot 13", "lot 42"]}
REMINDER = {"use": "defenses.self_reminder:SelfReminder", "before": "Mind the rules.", "after": ""}
STRICT = {"use": FILTER, "phrases": ["mind the rules"], "roles": ["system"]}
CANARY = {"mode": "canary", "weight": 0.5}
AT_ONCE = 24


@dataclass(frozen=True, slots=True)
class Scenario:
    """Defenses of each phase, with the pairs that are judged together."""

    name: str
    phases: tuple[tuple[dict[str, Any], ...], ...]
    together: tuple[tuple[str, str], ...] = ()


SCENARIOS = {
    one.name: one
    for one in (
        Scenario("planted", (({**HARSH, "name": "harsh", **CANARY},),)),
        Scenario(
            "null",
            (
                (
                    {**QUIET, "name": "quiet", **CANARY},
                    {"use": "defenses.leak_filter:LeakFilter", **CANARY},
                ),
            ),
        ),
        Scenario(
            "pair",
            (
                (
                    {**REMINDER, "name": "mind", **CANARY},
                    {**STRICT, "name": "rules", **CANARY},
                ),
            ),
            (("mind", "rules"),),
        ),
        Scenario(
            "moved", (({**QUIET, "name": "shifty", **CANARY},), ({**HARSH, "name": "shifty", **CANARY},))
        ),
    )
}  # fmt: skip


@dataclass(slots=True)
class Seen:
    """What became of a scenario."""

    sent: int = 0
    scored: int = 0
    seconds: float = 0.0
    flagged: dict[str, int] = field(default_factory=dict)
    """Exchanges scored when an effect was first held for harm, by defense and measure."""
    alarms: list[str] = field(default_factory=list)
    together: list[str] = field(default_factory=list)
    ratios: list[str] = field(default_factory=list)


async def play(scenario: Scenario, exchanges: int, rate: float) -> Seen:
    """Send the exchanges and watch the matrix meanwhile."""
    seen = Seen()
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)
        folder.chmod(0o700)
        async with scripted(SCRIPT) as model:
            upstream = gateways.openai_upstream(model.http)
            effects = {"together": [list(pair) for pair in scenario.together]}
            replay = dict.fromkeys(("leave_out", "add", "swaps", "swapped_answers"), 0)
            sections = {"monitors": MONITORS, "effects": effects, "replay": replay}
            path = gateways.write_config(folder, [upstream], defenses=scenario.phases[0], **sections)
            options = ("--config", str(path), "--ready-json", "--with-parent")
            async with running("gateway", "monitors", *options), watching(folder, seen):
                started = time.perf_counter()
                for number, defenses in enumerate(scenario.phases):
                    gateways.write_config(folder, [upstream], defenses=defenses, **sections)
                    async with running("gateway", "gateway", *options) as ready:
                        url = f"http://{ready['http']}/v1/chat/completions"
                        share = exchanges // len(scenario.phases)
                        await send(url, range(number * share, (number + 1) * share), seen, rate)
                seen.seconds = time.perf_counter() - started
                await settle(seen)
    return seen


async def send(url: str, numbers: range, seen: Seen, rate: float) -> None:
    """Ask for lots at random, each exchange by a unit of its own, `rate` a second at most."""
    waiting, rng = iter(numbers), random.Random(numbers.start)
    async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=AT_ONCE)) as session:

        async def client() -> None:
            for number in waiting:
                prompt = f"When is lot {rng.randrange(100):02} sold?"
                body = gateways.body(prompt, user=f"u{number}")
                async with session.post(url, json=body) as response:
                    await response.read()
                seen.sent += 1
                await asyncio.sleep(AT_ONCE / rate)

        async with asyncio.TaskGroup() as group:
            for _ in range(AT_ONCE):
                group.create_task(client())


@asynccontextmanager
async def watching(folder: Path, seen: Seen) -> AsyncIterator[None]:
    """Note from the matrix what is flagged, and when, for as long as the context lasts."""
    metadata = (("authorization", f"Bearer {control_token(folder)}"),)
    async with grpc.aio.insecure_channel(f"unix:{folder / EFFECTS_SOCKET}") as channel:
        stub = EffectsServiceStub(channel)  # type: ignore[no-untyped-call]

        async def watch() -> None:
            async for answer in stub.WatchEffects(pb.WatchEffectsRequest(seconds=0.5), metadata=metadata):
                note(answer.matrix, seen)

        task = asyncio.create_task(watch())
        try:
            yield
        finally:
            task.cancel()
            await asyncio.wait([task])


def note(matrix: pb.Matrix, seen: Seen) -> None:
    """Take from a matrix what is told in the end."""
    seen.scored = matrix.folded
    for effect in matrix.effects:
        if effect.decided:
            seen.flagged.setdefault(f"{effect.defense} on {effect.measure}", matrix.folded)
    seen.ratios = [
        f"{one.defense} on {one.measure}: {one.ratio.estimate:.2f} "
        f"[{one.ratio.lower:.2f}, {one.ratio.upper:.2f}]"
        for one in matrix.effects
        if one.ratio.HasField("estimate")
    ]
    seen.alarms = [f"{one.kind} {one.measure} {one.defense} {one.direction}" for one in matrix.alarms]
    seen.together = [
        f"{one.first} + {one.second} on {one.measure}: {100 * one.difference.estimate:+.1f} points "
        f"[{100 * one.difference.lower:+.1f}, {100 * one.difference.upper:+.1f}]"
        for one in matrix.interactions
        if one.sure
    ]


async def settle(seen: Seen) -> None:
    """Wait until the monitors have folded what reached them."""
    before = -1
    while seen.scored != before:
        before = seen.scored
        await asyncio.sleep(3)


def simulated(runs: int, exchanges: int) -> list[int | None]:
    """Exchanges until the same harm is flagged in simulation, by run; None where it never is."""
    delays: list[int | None] = []
    for run in range(runs):
        rng, effects, delay = random.Random(run), Effects([MEASURE]), None
        for number in range(exchanges):
            on = rng.random() < 0.5
            violation = rng.random() < (0.04 if on else 0.02)
            part = Assignment("harsh", on, 0.5, 1, "canary")
            score = Score(MEASURE, float(violation), violation)
            effects.fold(Observation(str(number), str(number).encode(), "", (part,), (score,)))
            if violation and effects.matrix()[0].decided:
                delay = number + 1
                break
        delays.append(delay)
    return delays


def tell(scenario: Scenario, seen: Seen) -> None:
    """Print what was seen."""
    print(f"{scenario.name}: {seen.sent} sent, {seen.scored} scored, {seen.sent / seen.seconds:.0f}/s")
    for ratio in seen.ratios:
        print(f"  {ratio}")
    for what, when in seen.flagged.items():
        print(f"  HARM {what} after {when} scored exchanges")
    for line in (*seen.together, *seen.alarms):
        print(f"  {line}")


def main() -> None:
    """Play the scenarios that are asked for."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument(
        "scenarios", nargs="*", default=[], metavar="SCENARIO", help=f"of {', '.join(SCENARIOS)}"
    )
    parser.add_argument("--exchanges", type=int, default=20_000)
    parser.add_argument("--rate", type=float, default=300.0, help="a second: what the monitors keep up with")
    parser.add_argument("--runs", type=int, default=40)
    parser.add_argument("--json", type=Path, metavar="FILE", help="write all figures")
    arguments = parser.parse_args()
    told: dict[str, Any] = {}
    for name in arguments.scenarios or SCENARIOS:
        seen = asyncio.run(play(SCENARIOS[name], arguments.exchanges, arguments.rate))
        tell(SCENARIOS[name], seen)
        told[name] = {key: getattr(seen, key) for key in Seen.__slots__}
        if name == "planted":
            delays = simulated(arguments.runs, arguments.exchanges)
            known = sorted(delay for delay in delays if delay is not None)
            if known:
                print(
                    f"  simulation: flagged in {len(known)} of {len(delays)} runs, median after "
                    f"{statistics.median(known):.0f}, four fifths within {known[int(0.8 * len(known)) - 1]}"
                )
    if arguments.json:
        arguments.json.write_text(json.dumps(told, indent=1) + "\n")


if __name__ == "__main__":
    main()
