"""Replays: which answers are known, what they may cost, and that no client and no metric ever sees one."""

import asyncio
import random
from collections.abc import Sequence
from contextlib import aclosing
from dataclasses import replace
from pathlib import Path
from typing import Any

import grpc
import pytest
from prometheus_client import generate_latest

from defenses.dp_prompt import DpPrompt
from defenses.fairness_reminder import FairnessReminder
from defenses.leak_filter import LeakFilter
from defenses.pii_redaction import PiiRedaction
from gateway.chain import Layer
from gateway.engine import Engine, Route
from gateway.errors import (
    InvalidRequestError,
    OverloadedError,
    ReplayCancelledError,
    ReplayRefusedError,
)
from gateway.metrics import GatewayMetrics
from gateway.record import Evidence, build_record
from gateway.replay_settings import ReplaySettings
from gateway.replays import Bucket, Replays, replayed
from gateway.servers.control import control_server
from gateway.stratum import stratum
from gateway.switchboard import Switchboard
from gateway.trail import Answer
from gateway.types import Deltas, Exchange, Finish, Message, Text, ToolCall, Usage
from gateway.unit import Unit, Units
from gateway.v1 import gateway_pb2, record_pb2, replay_pb2
from gateway.v1.replay_pb2_grpc import ReplayServiceStub

SAID = "Write to ada@example.org today."
ASKED = (Message("user", "Whom do I write to?"),)
GENEROUS = ReplaySettings(per_second=1000, tokens_per_second=10_000)


class Model:
    """Says what it is given, waits where it should, and keeps what it was asked."""

    def __init__(self, says: str = SAID) -> None:
        self.says = says
        self.asked: list[Exchange] = []
        self.waiting: asyncio.Event | None = None
        self.closed = 0
        self.told = 0

    async def ready(self) -> bool:
        return True

    async def __call__(self, exchange: Exchange) -> Deltas:
        self.asked.append(exchange)
        try:
            yield Text(self.says)
            if self.waiting is not None:
                await self.waiting.wait()
            if self.told:
                yield Usage(3, self.told)
            yield Finish("stop")
        finally:
            self.closed += 1


class Broken(FairnessReminder):
    def rewrite(self, exchange: Exchange) -> Exchange:
        raise RuntimeError("no")


class Kept:
    """The engine's tap, without another process."""

    connected, offered, dropped = True, 0, 0

    def __init__(self) -> None:
        self.records: list[record_pb2.Record] = []

    def reserve(self) -> bool:
        return True

    def publish(self, record: record_pb2.Record) -> None:
        self.records.append(record)


class Rig:
    """An engine with a leak filter and a reminder, its model, and replays of what it served."""

    def __init__(self, settings: ReplaySettings = GENEROUS, layers: Sequence[Layer] | None = None) -> None:
        chosen = layers or [Layer("fair", FairnessReminder()), Layer("leak", LeakFilter())]
        self.model, self.kept, self.metrics = Model(), Kept(), GatewayMetrics(chosen)
        tap: Any = self.kept
        routes = [Route(("m",), self.model)]
        self.engine = Engine(
            chosen, routes, Units(("user",), b"k"), self.metrics, tap, 100, Switchboard(chosen, [frozenset()])
        )
        self.replays = Replays(self.engine, settings, self.metrics)

    async def live(self, **changes: Any) -> record_pb2.Record:
        exchange = replace(Exchange("m", ASKED), **changes)
        async with aclosing(self.engine.serve(exchange, {}, "http")) as deltas:
            _ = [delta async for delta in deltas]
        return self.kept.records[-1]

    def traffic(self) -> list[str]:
        lines = generate_latest(self.metrics.registry).decode().splitlines()
        return [line for line in lines if "_created" not in line and "_replay" not in line]


async def test_leaving_out_a_redaction_asks_no_model_and_shows_what_it_hid() -> None:
    rig = Rig()
    live = await rig.live()
    assert live.delivered.content == "Write to [EMAIL] today."
    before = rig.traffic()
    made = await rig.replays.run(live, frozenset(("fair",)), "needed")
    assert made.record.delivered.content == SAID
    assert (made.generated, made.tokens, len(rig.model.asked)) == (0, 0, 1)
    assert rig.traffic() == before, "a replay counts as no traffic"
    assert len(rig.kept.records) == 1, "nor does the tap carry it"


async def test_a_replay_is_marked_and_knows_its_exchange() -> None:
    rig = Rig()
    live = await rig.live(parameters={"temperature": 0.5})
    made = await rig.replays.run(live, frozenset(("leak",)), "always")
    record, asked = made.record, rig.model.asked[-1]
    assert record.replay_of == live.exchange_id
    assert record.exchange_id not in ("", live.exchange_id)
    assert (record.unit_hash, record.unit_source) == (live.unit_hash, "replay")
    assert (record.prompt, record.stratum) == (live.prompt, live.stratum)
    assert [(one.on, one.weight) for one in record.defenses] == [(False, 0.0), (True, 1.0)]
    assert record.defenses[1].did == gateway_pb2.ACTION_REDACT
    assert asked.replay is not None
    assert asked.parameters == {"temperature": 0.5}


