"""What stands around the controller: service, series, webhooks, shadow table, counts, configuration."""

import asyncio
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import grpc
import pytest
from aiohttp import web
from prometheus_client import CollectorRegistry, generate_latest

from gateway.canary_entries import plans
from gateway.canary_settings import CanarySettings
from gateway.config import read_config
from gateway.errors import ConfigError
from gateway.v1 import gateway_pb2, record_pb2
from monitors.canary import hooks
from monitors.canary.exporter import CanaryCollector
from monitors.canary.facts import Facts, Reading
from monitors.canary.hooks import Hooks
from monitors.canary.prospect import prospect
from monitors.canary.shadow import Disagreements
from monitors.canary.state import State
from monitors.canary.tally import Tally
from monitors.effects_server import EFFECTS_SOCKET, effects_server
from monitors.evidence import Evidence
from monitors.v1 import canary_pb2 as pb
from monitors.v1 import canary_pb2_grpc
from tests.monitors.canary.tables import World, plan

TOKEN = (("authorization", "Bearer secret"),)


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    made = World(tmp_path, plan())
    yield made
    made.close()


@asynccontextmanager
async def asking(world: World, folder: Path) -> AsyncIterator[Any]:
    controller = world.controller("one")
    await controller.turn()
    world.traffic(controller, 40)
    world.clock.now += 20
    await controller.turn()
    socket = folder / EFFECTS_SOCKET
    async with (
        effects_server(Evidence(()), socket, "secret", controller),
        grpc.aio.insecure_channel(f"unix:{socket}") as channel,
    ):
        yield canary_pb2_grpc.CanaryServiceStub(channel)  # type: ignore[no-untyped-call]


async def test_the_service_tells_and_takes_orders(world: World, tmp_path: Path) -> None:
    async with asking(world, tmp_path) as stub:
        answer = await stub.GetCanaries(pb.GetCanariesRequest(), metadata=TOKEN)
        (canary,) = answer.canaries
        assert (canary.state.stage, canary.state.weight, canary.progress.exchanges) == ("step", 0.25, 40)
        assert {one.measure: one.role for one in canary.readings} == {"leak": "target", "refusal": "guard"}
        assert canary.prospect.measure == "refusal"
        order = pb.SteerCanaryRequest(
            defense="new", action="CANARY_ACTION_PAUSE", actor="ana", reason="lunch"
        )
        steered = await stub.SteerCanary(order, metadata=TOKEN)
        assert steered.state.paused
        told = await stub.GetCanaryHistory(pb.GetCanaryHistoryRequest(defense="new"), metadata=TOKEN)
        last = told.transitions[-1]
        assert (last.decision, last.actor, last.words, last.done) == ("pause", "ana", "lunch", True)
        with pytest.raises(grpc.aio.AioRpcError, match="already") as refused:
            await stub.SteerCanary(order, metadata=TOKEN)
        assert refused.value.code() is grpc.StatusCode.FAILED_PRECONDITION
        order.reason = ""
        with pytest.raises(grpc.aio.AioRpcError, match="reason") as refused:
            await stub.SteerCanary(order, metadata=TOKEN)
        assert refused.value.code() is grpc.StatusCode.INVALID_ARGUMENT


@pytest.mark.parametrize("call", ["GetCanaries", "SteerCanary", "GetCanaryHistory"])
async def test_without_the_token_nothing_happens(world: World, tmp_path: Path, call: str) -> None:
    async with asking(world, tmp_path) as stub:
        request = getattr(pb, f"{call}Request")()
        with pytest.raises(grpc.aio.AioRpcError) as refused:
            await getattr(stub, call)(request)
        assert refused.value.code() is grpc.StatusCode.UNAUTHENTICATED


async def test_series_are_one_hot_and_count_decisions(world: World) -> None:
    controller = world.controller("one")
    await controller.turn()
    registry = CollectorRegistry()
    registry.register(CanaryCollector(controller))
    lines = generate_latest(registry).decode().splitlines()
    states = [line for line in lines if line.startswith("crossrisk_canary_state{")]
    assert [line for line in states if line.endswith(" 1.0")] == [
        'crossrisk_canary_state{defense="new",state="step"} 1.0'
    ]
    assert len(states) == 9
    assert 'crossrisk_canary_decisions_total{decision="start",defense="new",reason="new"} 1.0' in lines


async def test_webhooks_are_tried_again_and_wait_for_nobody(monkeypatch: pytest.MonkeyPatch) -> None:
    heard: list[dict[str, Any]] = []
    failures = iter([True, True, False])

    async def hear(request: web.Request) -> web.Response:
        if next(failures):
            return web.Response(status=503)
        heard.append(await request.json())
        return web.Response()

    monkeypatch.setattr(hooks, "FIRST_PAUSE", 0.01)
    app = web.Application()
    app.router.add_post("/", hear)
    runner = web.AppRunner(app)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    port = site._server.sockets[0].getsockname()[1]  # type: ignore[union-attr]
    telling = Hooks()
    telling.tell([f"http://127.0.0.1:{port}/", "http://127.0.0.1:9/"], {"decision": "advance"})
    assert not heard, "it returned at once"
    async with asyncio.timeout(20):
        while telling.sent + telling.lost < 2:
            await asyncio.sleep(0.01)
    assert (heard, telling.sent, telling.lost) == ([{"decision": "advance"}], 1, 1)
    await telling.aclose()
    await runner.cleanup()


