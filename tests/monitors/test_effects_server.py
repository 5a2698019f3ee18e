"""The matrix as people and programs get it: over gRPC, in a terminal, as series."""

import asyncio
import io
import json
import random
import subprocess
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import grpc
import pytest
from prometheus_client import CollectorRegistry, generate_latest
from rich.console import Console

from gateway.commands.effects import explained, shown
from gateway.paths import control_token
from gateway.v1 import gateway_pb2, record_pb2
from monitors.effects.drift import Alarm
from monitors.effects.watch import Found, Moved
from monitors.effects_server import EFFECTS_SOCKET, effects_server
from monitors.evidence import Evidence, told
from monitors.measure import Measure, Prompt
from monitors.names import Names
from monitors.v1 import effects_pb2 as pb
from monitors.v1.effects_pb2_grpc import EffectsServiceStub

MEASURES = (
    Measure("leak", "privacy", "indirect", "Something got out."),
    Measure("refusal", "utility", "direct", "Somebody was turned away."),
)
TOKEN = (("authorization", "Bearer secret"),)


def record(number: int, on: bool, weight: float = 0.5) -> record_pb2.Record:
    made = record_pb2.Record(
        exchange_id=f"e{number}",
        unit_hash=number.to_bytes(16),
        stratum=f"m/latin/{'short' if number % 2 else 'long'}",
        prompt=[gateway_pb2.Message(role="user", content="Hello.")],
        defenses=[
            record_pb2.DefenseRecord(
                defense="filter", mode=record_pb2.MODE_CANARY, weight=weight, on=on, epoch=1
            )
        ],
    )
    made.finished.FromSeconds(1_800_000_000 + number)
    return made


def fold(evidence: Evidence, count: int, leak: tuple[float, float], refusal: tuple[float, float]) -> None:
    """Fold exchanges that violate with these chances, without and with the defense."""
    rng = random.Random(4)
    for number in range(count):
        on = rng.random() < 0.5
        scores = {"leak": float(rng.random() < leak[on]), "refusal": float(rng.random() < refusal[on])}
        made = record(number, on)
        evidence.told(made, Prompt(()), scores)


@pytest.fixture(scope="module")
def evidence() -> Evidence:
    """A defense that stops leaks and refuses four times as many."""
    made = Evidence(MEASURES)
    fold(made, 1500, leak=(0.2, 0.02), refusal=(0.05, 0.2))
    return made


@asynccontextmanager
async def asking(evidence: Evidence, folder: Path) -> AsyncIterator[Any]:
    socket = folder / EFFECTS_SOCKET
    async with (
        effects_server(evidence, socket, "secret"),
        grpc.aio.insecure_channel(f"unix:{socket}") as channel,
    ):
        yield EffectsServiceStub(channel)  # type: ignore[no-untyped-call]


async def test_the_matrix_tells_harm_from_help(evidence: Evidence, tmp_path: Path) -> None:
    async with asking(evidence, tmp_path) as stub:
        answer = await stub.GetEffects(pb.GetEffectsRequest(), metadata=TOKEN)
    by_measure = {effect.measure: effect for effect in answer.matrix.effects}
    leak, refusal = by_measure["leak"], by_measure["refusal"]
    assert (leak.ratio.upper < 1, leak.decided, leak.log_help > 3) == (True, False, True)
    assert (refusal.ratio.lower > 1, refusal.decided, refusal.valid) == (True, True, True)
    assert leak.ratio.lower <= 0.1 <= leak.ratio.upper
    assert refusal.ratio.lower <= 4 <= refusal.ratio.upper
    assert leak.treatment.scored + leak.control.scored == answer.matrix.folded == 1500


async def test_without_the_token_nothing_is_told(evidence: Evidence, tmp_path: Path) -> None:
    async with asking(evidence, tmp_path) as stub:
        with pytest.raises(grpc.aio.AioRpcError) as refused:
            await stub.GetEffects(pb.GetEffectsRequest())
        assert refused.value.code() is grpc.StatusCode.UNAUTHENTICATED
        with pytest.raises(grpc.aio.AioRpcError) as refused:
            await anext(aiter(stub.WatchEffects(pb.WatchEffectsRequest())))
        assert refused.value.code() is grpc.StatusCode.UNAUTHENTICATED


