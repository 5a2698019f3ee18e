"""The tap and the monitors at its end: whatever happens there, nothing happens in line."""

import asyncio
import json
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from gateway.commands.demo import Samples, scrape, total
from tests.gateways import Gateway, body, gateway, grpc_upstream, post
from tests.servers import running, scripted


@asynccontextmanager
async def everything(**settings: Any) -> AsyncIterator[tuple[Gateway, Path]]:
    with tempfile.TemporaryDirectory() as folder:
        async with scripted([{"match": "slow", "text": "slow", "pace": 0.2}, {"text": "Fine."}]) as server:
            entry = grpc_upstream(server.grpc)
            async with gateway(entry, folder=Path(folder), gateway=settings) as front:
                yield front, Path(folder) / "crossrisk.yaml"


@asynccontextmanager
async def monitors(config: Path) -> AsyncIterator[str]:
    options = ("--config", str(config), "--ready-json", "--with-parent")
    async with running("gateway", "monitors", *options) as ready:
        yield f"http://{ready['monitor_metrics']}/metrics"


async def until(url: str, name: str, value: float) -> Samples:
    async with asyncio.timeout(20):
        while total(samples := await scrape(url), name) < value:
            await asyncio.sleep(0.05)
    return samples


async def answered(front: Gateway, count: int) -> None:
    for _ in range(count):
        status, answer = await post(front.chat, body())
        assert (status, answer["choices"][0]["message"]["content"]) == (200, "Fine.")


async def test_records_reach_the_monitors_with_every_outcome() -> None:
    async with everything() as (front, config), monitors(config) as url:
        await answered(front, 2)
        await post(front.chat, body("open sesame"))
        async with aiohttp.ClientSession() as session:
            with pytest.raises(TimeoutError):
                timeout = aiohttp.ClientTimeout(total=0.1)
                await session.post(front.chat, json=body("slow"), timeout=timeout)
        samples = await until(url, "crossrisk_records_total", 4)
        outcomes = {"completed": 2, "blocked": 1, "cancelled": 1}
        for outcome, count in outcomes.items():
            assert total(samples, "crossrisk_records_total", outcome=outcome) == count, outcome
        assert (
            total(samples, "crossrisk_risk_scored_total", measure="over_refusal", defense="leak_filter") > 0
        )


async def test_dead_hanging_and_absent_monitors_change_nothing_in_line() -> None:
    async with everything(tap_capacity=4) as (front, config):
        await answered(front, 6)  # nobody listens: the first four wait, the others are dropped
        samples = await front.samples()
        assert total(samples, "crossrisk_tap_dropped_total", reason="full") == 2
        process = subprocess.Popen(
            [sys.executable, "-m", "gateway", "monitors", "--config", str(config), "--ready-json"],
            stdout=subprocess.PIPE,
        )
        assert process.stdout is not None
        ready = json.loads(await asyncio.to_thread(process.stdout.readline))
        await until(f"http://{ready['monitor_metrics']}/metrics", "crossrisk_records_total", 4)
        process.send_signal(signal.SIGSTOP)
        await answered(front, 20)
        process.kill()
        process.wait()
        process.stdout.close()
        await answered(front, 20)
        async with monitors(config) as url:  # and the next ones are served again
            async with asyncio.timeout(20):
                while not total(await scrape(url), "crossrisk_records_total"):
                    await answered(front, 1)
                    await asyncio.sleep(0.2)


async def test_a_prometheus_scrapes_both_ends(tmp_path: Path) -> None:
    for tool in ("prometheus", "promtool"):
        if shutil.which(tool) is None:
            pytest.skip(f"{tool} is not installed: apt-get install prometheus")
    async with everything() as (front, config), monitors(config) as url:
        await answered(front, 3)
        await post(front.chat, body("open sesame"))
        await until(url, "crossrisk_records_total", 4)
        gateway_url = f"http://{front.metrics}/metrics"
        for address in (gateway_url, url):
            await lint(address)
        async with prometheus(tmp_path, [gateway_url, url]) as query:
            assert await query('sum(crossrisk_exchanges_total{outcome="completed"})') == 3
            assert await query('sum(crossrisk_findings_total{defense="prompt_filter",action="block"})') == 1
            assert await query("sum(crossrisk_records_total)") == 4
            assert await query('crossrisk_risk_score_count{measure="over_refusal"}') is not None
            assert await query("sum(crossrisk_tap_dropped_total)") == 0


async def lint(url: str) -> None:
    async with aiohttp.ClientSession() as session, session.get(url) as response:
        text = await response.read()
    checked = await asyncio.to_thread(
        subprocess.run, ["promtool", "check", "metrics"], input=text, capture_output=True, check=False
    )
    assert checked.returncode == 0, checked.stdout + checked.stderr


@asynccontextmanager
async def prometheus(folder: Path, urls: list[str]) -> AsyncIterator[Any]:
    targets = [url.removeprefix("http://").removesuffix("/metrics") for url in urls]
    config = {
        "global": {"scrape_interval": "500ms"},
        "scrape_configs": [{"job_name": "crossrisk", "static_configs": [{"targets": targets}]}],
    }
    (folder / "prometheus.yml").write_text(json.dumps(config))
    port = free_port()
    process = subprocess.Popen(
        [
            "prometheus",
            f"--config.file={folder / 'prometheus.yml'}",
            f"--storage.tsdb.path={folder / 'data'}",
            f"--web.listen-address=127.0.0.1:{port}",
            "--log.level=error",
        ]
    )
    try:

        async def query(expression: str) -> float | None:
            async with asyncio.timeout(30), aiohttp.ClientSession() as session:
                while True:
                    try:
                        result = await ask(session, port, expression)
                    except aiohttp.ClientError:
                        result = None
                    if result is not None:
                        return result
                    await asyncio.sleep(0.2)

        await query("sum(up) == 2")
        await asyncio.sleep(1.0)
        yield query
    finally:
        process.terminate()
        process.wait()


async def ask(session: aiohttp.ClientSession, port: int, expression: str) -> float | None:
    async with session.get(f"http://127.0.0.1:{port}/api/v1/query", params={"query": expression}) as response:
        result = (await response.json())["data"]["result"]
        return float(result[0]["value"][1]) if result else None


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