def verdict(defense: str, would: gateway_pb2.Action, label: str = "", on: bool = True) -> Any:
    findings = [gateway_pb2.Finding(label=label)] if label else []
    return record_pb2.DefenseRecord(defense=defense, on=on, would=would, findings=findings)


def test_disagreements_are_told_by_label_and_kind() -> None:
    table = Disagreements()
    for number in range(8):
        blocks = number < 6
        live = record_pb2.Record(
            exchange_id=f"e{number}",
            stratum="m/latin/short",
            defenses=[
                verdict("old", gateway_pb2.ACTION_FLAG, "attack"),
                verdict("off", gateway_pb2.ACTION_BLOCK, on=False),
            ],
        )
        would = gateway_pb2.ACTION_BLOCK if blocks else gateway_pb2.ACTION_FLAG
        table.add(live, verdict("new", would, "phrase"))
    (first, row), (second, same) = table
    assert (first.candidate, first.production, first.label) == ("block", "flag", "phrase")
    assert (row.count, row.exchanges) == (6, ["e0", "e1", "e2", "e3", "e4"])
    assert (second.agrees, same.count) == (True, 2)


def test_the_tally_counts_both_arms_and_knows_a_measure_that_fell_silent() -> None:
    tally, settings = Tally(), CanarySettings(slowest=0.1)
    for number in range(1000):
        on = number % 4 == 0
        failed = number % 8 == 0
        record = record_pb2.Record(
            unit_hash=bytes([number % 256]),
            outcome=record_pb2.OUTCOME_FAILED if failed else record_pb2.OUTCOME_COMPLETED,
        )
        one = record_pb2.DefenseRecord(defense="new", on=on, seconds=0.2 if number % 40 == 0 else 0.003)
        tally.add(record, one, settings, floor=7)
        tally.heard(["often"] if number < 500 else [])
    assert (tally.exchanges, tally.treated, tally.failed, tally.failed_without) == (1000, 250, 125, 0)
    assert (tally.slow, len(tally.units), tally.p99) == (25, 7, 0.2)
    assert tally.stale == ("often",)
    assert tally.begin().exchanges == 0


def test_the_time_to_a_proof_is_told_by_formula() -> None:
    settings = CanarySettings()
    found = Facts((Reading("refusal", "guard", 0, 0, 0, 0, 10, 990, 0, 20),), exchanges=1000)
    state = State("step", 0, 0.01, 0.0)
    told = prospect(state, settings, found, 100.0)
    assert told is not None
    # The design measured 14,000 at the median and 30,000 at the 80th percentile for this rate and margin.
    assert 14_000 < (told.exchanges or 0) < 30_000
    assert told.seconds == pytest.approx((told.exchanges or 0) / 10)
    assert prospect(State("full"), settings, found, 100.0) is None


GOOD = """\
upstreams:
  - use: gateway.upstreams.grpc:Grpc
    target: 127.0.0.1:1
    may_be_off: [leak_filter]
defenses:
  - use: defenses.leak_filter:LeakFilter
    rollout:
      steps:
        - {weight: 0.1, margin: 2.0}
      holdback: 0.02
"""


def read(folder: Path, text: str) -> Any:
    path = folder / "crossrisk.yaml"
    path.write_text(text)
    return read_config(path)


def test_an_entry_is_read(tmp_path: Path) -> None:
    config = read(tmp_path, GOOD)
    (found,) = plans(config)
    (layer,) = config.layers()
    assert (found.defense, found.risk, found.settings.holdback) == ("leak_filter", "privacy", 0.02)
    assert (layer.mode, layer.weight) == ("shadow", 0.0)
    again = plans(read(tmp_path, GOOD.replace("0.02", "0.03")))[0]
    other = plans(read(tmp_path, GOOD.replace("    rollout", "    threshold: 0.9\n    rollout")))[0]
    assert again.digest == found.digest != other.digest


@pytest.mark.parametrize(
    ("old", "new", "told"),
    [
        ("    rollout:", "    mode: canary\n    rollout:", ["defenses[0]", "line 7", "leave it out"]),
        ("weight: 0.1", "weight: 1.1", ["defenses[0]: rollout", "number 1", "below 1"]),
        ("weight: 0.1", "wieght: 0.1", ["steps", "number 1", "wieght"]),
        ("      holdback: 0.02", "      holdbak: 0.02", ["did you mean 'holdback'"]),
        ("    may_be_off: [leak_filter]\n", "", ["holdback", "may_be_off: [leak_filter]"]),
        (GOOD[GOOD.index("    rollout") :], "    rollout: canarie\n", ["line 7", "must be `canary`"]),
    ],
)
def test_a_mistake_is_told_with_its_place(tmp_path: Path, old: str, new: str, told: list[str]) -> None:
    assert old in GOOD
    with pytest.raises(ConfigError) as error:
        plans(read(tmp_path, GOOD.replace(old, new, 1)))
    for part in told:
        assert part in str(error.value)
