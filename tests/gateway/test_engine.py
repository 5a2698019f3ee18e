"""One exchange through the engine: its arm, its record, and its place on the tap."""

import asyncio
import random
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import aclosing, asynccontextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import grpc
import pytest
from prometheus_client import generate_latest

from defenses.leak_filter import LeakFilter
from defenses.prompt_filter import PromptFilter
from gateway.chain import Layer
from gateway.engine import MAX_CHAINS, Engine, Route
from gateway.errors import UpstreamError
from gateway.metrics import GatewayMetrics
from gateway.record import MAX_RECORD
from gateway.switchboard import Switchboard
from gateway.tap import Tap
from gateway.types import Deltas, Exchange, Finish, Message, Text, ToolCall
from gateway.unit import Units
from gateway.v1 import gateway_pb2, record_pb2, record_pb2_grpc
from tests import contract
from tests.rollouts import CRITICAL, ask, canary, change, chi_square, enforce, keep, signs

KEY = b"key"
SAID = "Write to ada@example.org today."


@dataclass
class Collector(record_pb2_grpc.TapServiceServicer):
    """Monitors that only keep what they are sent."""

    records: list[record_pb2.Record] = field(default_factory=list)

    async def Publish(self, request_iterator: Any, context: Any) -> record_pb2.PublishResponse:  # noqa: N802
        async for request in request_iterator:
            self.records.append(request.record)
        return record_pb2.PublishResponse()

    async def have(self, count: int) -> list[record_pb2.Record]:
        async with asyncio.timeout(20):
            while len(self.records) < count:
                await asyncio.sleep(0.005)
        await asyncio.sleep(0.02)
        assert len(self.records) == count
        return self.records


@asynccontextmanager
async def tapped(
    folder: Path, capacity: int, metrics: GatewayMetrics
) -> AsyncIterator[tuple[Tap, Collector]]:
    collector, server = Collector(), grpc.aio.server()
    record_pb2_grpc.add_TapServiceServicer_to_server(collector, server)  # type: ignore[no-untyped-call]
    server.add_insecure_port(f"unix:{folder}/tap.sock")
    await server.start()
    tap = Tap(folder / "tap.sock", capacity, metrics)
    sending = asyncio.create_task(tap.run())
    try:
        yield tap, collector
    finally:
        sending.cancel()
        await asyncio.wait([sending])
        await server.stop(0)


@asynccontextmanager
async def engine(
    folder: Path,
    layers: list[Layer],
    upstream: Any,
    capacity: int = 128,
    may_be_off: frozenset[str] = frozenset(),
) -> AsyncIterator[tuple[Engine, Collector]]:
    metrics = GatewayMetrics(layers)
    board = Switchboard(layers, [may_be_off])
    async with tapped(folder, capacity, metrics) as (tap, collector):
        route = Route(("m",), upstream, may_be_off)
        yield Engine(layers, [route], Units(("user",), KEY), metrics, tap, 1000, board), collector


async def text(deltas: Deltas) -> str:
    async with aclosing(deltas) as stream:
        return contract.text_of([delta async for delta in stream])


async def test_an_exchange_is_served_as_its_arm_says_and_its_record_tells_it(tmp_path: Path) -> None:
    layers = signs(a=canary(0.5), b=enforce(0.5), c=enforce())
    listed = contract.Listed(contract.answer("."))
    async with engine(tmp_path, layers, listed, may_be_off=frozenset("b")) as (served, collector):
        answers = {f"u{n}": await text(served.serve(ask(user=f"u{n}"), {}, "http")) for n in range(40)}
        again = {user: await text(served.serve(ask(user=user), {}, "http")) for user in answers}
        assert again == answers, "a unit stays in its arm"
        assert set(answers.values()) == {"abc.", "ac.", "bc.", "c."}
        records = await collector.have(80)
    seen: dict[bytes, set[str]] = {}
    for record in records:
        on = "".join(one.defense for one in record.defenses if one.on)
        assert record.delivered.content == on + "."
        assert [one.weight for one in record.defenses] == [0.5, 0.5, 1.0]
        assert [one.mode for one in record.defenses] == [
            record_pb2.MODE_CANARY, record_pb2.MODE_ENFORCE, record_pb2.MODE_ENFORCE,
        ]  # fmt: skip
        assert [one.epoch for one in record.defenses] == [1, 1, 1]
        seen.setdefault(record.unit_hash, set()).add(on)
    assert len(seen) == 40
    assert all(len(arms) == 1 for arms in seen.values())