async def test_leaving_out_what_rewrites_the_prompt_asks_the_model_again() -> None:
    rig = Rig()
    live = await rig.live()
    made = await rig.replays.run(live, frozenset(("leak",)), "needed")
    assert made.generated == 1
    assert [len(asked.messages) for asked in rig.model.asked] == [2, 1]


async def test_always_asks_even_what_is_known_and_never_asks_nothing() -> None:
    rig = Rig()
    live = await rig.live()
    on = frozenset(("fair", "leak"))
    assert (await rig.replays.run(live, on, "always")).generated == 1
    silent = await rig.replays.run(live, on, "never")
    assert (silent.generated, silent.record.delivered.content) == (0, "")
    assert len(rig.model.asked) == 2


async def test_an_answer_that_broke_off_or_was_steered_is_not_known() -> None:
    rig = Rig()
    live = await rig.live()
    cut, steered = record_pb2.Record(), record_pb2.Record()
    cut.CopyFrom(live)
    cut.calls[0].answer.finish_reason = ""
    steered.CopyFrom(live)
    steered.calls[0].steered = True
    for record in (cut, steered):
        assert (await rig.replays.run(record, frozenset(("fair",)), "needed")).generated == 1


async def test_another_prompt_is_judged_in_place_of_the_recorded_one() -> None:
    rig = Rig()
    live = await rig.live()
    other = (Message("user", "Whom does she write to?"),)
    made = await rig.replays.run(live, frozenset(), "needed", other)
    assert (made.generated, made.record.prompt[0].content) == (1, other[0].content)


async def test_a_defense_that_fails_is_an_outcome_of_the_replay() -> None:
    rig = Rig(layers=[Layer("broken", Broken(), "shadow")])
    live = await rig.live()
    made = await rig.replays.run(live, frozenset(("broken",)), "needed")
    assert made.record.outcome == record_pb2.OUTCOME_FAILED


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ({"parameters": {"tools": [{"type": "function"}]}}, "tools"),
        ({"messages": (*ASKED, Message("tool", "42", tool_call_id="c"))}, "tools"),
        ({"messages": (Message("assistant", "", tool_calls=(ToolCall("c", "pay", "{}"),)), *ASKED)}, "tools"),
        ({"messages": (Message("user", "x" * 40_000),)}, "cut"),
    ],
)
async def test_what_acts_or_was_cut_is_not_replayed(change: dict[str, Any], told: str) -> None:
    rig = Rig()
    live = await rig.live(**change)
    with pytest.raises(ReplayRefusedError, match=told):
        await rig.replays.run(live, frozenset(), "needed")
    assert len(rig.model.asked) == 1


async def test_a_replay_of_a_replay_and_an_unknown_defense_are_refused() -> None:
    rig = Rig()
    live = await rig.live()
    again = (await rig.replays.run(live, frozenset(), "needed")).record
    with pytest.raises(ReplayRefusedError, match="not replayed"):
        await rig.replays.run(again, frozenset(), "needed")
    with pytest.raises(InvalidRequestError, match="'x'"):
        await rig.replays.run(live, frozenset(("x",)), "needed")


class Shielding(FairnessReminder):
    shields = True


class Spending(FairnessReminder):
    spends = True


async def test_no_replay_tells_a_model_what_a_defense_keeps_from_it() -> None:
    rig = Rig(layers=[Layer("pii", Shielding()), Layer("leak", LeakFilter())])
    live = await rig.live()
    with pytest.raises(ReplayRefusedError, match="what pii keeps from it"):
        await rig.replays.run(live, frozenset(("leak",)), "needed")
    assert (await rig.replays.run(live, frozenset(("leak",)), "never")).generated == 0
    assert (await rig.replays.run(live, frozenset(("pii",)), "needed")).generated == 0


async def test_no_replay_spends_privacy_again() -> None:
    rig = Rig(layers=[Layer("dp", Spending(), "shadow"), Layer("leak", LeakFilter())])
    live = await rig.live()
    with pytest.raises(ReplayRefusedError, match="budget of dp"):
        await rig.replays.run(live, frozenset(("dp",)), "never")
    assert (await rig.replays.run(live, frozenset(), "needed")).generated == 0


def test_the_defenses_that_keep_something_say_so() -> None:
    assert (PiiRedaction.shields, DpPrompt.spends) == (True, True)


class Clock:
    now = 0.0

    def __call__(self) -> float:
        return self.now


def test_a_bucket_fills_at_its_rate_and_no_higher_than_its_window() -> None:
    clock = Clock()
    bucket = Bucket(2.0, 3.0, clock)
    bucket.take(10)
    assert bucket.left == -4
    clock.now = 3
    assert bucket.left == 2
    clock.now = 100
    assert bucket.left == 6