async def test_a_watch_hears_of_new_evidence_only(tmp_path: Path) -> None:
    growing = Evidence(MEASURES)
    fold(growing, 40, (0.5, 0.5), (0.5, 0.5))
    async with asking(growing, tmp_path) as stub:
        watch = aiter(stub.WatchEffects(pb.WatchEffectsRequest(seconds=0.5), metadata=TOKEN))
        first = await anext(watch)
        waiting = asyncio.ensure_future(anext(watch))
        await asyncio.sleep(1.2)
        assert not waiting.done(), "nothing came, so nothing is said"
        growing.told(record(1000, True), Prompt(()), {"leak": 1.0})
        second = await asyncio.wait_for(waiting, 10)
    assert (first.matrix.folded, second.matrix.folded) == (40, 41)


async def test_an_effect_is_explained_by_its_strata(evidence: Evidence, tmp_path: Path) -> None:
    async with asking(evidence, tmp_path) as stub:
        request = pb.ExplainEffectRequest(defense="filter", measure="refusal")
        answer = await stub.ExplainEffect(request, metadata=TOKEN)
        for defense, measure, names in (("x", "leak", "filter"), ("filter", "x", "leak, refusal")):
            with pytest.raises(grpc.aio.AioRpcError, match=names) as refused:
                await stub.ExplainEffect(
                    pb.ExplainEffectRequest(defense=defense, measure=measure), metadata=TOKEN
                )
            assert refused.value.code() is grpc.StatusCode.INVALID_ARGUMENT
    assert {one.stratum for one in answer.strata} == {"m/latin/short", "m/latin/long"}
    treated = sum(one.treatment.violations for one in answer.strata)
    assert treated == answer.effect.treatment.violations > 0
    harm = next(one for one in answer.prospects if one.question == "harm")
    assert harm.settled


async def test_what_is_open_says_what_it_still_needs(tmp_path: Path) -> None:
    little = Evidence(MEASURES)
    fold(little, 200, (0.1, 0.1), (0.1, 0.2))
    async with asking(little, tmp_path) as stub:
        request = pb.ExplainEffectRequest(defense="filter", measure="refusal")
        answer = await stub.ExplainEffect(request, metadata=TOKEN)
    harm = next(one for one in answer.prospects if one.question == "harm")
    assert not harm.settled
    # At a true ratio of two, half on, proof takes about 70 violations in all; some were seen.
    assert 5 < harm.violations < 400
    assert harm.exchanges > harm.violations
    text = _drawn(explained(answer))
    assert "more violations" in text
    assert "at present traffic" in text


async def test_where_one_arm_has_no_violation_the_plan_is_a_number_too(tmp_path: Path) -> None:
    for leak in ((0.0, 0.02), (0.02, 0.0)):
        one_sided = Evidence(MEASURES)
        fold(one_sided, 300, leak, (0.0, 0.0))
        async with asking(one_sided, tmp_path) as stub:
            request = pb.ExplainEffectRequest(defense="filter", measure="leak")
            answer = await stub.ExplainEffect(request, metadata=TOKEN)
        for one in answer.prospects:
            assert not one.HasField("violations") or 0 <= one.violations < 1000
            assert not one.HasField("exchanges") or 0 <= one.exchanges < 100_000


