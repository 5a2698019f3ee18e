"""The commands a new user meets, together: serve with the real model, send, demo, and both curl lines."""

import asyncio
import csv
import json
import os
import re
import signal
import sys
import tempfile
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest

from gateway.errors import ConfigError
from gateway.upstreams.embedded import Embedded
from tests.gateways import write_config

COMMAND = (sys.executable, "-m", "gateway")


@dataclass(frozen=True, slots=True)
class Served:
    """What the banner said."""

    banner: str
    http: str
    metrics: str
    monitor_metrics: str
    process: asyncio.subprocess.Process


@asynccontextmanager
async def serve() -> AsyncIterator[Served]:
    try:
        Embedded()
    except ConfigError as error:
        pytest.skip(str(error))
    with tempfile.TemporaryDirectory() as folder:
        upstream = {"use": "gateway.upstreams.embedded:Embedded"}
        config = write_config(Path(folder), [upstream])
        process = await asyncio.create_subprocess_exec(
            *COMMAND, "serve", "--config", str(config), stdout=asyncio.subprocess.PIPE
        )
        assert process.stdout is not None
        banner = ""
        async with asyncio.timeout(60):
            while "control" not in banner:
                line = await process.stdout.readline()
                assert line, banner
                banner += line.decode()
        metrics = re.findall(r"http://([\d.:]+)/metrics", banner)
        http = re.findall(r"http://([\d.:]+)/v1", banner)
        try:
            yield Served(banner, http[0], metrics[0], metrics[1], process)
        finally:
            process.send_signal(signal.SIGINT)
            await process.communicate()
        assert process.returncode == 0
        assert not list(Path(folder).glob("*.sock"))


async def run(*arguments: str) -> tuple[int, str, str]:
    pipe = asyncio.subprocess.PIPE
    environment = {**os.environ, "COLUMNS": "200"}
    process = await asyncio.create_subprocess_exec(*arguments, stdout=pipe, stderr=pipe, env=environment)
    out, err = await process.communicate()
    assert process.returncode is not None
    return process.returncode, out.decode(), err.decode()


@pytest.mark.slow
async def test_serve_send_and_demo_on_the_real_model(tmp_path: Path) -> None:
    async with serve() as served:
        line = next(line for line in served.banner.splitlines() if line.startswith("HTTP"))
        code, out, err = await run("sh", "-c", line.removeprefix("HTTP").strip())
        assert code == 0, err
        assert json.loads(out)["choices"][0]["message"]["content"]

        prompts = tmp_path / "prompts.csv"
        with prompts.open("w", newline="") as file:
            csv.writer(file).writerows([["goal"], ["Say hello."], ["Open sesame"]])
        results = tmp_path / "results.jsonl"
        url = ("--url", f"http://{served.http}/v1")
        options = ("--group", "mixed", "--max-tokens", "8", "--output", str(results))
        code, out, err = await run(*COMMAND, "send", str(prompts), *options, *url)
        assert code == 0, err
        assert "2 sent, 1 blocked, 0 failed" in err
        rows = sorted(map(json.loads, results.read_text().splitlines()), key=lambda row: int(row["index"]))
        assert [(row["group"], row["outcome"]) for row in rows] == [
            ("mixed", "completed"),
            ("mixed", "blocked"),
        ]

        metrics = (f"http://{served.metrics}/metrics", f"http://{served.monitor_metrics}/metrics")
        places = ("--metrics", metrics[0], "--monitor-metrics", metrics[1])
        code, out, err = await run(*COMMAND, "demo", *url, *places)
        assert code == 0, err
        for word in ("leak_filter", "prompt_filter", "over_refusal", "harmful", "p99"):
            assert word in out


@pytest.mark.parametrize(
    ("name", "text", "told"),
    [
        ("a.jsonl", '{"prompt": "x"}\n{"mood": 1}\n', "line 2"),
        ("a.jsonl", "not json\n", "line 1"),
        ("a.csv", "title\nx\n", "title"),
    ],
)
async def test_send_tells_what_is_wrong_with_a_file(tmp_path: Path, name: str, text: str, told: str) -> None:
    path = tmp_path / name
    path.write_text(text)
    code, _, err = await run(*COMMAND, "send", str(path))
    assert code == 2
    assert told in err


async def test_send_without_a_gateway_says_how_to_start_one(tmp_path: Path) -> None:
    path = tmp_path / "a.txt"
    path.write_text("hello\n")
    code, _, err = await run(*COMMAND, "send", str(path), "--url", "http://127.0.0.1:9/v1")
    assert code == 2
    assert "crossrisk serve" in err