async def test_no_more_replays_begin_in_any_second_than_the_budget_has() -> None:
    rig, clock = Rig(), Clock()
    replays = Replays(rig.engine, ReplaySettings(per_second=3, tokens_per_second=1e6), rig.metrics, clock)
    live, rng, begun = await rig.live(), random.Random(2), []
    for _ in range(300):
        clock.now += rng.expovariate(10)
        try:
            await replays.run(live, frozenset(("fair", "leak")), "never")
        except OverloadedError as error:
            assert "per_second" in str(error)  # noqa: PT017
        else:
            begun.append(clock.now)
    for start in begun:
        assert sum(start <= at < start + 1 for at in begun) <= 6  # what was saved up, and what came meanwhile
    assert 0.9 * 3 < len(begun) / clock.now <= 3.2


async def test_tokens_that_were_spent_are_waited_for() -> None:
    rig, clock = Rig(), Clock()
    replays = Replays(rig.engine, ReplaySettings(per_second=1e6, tokens_per_second=10), rig.metrics, clock)
    live = await rig.live()
    rig.model.told = 150
    await replays.run(live, frozenset(), "always")  # 100 were there
    with pytest.raises(OverloadedError, match="tokens_per_second"):
        await replays.run(live, frozenset(), "always")
    clock.now = 5.1
    assert (await replays.run(live, frozenset(), "always")).tokens == 150


async def test_where_the_model_does_not_tell_tokens_letters_are_counted() -> None:
    rig = Rig()
    live = await rig.live()
    assert (await rig.replays.run(live, frozenset(), "always")).tokens == -(-len(SAID) // 4)


async def test_clients_cancel_replays_and_keep_new_ones_out() -> None:
    rig = Rig(ReplaySettings(per_second=1000, tokens_per_second=1e5, busy=2))
    live = await rig.live()
    rig.model.waiting = asyncio.Event()
    running = asyncio.create_task(rig.replays.run(live, frozenset(), "always"))
    while len(rig.model.asked) < 2:
        await asyncio.sleep(0)
    one, other = (rig.engine.serve(Exchange("m", ASKED), {}, "http") for _ in range(2))
    await anext(one)
    assert not running.done()
    await anext(other)
    with pytest.raises(ReplayCancelledError):
        await running
    assert (rig.replays.running, rig.model.closed) == (0, 2), "its model is closed too"
    with pytest.raises(OverloadedError, match="busy"):
        await rig.replays.run(live, frozenset(), "never")
    for deltas in (one, other):
        await deltas.aclose()
    rig.model.waiting.set()
    await rig.replays.run(live, frozenset(), "always")


async def test_whoever_asked_may_go_away_and_nothing_stays_running() -> None:
    rig = Rig()
    live = await rig.live()
    rig.model.waiting = asyncio.Event()
    running = asyncio.create_task(rig.replays.run(live, frozenset(), "always"))
    while len(rig.model.asked) < 2:
        await asyncio.sleep(0)
    with pytest.raises(OverloadedError, match="at_once"):
        await rig.replays.run(live, frozenset(), "never")
    running.cancel()
    with pytest.raises(asyncio.CancelledError):
        await running
    assert (rig.replays.running, rig.model.closed) == (0, 2)


async def test_the_service_answers_over_the_control_socket(tmp_path: Path) -> None:
    rig = Rig()
    live = await rig.live()
    socket = tmp_path / "c.sock"
    async with (
        control_server(rig.engine, socket, "secret", rig.replays),
        grpc.aio.insecure_channel(f"unix:{socket}") as channel,
    ):
        stub = ReplayServiceStub(channel)  # type: ignore[no-untyped-call]
        request = replay_pb2.ReplayRequest(record=live, on=["fair"], generation=replay_pb2.GENERATION_NEEDED)
        with pytest.raises(grpc.aio.AioRpcError) as refused:
            await stub.Replay(request)
        assert refused.value.code() is grpc.StatusCode.UNAUTHENTICATED
        metadata = (("authorization", "Bearer secret"),)
        response = await stub.Replay(request, metadata=metadata)
        assert (response.record.delivered.content, response.generated) == (SAID, 0)
        for bad in (
            replay_pb2.ReplayRequest(record=live, on=["fair"]),
            replay_pb2.ReplayRequest(generation=replay_pb2.GENERATION_NEVER),
        ):
            with pytest.raises(grpc.aio.AioRpcError) as refused:
                await stub.Replay(bad, metadata=metadata)
            assert refused.value.code() is grpc.StatusCode.INVALID_ARGUMENT


def test_an_exchange_survives_its_record() -> None:
    """What a record tells of an exchange is what came in, so that it can run again."""
    messages = (Message("system", "Be brief."), Message("user", "Grüß Gott 👋", name="ada"))
    exchange = Exchange("m", messages, {"temperature": 0.25, "stop": ["x"], "seed": 7})
    evidence = Evidence(
        exchange=exchange, layers=(), arm=Switchboard([], [frozenset()]).given(frozenset()),
        unit=Unit("user", bytes(16)), stratum=stratum(messages, "m", ("m",)), delivered=Answer("Hi."),
        outcome="completed",
    )  # fmt: skip
    again = replayed(build_record(evidence), "needed")
    assert (again.model, again.messages, again.parameters) == ("m", messages, exchange.parameters)