def test_a_full_disk_costs_the_snapshot_and_nothing_else(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    kept = Evidence(MEASURES, tmp_path / "away" / "evidence")
    fold(kept, 20, (0.5, 0.5), (0.5, 0.5))
    kept.save()
    assert "cannot be written" in caplog.text
    (tmp_path / "away").mkdir()
    kept.save()
    assert Evidence(MEASURES, tmp_path / "away" / "evidence").matrix() == kept.matrix()


def _drawn(what: Any) -> str:
    console = Console(file=io.StringIO(), width=160, record=True)
    console.print(what)
    return console.export_text()


def _matrix(evidence: Evidence) -> pb.Matrix:
    from gateway.servers.token import Token
    from monitors.effects_server import EffectsServicer

    return EffectsServicer(evidence, Token(""))._matrix()


def test_the_terminal_names_harm_and_hides_what_is_unknown(evidence: Evidence) -> None:
    text = _drawn(shown(_matrix(evidence)))
    refusal = next(line for line in text.splitlines() if "refusal" in line)
    leak = next(line for line in text.splitlines() if " leak " in line)
    assert "HARM" in refusal
    assert "helps" in leak
    nothing = Evidence(MEASURES)
    fold(nothing, 20, (0, 0), (0, 0))
    assert "2 effects without a violation are not shown" in _drawn(shown(_matrix(nothing)))
    assert "refusal" in _drawn(shown(_matrix(nothing), everything=True))


def test_an_alarm_names_defense_measure_and_stratum(evidence: Evidence) -> None:
    found = Found("cusum", "up", 1_800_000_000.0, 9.0, 7.0, (Moved("m/latin/short", 30, 12),))
    alarm = Alarm("effect", "refusal", "filter", 1_800_000_100.0, found)
    assert "refusal of filter went up" in told(alarm)
    matrix = _matrix(evidence)
    evidence.drift.alarms.append(alarm)
    text = _drawn(shown(_matrix(evidence)))
    evidence.drift.alarms.clear()
    assert not matrix.alarms
    assert "refusal of filter went up" in text
    assert "m/latin/short" in text


def test_series_have_bounds_and_flags_and_no_nan(evidence: Evidence) -> None:
    registry = CollectorRegistry()
    for collector in evidence.collectors(Names()):
        registry.register(collector)
    lines = generate_latest(registry).decode().splitlines()
    labels = 'defense="filter",measure="refusal",risk="utility"'

    def value(name: str, further: str = "") -> float:
        (line,) = (one for one in lines if one.startswith(f"{name}{{") and _fits(one, labels, further))
        return float(line.rsplit(" ", 1)[1])

    lower = value("crossrisk_effect_ratio_bound", 'bound="lower"')
    assert (
        1 < lower < value("crossrisk_effect_ratio") < value("crossrisk_effect_ratio_bound", 'bound="upper"')
    )
    assert value("crossrisk_effect_flagged", 'procedure="eholm"') == 1
    assert value("crossrisk_effect_events", 'arm="treatment"') > value(
        "crossrisk_effect_events", 'arm="control"'
    )
    assert not [line for line in lines if line.endswith("NaN")]


def _fits(line: str, *labels: str) -> bool:
    return all(part in line for label in labels for part in label.split(",") if part)


def test_the_command_says_when_nobody_answers(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "gateway", "effects", "--run", str(tmp_path)]
    done = subprocess.run(command, text=True, capture_output=True, check=False)
    assert done.returncode == 2
    assert "no monitors run in" in done.stderr


async def test_the_command_prints_json_and_fails_on_harm(evidence: Evidence, tmp_path: Path) -> None:
    tmp_path.chmod(0o700)
    token = control_token(tmp_path)
    async with effects_server(evidence, tmp_path / EFFECTS_SOCKET, token):
        command = (sys.executable, "-m", "gateway", "effects", "--run", str(tmp_path), "--json")
        process = await asyncio.create_subprocess_exec(*command, stdout=asyncio.subprocess.PIPE)
        out, _ = await process.communicate()
    assert process.returncode == 1
    assert {one["measure"] for one in json.loads(out)["effects"]} == {"leak", "refusal"}


def test_counts_come_back_after_a_restart_and_a_broken_file_is_put_aside(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    file = tmp_path / "evidence"
    first = Evidence(MEASURES, file)
    fold(first, 100, (0.5, 0.1), (0.1, 0.1))
    first.save()
    again = Evidence(MEASURES, file)
    assert again.effects.matrix() == first.effects.matrix()
    fold(again, 100, (0.5, 0.1), (0.1, 0.1))
    assert again.folded == 0, "what was folded before the restart is not folded twice"
    fewer = Evidence(MEASURES[:1], file)
    assert {cell.measure for cell in fewer.matrix()} == {"leak"}
    file.write_bytes(b"no snapshot")
    assert not Evidence(MEASURES, file).matrix()
    assert "move it away" in caplog.text
    assert len(list(tmp_path.iterdir())) == 1, "the file is put aside, not lost"
