"""Rules and routes, by the tools of those who evaluate them."""

import asyncio
import subprocess
from pathlib import Path
from typing import Any

import aiohttp
import pytest
import yaml

from deploy.generate.alerts import ALERTS
from tests.deploy.tools import DEPLOY, PATIENCE, needed, passes
from tests.gateway.test_tap import free_port


def test_the_configuration_and_its_rules_are_valid() -> None:
    assert f"{len(ALERTS)} rules found" in passes("promtool", "check", "config", "prometheus.yaml")
    assert "FAILED" not in passes("promtool", "check", "rules", "recordings.yaml", "alerts.yaml")


@pytest.mark.slow
@pytest.mark.timeout(PATIENCE)
def test_each_alert_fires_and_does_not_just_below() -> None:
    passes("promtool", "test", "rules", "alerts_test.yaml")


@pytest.mark.slow
@pytest.mark.timeout(PATIENCE)
@pytest.mark.parametrize(("found", "other"), [(">= 20", ">= 21"), ("> 0.01", ">= 0.01"), ("< 900", "< 880")])
def test_the_tests_of_alerts_notice_a_change(found: str, other: str, tmp_path: Path) -> None:
    needed("promtool")
    rules = (DEPLOY / "prometheus/alerts.yaml").read_text()
    changed = {rule["alert"] for group in yaml.safe_load(rules)["groups"] for rule in group["rules"]
               if found in rule["expr"]}  # fmt: skip
    tests = yaml.safe_load((DEPLOY / "prometheus/alerts_test.yaml").read_text())
    tests["tests"] = [one for one in tests["tests"] if one["alert_rule_test"][0]["alertname"] in changed]
    (tmp_path / "alerts.yaml").write_text(rules.replace(found, other))
    (tmp_path / "alerts_test.yaml").write_text(yaml.safe_dump(tests))
    command = ["promtool", "test", "rules", "alerts_test.yaml"]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, timeout=PATIENCE, check=False)
    assert changed
    assert done.returncode == 1


def test_alertmanager_takes_its_configuration() -> None:
    assert "SUCCESS" in passes("amtool", "check-config", "alertmanager.yaml")


@pytest.mark.parametrize(
    ("severity", "receiver"), [("critical", "pager"), ("warning", "tickets"), ("info", "notes")]
)
def test_alerts_go_to_whom_they_concern(severity: str, receiver: str) -> None:
    options = ("config", "routes", "test", "--config.file=alertmanager.yaml")
    said = passes("amtool", *options, f"severity={severity}", "about=effect")
    assert said.splitlines()[0] == receiver


CELL = {"defense": "leak_filter", "risk": "utility", "measure": "over_refusal"}
OTHER = {"defense": "leak_filter", "risk": "privacy", "measure": "new_personal_data"}


@pytest.mark.slow
async def test_a_broken_instrument_silences_what_is_read_from_it(tmp_path: Path) -> None:
    harms = [("CrossRiskHarm", CELL), ("CrossRiskHarm", OTHER), ("CrossRiskTapDropping", {})]
    stale = ("CrossRiskMonitorStale", {"monitor": "over_refusal", "measure": "over_refusal"})
    invalid = ("CrossRiskInvalidExperiment", OTHER)
    absent: tuple[str, dict[str, str]] = ("CrossRiskMonitorsAbsent", {})
    for alerts, expected in (
        ([], set()),
        ([stale], {("CrossRiskHarm", "over_refusal")}),
        ([invalid], {("CrossRiskHarm", "new_personal_data")}),
        ([stale, absent], {(name, labels.get("measure", "")) for name, labels in [*harms, stale]}),
    ):
        assert await silenced(tmp_path / str(len(expected)), [*harms, *alerts], expected) == expected


Held = set[tuple[str, str]]
"""Name and measure of alerts."""


async def silenced(folder: Path, alerts: list[tuple[str, dict[str, str]]], expected: Held) -> Held:
    """Those that a real Alertmanager holds back, once they are `expected` or time is up."""
    needed("prometheus-alertmanager")
    own = {alert.name: alert.labels for alert in ALERTS}
    posted = [{"labels": {"alertname": name, **own[name], **labels}} for name, labels in alerts]
    address = f"127.0.0.1:{free_port()}"
    command = ["prometheus-alertmanager", f"--config.file={DEPLOY / 'prometheus/alertmanager.yaml'}",
               f"--storage.path={folder}", f"--web.listen-address={address}", "--cluster.listen-address=",
               "--log.level=error"]  # fmt: skip
    process = subprocess.Popen(command)
    try:
        url = f"http://{address}/api/v2/alerts"
        async with aiohttp.ClientSession() as session:
            await _posted(session, url, posted)
            await asyncio.sleep(1)  # what is held back wrongly shows as late as what is rightly
            return await _held(session, url, expected)
    finally:
        process.terminate()
        process.wait()


async def _posted(session: aiohttp.ClientSession, url: str, alerts: list[Any]) -> None:
    async with asyncio.timeout(60):
        while True:
            try:
                async with session.post(url, json=alerts) as response:
                    response.raise_for_status()
                    return
            except aiohttp.ClientConnectionError:
                await asyncio.sleep(0.1)


async def _held(session: aiohttp.ClientSession, url: str, expected: Held) -> Held:
    # Alerts become known to the part that inhibits one after the other.
    for _ in range(100):
        async with session.get(url) as response:
            found = await response.json()
        held = {
            (one["labels"]["alertname"], one["labels"].get("measure", ""))
            for one in found
            if one["status"]["inhibitedBy"]
        }
        if held == expected:
            break
        await asyncio.sleep(0.2)
    return held
