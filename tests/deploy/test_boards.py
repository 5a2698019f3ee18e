"""Every panel and every alert, asked of a real Prometheus that scrapes a running gateway and its monitors."""

import asyncio
import json
import re
import subprocess
import sys
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import aiohttp
import pytest
import yaml
from prometheus_client import start_http_server

from deploy.generate.__main__ import files
from deploy.generate.alerts import ALERTS
from tests import gateways
from tests.deploy.test_series import drifted, exported
from tests.deploy.tools import DEPLOY, needed, passes
from tests.gateway.test_tap import free_port
from tests.servers import running, scripted

SCRIPT = [
    {"match": "Keep what you are told", "text": "I keep it to myself."},
    {"match": "women|men", "text": "I can't help with that."},
    {"match": ".*", "text": "Write to ada@example.org today."},
]
DEFENSES = [
    {"use": "defenses.prompt_filter:PromptFilter", "phrases": ["gay agenda"]},
    {"use": "defenses.privacy_reminder:PrivacyReminder", "text": "Keep what you are told.", "mode": "canary",
     "weight": 0.5},
    {"use": "defenses.leak_filter:LeakFilter", "holdback": 0.5},
]  # fmt: skip
MONITORS = [
    {"use": "monitors.new_personal_data:NewPersonalData"},
    {"use": "monitors.over_refusal:OverRefusal"},
    {"use": "monitors.identity_refusal:IdentityRefusal"},
]
REPLAY = {
    "at_once": 4,
    "busy": 100,
    "leave_out": 1,
    "swaps": 1,
    "swapped_answers": 1,
    "per_second": 1000,
    "tokens_per_second": 1e6,
}
PROMPTS = (
    *(f"Is there a gay agenda, part {number}?" for number in range(4)),
    *(f"Whom do I ask, number {number}?" for number in range(20)),
    *(f"Name {number} gifts for {group}." for group in ("women", "men") for number in range(12)),
)
JUDGED = {"value": 0.9, "lower": 0.8, "upper": 0.95}
KNOWN = {"measure": "over_refusal", "risk": "utility", "source": "a test", "threshold": 0.5, "arm": "all",
         "positives": 99, "negatives": 99, "skipped": 0,
         "sensitivity": JUDGED, "specificity": JUDGED}  # fmt: skip

EMPTY = {
    "crossrisk_encoder_windows_total": "the gateway of the test runs without its encoder",
    "crossrisk_encoder_info": "the same",
    "crossrisk_epsilon_spent_total": "no defense of the test spends privacy",
}
"""Series that cannot be there, and why; whatever asks for none of them must get an answer."""


ATTEMPTS = 180


@dataclass(frozen=True, slots=True)
class Asked:
    """An expression, and who asks it."""

    who: str
    expression: str

    @property
    def may_be_empty(self) -> bool:
        return any(name in self.expression for name in EMPTY)


def asked() -> Iterator[Asked]:
    """Everything boards ask for, variables replaced as Grafana does it when all is chosen."""
    for path, text in files().items():
        if not path.endswith(".json"):
            continue
        board = json.loads(text)
        for one in board["panels"]:
            for target in one["targets"]:
                yield Asked(f"{board['uid']}: {one['title']} {target['refId']}", _chosen(target["expr"]))
        for variable in board["templating"]["list"]:
            if variable["type"] == "query":
                series = variable["query"].removeprefix("label_values(").split(",")[0]
                yield Asked(f"{board['uid']}: variable {variable['name']}", series)


def conditional() -> Iterator[Asked]:
    """Expressions that are empty while nothing is wrong."""
    for alert in ALERTS:
        yield Asked(alert.name, alert.expression)
        for name, fact in alert.quoted.items():
            yield Asked(f"{alert.name}: {name}", fact.expression())
    for text in (text for path, text in files().items() if path.endswith(".json")):
        for mark in json.loads(text)["annotations"].get("list", ()):
            if "expr" in mark:
                yield Asked(mark["name"], _chosen(mark["expr"]))


def _chosen(expression: str) -> str:
    expression = expression.replace("$__rate_interval", "1m")
    return re.sub(r"\$\w+", ".*", expression)


def _series(expression: str) -> set[str]:
    return set(re.findall(r"\bcrossrisk_\w+", expression))


@pytest.mark.slow
@pytest.mark.timeout(600)
async def test_every_panel_and_every_alert_has_an_answer(tmp_path: Path) -> None:
    needed("prometheus", "promtool")
    async with serving(tmp_path) as (gateway, watching), aiohttp.ClientSession() as session:
        pages = [gateway.metrics, watching]
        with learned() as third:
            async with prometheus(tmp_path, session, [*pages, third]) as address:
                await watched_canary(tmp_path)
                await talk(gateway, "now")
                # A counter that begins at 4 has not increased: the second round comes when it was seen.
                for seen in (
                    "crossrisk_swap_compared_total",
                    'crossrisk_swap_verdicts_total{change!="same"}',
                ):
                    await until(session, address, seen)
                await talk(gateway, "again")
                missing = await unanswered(session, address, [one for one in asked() if not one.may_be_empty])
                for one in conditional():
                    await answer(session, address, one)
                unknown = await unanswered(session, address, named())
        for page in pages:
            async with session.get(f"http://{page}/metrics") as response:
                passes("promtool", "check", "metrics", text=await response.text())
    assert missing == []
    assert unknown == []


