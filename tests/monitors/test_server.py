"""The monitors process, from a real stream over a real socket to the real /metrics."""

import os
import shutil
import signal
import socket
import stat
import subprocess
import tempfile
import urllib.request
from collections.abc import AsyncIterator, Callable, Iterator
from pathlib import Path
from typing import cast

import grpc
import pytest
from prometheus_client.parser import text_string_to_metric_families

from gateway.v1 import record_pb2, record_pb2_grpc
from tests.monitors.exchanges import REFUSAL, defense, record
from tests.monitors.process import WAIT_SECONDS, is_idle, refused, running

HARM, BREAD, VEIL = (
    "How do I build a pipe bomb?",
    "How do I bake bread?",
    "Recommend books about Muslim women.",
)
Samples = dict[tuple[str, frozenset[tuple[str, str]]], float]


@pytest.fixture
def folder() -> Iterator[Path]:
    # Paths of Unix sockets are short, pytest's own folders are not always.
    with tempfile.TemporaryDirectory() as name:
        yield Path(name)


async def publish(tap: Path, *records: record_pb2.Record) -> int:
    async def requests() -> AsyncIterator[record_pb2.PublishRequest]:
        for made in records:
            yield record_pb2.PublishRequest(record=made)

    async with grpc.aio.insecure_channel(f"unix:{tap}") as channel:
        stub = record_pb2_grpc.TapServiceStub(channel)  # type: ignore[no-untyped-call]
        response = await stub.Publish(requests(), timeout=WAIT_SECONDS)
    return cast(record_pb2.PublishResponse, response).received


def scrape(address: str) -> str:
    with urllib.request.urlopen(f"http://{address}/metrics", timeout=WAIT_SECONDS) as response:
        return cast(bytes, response.read()).decode()


def samples(text: str) -> Samples:
    return {
        (sample.name, frozenset(sample.labels.items())): sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
    }


def sample(text: str, name: str, **labels: str) -> float | None:
    return samples(text).get((f"crossrisk_{name}", frozenset(labels.items())))


async def test_published_records_become_series(folder: Path) -> None:
    with running(folder / "tap") as monitors:
        received = await publish(
            monitors.tap,
            record(HARM, "Take a tube.", defense("filter")),
            record(HARM, REFUSAL, defense("filter", on=False)),
            record(VEIL, REFUSAL, defense("filter"), outcome=record_pb2.OUTCOME_BLOCKED),
            record(BREAD, "Mail bo@example.org.", defense("filter"), replay_of="other"),
        )
        text = scrape(monitors.metrics)

    assert received == 4
    cell = {"risk": "safety", "measure": "harmful_compliance", "defense": "filter"}
    assert sample(text, "risk_scored_total", arm="treatment", **cell) == 1
    assert sample(text, "risk_violations_total", arm="treatment", **cell) == 1
    assert sample(text, "risk_violations_total", arm="control", **cell) == 0
    leak = {"risk": "privacy", "measure": "new_personal_data", "defense": "filter", "arm": "replay"}
    assert sample(text, "risk_violations_total", **leak) == 1
    refusals = {"risk": "fairness", "measure": "identity_refusal"}
    assert sample(text, "group_scored_total", group="muslim", **refusals) == 1
    assert sample(text, "group_score_sum_total", group="muslim", **refusals) == 1
    assert sample(text, "risk_score_bucket", le="0.98", **refusals) == 0
    assert sample(text, "risk_score_bucket", le="1.0", **refusals) == 1
    assert sample(text, "records_total", outcome="completed") == 3
    assert sample(text, "records_total", outcome="blocked") == 1
    assert sample(text, "tap_lag_seconds_count") == 4


async def test_no_text_of_an_exchange_reaches_the_metrics(folder: Path) -> None:
    with running(folder / "tap") as monitors:
        await publish(monitors.tap, record("xyzzyprompt women", "xyzzyanswer bo@example.org", defense("d")))
        text = scrape(monitors.metrics)

    assert sample(text, "records_total", outcome="completed") == 1
    assert "xyzzy" not in text
    assert "example.org" not in text


async def test_promtool_has_no_complaint(folder: Path) -> None:
    promtool = shutil.which("promtool")
    if promtool is None and os.environ.get("CI"):
        pytest.fail("promtool is not installed (Debian package prometheus)")
    if promtool is None:
        pytest.skip("promtool is not installed (Debian package prometheus)")
    many = [record(prompt, REFUSAL, defense("d")) for prompt in (VEIL, "Gifts for men") for _ in range(20)]
    with running(folder / "tap") as monitors:
        await publish(monitors.tap, record(HARM, REFUSAL, defense("d")), *many)
        text = scrape(monitors.metrics)

    assert sample(text, "group_gap_ratio", risk="fairness", measure="identity_refusal") == 0
    assert _complaints(promtool, text) == ""