async def test_a_change_holds_from_the_next_exchange_and_not_before(tmp_path: Path) -> None:
    listed = contract.Listed(contract.answer("."))
    async with engine(tmp_path, signs(a=enforce()), listed) as (served, collector):
        begun = served.serve(ask(), {}, "http")
        assert await anext(begun) == Text("a")
        await served.switchboard.switch("a", True, "bo", "burns")
        assert await text(served.serve(ask(), {}, "http")) == "."
        assert await text(begun) == "."
        after, before = await collector.have(2)
    assert (before.rollout_version, before.defenses[0].on, before.defenses[0].weight) == (1, True, 1.0)
    assert (after.rollout_version, after.defenses[0].on, after.defenses[0].weight) == (2, False, 0.0)


async def test_a_record_is_complete(tmp_path: Path) -> None:
    layers = [
        Layer("prompt_filter", PromptFilter(phrases=("sesame",), action="flag")),
        Layer("leak_filter", LeakFilter()),
        Layer("other", LeakFilter(), "shadow"),
    ]
    listed = contract.Listed(contract.answer(SAID))
    async with engine(tmp_path, layers, listed) as (served, collector):
        asked = replace(
            ask("open sesame", "ada"),
            messages=(Message("system", "Be brief."), Message("user", "open sesame")),
        )
        await text(served.serve(asked, {}, "http"))
        [record] = await collector.have(1)
    assert record.exchange_id == asked.id
    assert record.model == "m"
    assert [(turn.role, turn.content) for turn in record.prompt] == [
        ("system", "Be brief."),
        ("user", "open sesame"),
    ]
    assert [call.answer.content for call in record.calls] == [SAID]
    assert record.calls[0].prompt == record.prompt
    assert record.calls[0].seconds > 0
    assert record.delivered.content == "Write to [EMAIL] today."
    assert record.delivered.finish_reason == "stop"
    assert record.outcome == record_pb2.OUTCOME_COMPLETED
    assert (record.rollout_version, record.stratum, record.replay_of) == (1, "m/latin/short", "")
    assert (len(record.unit_hash), record.unit_source) == (16, "user")
    assert record.unit_hash == Units(("user",), KEY).of(asked, {}).hash
    assert not record.truncated
    assert 0 < record.finished.ToNanoseconds() - record.started.ToNanoseconds() < 60e9
    flagged, redacted, shadow = record.defenses
    assert (flagged.would, flagged.did) == (gateway_pb2.ACTION_FLAG, gateway_pb2.ACTION_UNSPECIFIED)
    assert (redacted.would, redacted.did) == (gateway_pb2.ACTION_REDACT, gateway_pb2.ACTION_REDACT)
    assert [(f.label, f.location, f.start, f.end) for f in redacted.findings] == [("email", "content", 9, 24)]
    assert flagged.findings[0].start == 5
    assert min(flagged.seconds, redacted.seconds) > 0
    assert (shadow.mode, shadow.on, shadow.weight) == (record_pb2.MODE_SHADOW, False, 0.0)
    assert not shadow.findings
    assert shadow.risk == redacted.risk == gateway_pb2.RISK_PRIVACY


async def test_every_outcome_leaves_a_record(tmp_path: Path) -> None:
    layers = [Layer("prompt_filter", PromptFilter(phrases=("sesame",)))]
    good = contract.Listed(contract.answer("one ", "two"))
    async with engine(tmp_path, layers, good) as (served, collector):
        await text(served.serve(ask("open sesame"), {}, "http"))
        async with aclosing(served.serve(ask(), {}, "http")) as deltas:
            assert await anext(deltas) == Text("one ")
        good.error, good.deltas = UpstreamError("gone"), [Text("half")]
        with pytest.raises(UpstreamError):
            await text(served.serve(ask(), {}, "http"))
        records = await collector.have(3)
    assert [record.outcome for record in records] == [
        record_pb2.OUTCOME_BLOCKED, record_pb2.OUTCOME_CANCELLED, record_pb2.OUTCOME_FAILED,
    ]  # fmt: skip
    assert [record.delivered.content for record in records] == ["", "one ", "half"]
    assert [len(record.calls) for record in records] == [0, 1, 1]


async def test_a_record_has_an_upper_size(tmp_path: Path) -> None:
    call = ToolCall("i" * 50_000, "n" * 50_000, "{}")
    long = [
        [Message("user", "x" * 1_000_000)],
        [Message("user", "é")] * 100_000,
        [Message("assistant", "", tool_calls=(call,) * 20), Message("user", "hello")],
    ]
    listed = contract.Listed(contract.answer("Mail ada@example.org. " * 20_000))
    async with engine(tmp_path, [Layer("leak_filter", LeakFilter())], listed) as (served, collector):
        for messages in long:
            await text(served.serve(replace(ask(), messages=tuple(messages)), {}, "http"))
        records = await collector.have(3)
    for record in records:
        assert record.truncated
        assert record.ByteSize() < 6 * MAX_RECORD