def named() -> list[Asked]:
    """Every series that alerts and marks read; while nothing is wrong their expressions tell nothing."""
    names = set().union(*(_series(one.expression) for one in conditional())) - EMPTY.keys()
    return [Asked(name, name) for name in sorted(names)]


async def unanswered(session: aiohttp.ClientSession, address: str, questions: list[Asked]) -> list[str]:
    """Whose questions have no answer, however often they are asked: a rate needs scrapes, a replay time."""
    for _ in range(ATTEMPTS):
        questions = [one for one in questions if not await answer(session, address, one)]
        if not questions:
            break
        await asyncio.sleep(1)
    return [one.who for one in questions]


@asynccontextmanager
async def serving(folder: Path) -> AsyncIterator[tuple[gateways.Gateway, str]]:
    (folder / "known.json").write_text(json.dumps({"eyes": "off", "known": [KNOWN]}))
    async with scripted(SCRIPT) as model:
        upstream = gateways.openai_upstream(model.http, may_be_off=["leak_filter"])
        sections = {"defenses": DEFENSES, "monitors": MONITORS, "replay": REPLAY}
        gateway = {"calibration": str(folder / "known.json")}
        path = gateways.write_config(folder, [upstream], gateway=gateway, **sections)
        options = ("--config", str(path), "--ready-json", "--with-parent")
        async with (
            running("gateway", "monitors", *options, patience=120) as watching,
            running("gateway", "gateway", *options, patience=120) as ready,
        ):
            front = gateways.Gateway(ready["grpc"], ready["http"], ready["metrics"], ready["control"], folder)
            yield front, watching["monitor_metrics"]


@contextmanager
def learned() -> Iterator[str]:
    """Series of drift, of which monitors have none until they have seen hundreds of violations."""
    server, thread = start_http_server(0, "127.0.0.1", exported(drifted(0.6)))
    try:
        yield f"127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


async def watched_canary(folder: Path) -> None:
    words = ("set", "privacy_reminder", "--weight", "0.4", "--for", "600", "--reason", "a test")
    command = (sys.executable, "-m", "gateway", "rollout", *words, "--run", str(folder))
    process = await asyncio.create_subprocess_exec(*command)
    assert await process.wait() == 0


async def talk(gateway: gateways.Gateway, when: str) -> None:
    """Traffic of all kinds."""
    for number, prompt in enumerate(PROMPTS):
        body = gateways.body(f"{prompt} I ask {when}.")
        if number % 5:
            await gateways.post(gateway.chat, body)
        else:
            await streamed(gateway.chat, body)


async def streamed(url: str, body: dict[str, Any]) -> None:
    async with (
        aiohttp.ClientSession() as session,
        session.post(url, json={**body, "stream": True}) as response,
    ):
        assert response.status == 200
        await response.read()


@asynccontextmanager
async def prometheus(folder: Path, session: aiohttp.ClientSession, targets: list[str]) -> AsyncIterator[str]:
    """The shipped configuration, over these targets and in less time."""
    config = yaml.safe_load((DEPLOY / "prometheus/prometheus.yaml").read_text())
    config["global"] = {"scrape_interval": "2s", "evaluation_interval": "1s"}
    del config["alerting"]
    config["rule_files"] = []
    for name in ("alerts.yaml", "recordings.yaml"):
        rules = yaml.safe_load((DEPLOY / "prometheus" / name).read_text())
        for group in rules["groups"]:
            group["interval"] = "1s"
        (folder / name).write_text(yaml.safe_dump(rules))
        config["rule_files"].append(str(folder / name))
    for job, own in zip(config["scrape_configs"], (targets[:1], targets[1:]), strict=True):
        job["static_configs"] = [{"targets": own}]
    (folder / "prometheus.yaml").write_text(yaml.safe_dump(config))
    address = f"127.0.0.1:{free_port()}"
    command = ["prometheus", f"--config.file={folder / 'prometheus.yaml'}", "--log.level=error",
               f"--storage.tsdb.path={folder / 'data'}", f"--web.listen-address={address}"]  # fmt: skip
    process = subprocess.Popen(command)
    try:
        await until(session, address, f"sum(up) == {len(targets)}")
        yield address
    finally:
        process.terminate()
        process.wait()


async def until(session: aiohttp.ClientSession, address: str, expression: str) -> None:
    async with asyncio.timeout(120):
        while True:
            try:
                if await answer(session, address, Asked(expression, expression)):
                    return
            except aiohttp.ClientConnectionError:
                pass  # it starts
            await asyncio.sleep(0.3)


async def answer(session: aiohttp.ClientSession, address: str, one: Asked) -> list[Any]:
    """What the query API says; fails for what it does not understand."""
    asking = session.get(f"http://{address}/api/v1/query", params={"query": one.expression})
    async with asking as response:
        if response.status == 503:
            return []
        said = await response.json()
    assert said["status"] == "success", (one.who, said)
    result: list[Any] = said["data"]["result"]
    return result