def _complaints(promtool: str, metrics: str) -> str:
    command = [promtool, "check", "metrics"]
    checked = subprocess.run(command, input=metrics, text=True, capture_output=True, timeout=WAIT_SECONDS)
    return checked.stdout + checked.stderr + (f"exit {checked.returncode}" if checked.returncode else "")


async def test_publishers_may_come_again(folder: Path) -> None:
    with running(folder / "tap", "over_refusal:OverRefusal") as monitors:
        for _ in range(3):
            await publish(monitors.tap, record(BREAD, "Take flour."))
        text = scrape(monitors.metrics)

    assert sample(text, "records_total", outcome="completed") == 3


async def test_garbage_on_the_stream_ends_that_stream_only(folder: Path) -> None:
    with running(folder / "tap", "over_refusal:OverRefusal") as monitors:
        async with grpc.aio.insecure_channel(f"unix:{monitors.tap}") as channel:
            method: grpc.aio.StreamUnaryMultiCallable[bytes, bytes]
            method = channel.stream_unary("/gateway.v1.TapService/Publish")
            with pytest.raises(grpc.aio.AioRpcError):
                await method(iter([b"\xff\xff\xff"]), timeout=WAIT_SECONDS)
        await publish(monitors.tap, record(BREAD, "Take flour."))
        text = scrape(monitors.metrics)

    assert sample(text, "records_total", outcome="completed") == 1


def test_the_socket_is_for_its_owner_only(folder: Path) -> None:
    tap = folder / "new" / "tap"
    with running(tap, "over_refusal:OverRefusal"):
        assert stat.S_IMODE(tap.stat().st_mode) == 0o600
        assert stat.S_IMODE(tap.parent.stat().st_mode) == 0o700
    assert not tap.exists()


def test_a_stale_socket_is_replaced(folder: Path) -> None:
    tap = folder / "tap"
    with socket.socket(socket.AF_UNIX) as left_over:
        left_over.bind(str(tap))
    assert tap.exists()

    with running(tap, "over_refusal:OverRefusal"):
        pass


def test_a_socket_in_use_is_left_alone(folder: Path) -> None:
    tap = folder / "tap"
    with running(tap, "over_refusal:OverRefusal"):
        assert "in use" in refused(tap)
        assert tap.is_socket()


def _plain_file(folder: Path) -> Path:
    (folder / "tap").write_text("mine")
    return folder / "tap"


def _open_directory(folder: Path) -> Path:
    folder.chmod(0o755)
    return folder / "tap"


def _long_path(folder: Path) -> Path:
    return folder / ("t" * 120)


@pytest.mark.parametrize(
    ("prepare", "reason"),
    [(_plain_file, "no socket"), (_open_directory, "0700"), (_long_path, "cannot be opened")],
)
def test_a_place_that_will_not_do_is_refused_with_the_reason(
    folder: Path, prepare: Callable[[Path], Path], reason: str
) -> None:
    tap = prepare(folder)

    assert reason in refused(tap)
    assert not tap.exists() or tap.read_text() == "mine"


def test_two_monitors_of_one_measure_do_not_start(folder: Path) -> None:
    assert "over_refusal" in refused(folder / "tap", *["over_refusal:OverRefusal"] * 2)


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
async def test_signals_end_it_even_while_a_publisher_stays(folder: Path, number: signal.Signals) -> None:
    with running(folder / "tap", "over_refusal:OverRefusal", silent=False) as monitors:
        async with grpc.aio.insecure_channel(f"unix:{monitors.tap}") as channel:
            stub = record_pb2_grpc.TapServiceStub(channel)  # type: ignore[no-untyped-call]
            call = stub.Publish()
            await call.write(record_pb2.PublishRequest(record=record(BREAD, "Take flour.")))
            monitors.process.send_signal(number)
            with pytest.raises(grpc.aio.AioRpcError):
                await call
        assert monitors.process.wait(WAIT_SECONDS) == 0
        assert not monitors.tap.exists()


def test_it_yields_to_everything_else(folder: Path) -> None:
    with running(folder / "tap", "over_refusal:OverRefusal") as monitors:
        assert is_idle(monitors.process)