async def test_what_no_record_can_hold_harms_nobody(tmp_path: Path) -> None:
    listed = contract.Listed(contract.answer("half a pair: \ud800"))
    async with engine(tmp_path, signs(a=enforce()), listed, capacity=1) as (served, collector):
        for _ in range(3):
            assert await text(served.serve(ask(), {}, "http")) == "ahalf a pair: \ud800"
        listed.deltas = contract.answer("whole")
        await text(served.serve(ask(), {}, "http"))
        [record] = await collector.have(1)
        assert record.delivered.content == "awhole"
        lost = b'crossrisk_tap_dropped_total{reason="unrecordable"} 3.0'
        assert lost in generate_latest(served.metrics.registry)


async def test_chains_are_kept_within_bounds(tmp_path: Path) -> None:
    layers = signs(**{f"{letter}_": canary(0.5) for letter in "abcdefghijkl"})
    listed = contract.Listed(contract.answer("."))
    async with engine(tmp_path, layers, listed, capacity=1) as (served, _):
        answers = {await text(served.serve(ask(user=str(n)), {}, "http")) for n in range(2 * MAX_CHAINS)}
        assert len(answers) > MAX_CHAINS
        assert len(served._chains) == MAX_CHAINS


@dataclass
class Waits:
    """An upstream that answers, fails or goes on for ever, as its prompt says."""

    async def ready(self) -> bool:
        return True

    async def __call__(self, exchange: Exchange) -> Deltas:
        yield Text("x")
        if exchange.messages[-1].content == "failed":
            raise UpstreamError("gone")
        yield Text("y")
        yield Finish("stop")


OUTCOMES = ("completed", "blocked", "failed", "cancelled")


async def test_a_full_tap_drops_without_regard_to_arm_and_outcome(tmp_path: Path) -> None:
    layers = [*signs(a=canary(0.5)), Layer("guard", PromptFilter(phrases=("blocked",)))]
    rng, kept, gone, first = random.Random(7), Counter[str](), Counter[str](), Counter[str]()
    async with engine(tmp_path, layers, Waits(), capacity=20) as (served, collector):
        for round_ in range(40):
            begun, recorded, ended = [], len(collector.records), 0
            for number in range(60):
                outcome, user = rng.choice(OUTCOMES), f"{round_}-{number}"
                deltas = served.serve(ask(outcome, user), {}, "http")
                arm = "a" if "a" in served.switchboard.arm(unit_of(user), frozenset()).on else "-"
                cell = f"{arm} {outcome}"
                gone[cell] += 1
                # What fails and what is blocked is over at once; the others take their time.
                if outcome in ("failed", "blocked"):
                    await finish(deltas, outcome)
                    first[cell] += ended < 20
                    ended += 1
                else:
                    await anext(deltas)
                    begun.append((deltas, outcome))
            for deltas, outcome in begun:
                await finish(deltas, outcome)
            await collector.have(recorded + 20)
            for record in collector.records[recorded:]:
                arm = "a" if record.defenses[0].on else "-"
                kept[f"{arm} {record_pb2.Outcome.Name(record.outcome)[8:].lower()}"] += 1
        assert served.tap is not None
        assert served.tap.dropped == 40 * 40
    cells = sorted(gone)
    assert len(cells) == 8
    assert chi_square([[kept[cell], gone[cell] - kept[cell]] for cell in cells]) < CRITICAL[7]
    biased = chi_square([[first[cell], gone[cell] - first[cell]] for cell in cells])
    assert biased > CRITICAL[7], "places for those that end first would be noticed"


def unit_of(user: str) -> bytes:
    return Units(("user",), KEY).of(ask(user=user), {}).hash


async def finish(deltas: Deltas, outcome: str) -> None:
    async with aclosing(deltas):
        if outcome == "failed":
            with pytest.raises(UpstreamError):
                await text(deltas)
        elif outcome != "cancelled":
            await text(deltas)


async def test_a_table_that_is_applied_is_served(tmp_path: Path) -> None:
    listed = contract.Listed(contract.answer("."))
    async with engine(tmp_path, signs(a=canary(0.0)), listed) as (served, _):
        assert await text(served.serve(ask(), {}, "http")) == "."
        await served.switchboard.apply(change(1, ("a", keep(canary(1.0)))))
        assert await text(served.serve(ask(), {}, "http")) == "a."
