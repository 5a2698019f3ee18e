"""`crossrisk monitors` as a process: what its section of the configuration chooses is so."""

import asyncio
import json
import subprocess
import sys
import tempfile
import urllib.request
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import cast

import grpc
import pytest

from gateway.v1 import record_pb2, record_pb2_grpc
from monitors.calibration import Calibration, Known, write
from monitors.intervals import Interval
from monitors.sampling import place
from tests.monitors.exchanges import REFUSAL, defense, record

ROOT = Path(__file__).parents[3]
WAIT_SECONDS = 30.0
RECORDS = 40
CONFIG = """
gateway:
  encoder: off
  monitor_metrics: 127.0.0.1:0
  run: {folder}
  keep: {{file: {folder}/kept.jsonl, rate: 1.0}}
  calibration: {folder}/known.json
upstreams:
  - use: gateway.upstreams.grpc:Grpc
    target: 127.0.0.1:1
monitors:
  - use: monitors.over_refusal:OverRefusal
    rate: 0.5
"""


@pytest.fixture
def folder() -> Iterator[Path]:
    # Paths of Unix sockets are short, pytest's own folders are not always.
    with tempfile.TemporaryDirectory() as name:
        yield Path(name)


def made(number: int) -> record_pb2.Record:
    one = record("How do I bake bread?", REFUSAL, defense("d"))
    one.exchange_id = f"{number:032x}"
    return one


async def publish(tap: Path, count: int) -> None:
    async def requests() -> AsyncIterator[record_pb2.PublishRequest]:
        for number in range(count):
            yield record_pb2.PublishRequest(record=made(number))

    async with grpc.aio.insecure_channel(f"unix:{tap}") as channel:
        stub = record_pb2_grpc.TapServiceStub(channel)  # type: ignore[no-untyped-call]
        await stub.Publish(requests(), timeout=WAIT_SECONDS)


def scrape(address: str) -> str:
    with urllib.request.urlopen(f"http://{address}/metrics", timeout=WAIT_SECONDS) as response:
        return cast(bytes, response.read()).decode()


async def test_shares_known_errors_and_kept_exchanges_are_as_configured(folder: Path) -> None:
    (folder / "crossrisk.yaml").write_text(CONFIG.format(folder=folder))
    known = Known("over_refusal", "utility", "toy", 0.5, "control", 20, 20, 0, Interval(0.9, 0.7, 0.97))
    write(Calibration("off", (known,)), folder / "known.json")
    command = [
        sys.executable,
        "-m",
        "gateway",
        "monitors",
        "-c",
        str(folder / "crossrisk.yaml"),
        "--ready-json",
    ]
    with subprocess.Popen(
        command, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout is not None
        address = json.loads(process.stdout.readline())["monitor_metrics"]
        await publish(folder / "tap.sock", RECORDS)
        metrics = await asyncio.to_thread(scrape, address)
        process.terminate()
        _, errors = process.communicate(timeout=WAIT_SECONDS)

    scored = sum(place(made(number)) < 0.5 for number in range(RECORDS))
    judge, rest = "crossrisk_judge_sensitivity_ratio", 'measure="over_refusal",risk="utility"'
    assert 0 < scored < RECORDS
    for line in (
        f'crossrisk_monitor_scored_total{{monitor="over_refusal"}} {scored}.0',
        'crossrisk_monitor_sampling_ratio{monitor="over_refusal"} 0.5',
        f'{judge}{{arm="control",{rest}}} 0.9',
        f'{judge}_bound{{arm="control",bound="lower",{rest}}} 0.7',
    ):
        assert line in metrics, line
    kept = [json.loads(line) for line in (folder / "kept.jsonl").read_text().splitlines()]
    assert len(kept) == RECORDS
    assert sum("over_refusal" in row["scores"] for row in kept) == scored
    assert "kept.jsonl" in errors
    assert "bread" not in errors
    assert "bread" not in metrics
    assert process.returncode == 0
