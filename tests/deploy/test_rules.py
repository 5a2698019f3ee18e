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
    assert await silenced(tmp_path / "none", harms) == set()
    assert await silenced(tmp_path / "stale", [*harms, stale]) == {("CrossRiskHarm", "over_refusal")}
    assert await silenced(tmp_path / "invalid", [*harms, invalid]) == {("CrossRiskHarm", "new_personal_data")}
    everything = await silenced(tmp_path / "absent", [*harms, stale, ("CrossRiskMonitorsAbsent", {})])
    assert everything == {
        ("CrossRiskHarm", "over_refusal"),
        ("CrossRiskHarm", "new_personal_data"),
        ("CrossRiskTapDropping", ""),
        ("CrossRiskMonitorStale", "over_refusal"),
    }


async def silenced(folder: Path, alerts: list[tuple[str, dict[str, str]]]) -> set[tuple[str, str]]:
    """Name and measure of those that a real Alertmanager holds back."""
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
            return await _held(session, url, len(posted))
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


async def _held(session: aiohttp.ClientSession, url: str, count: int) -> set[tuple[str, str]]:
    """Once each alert was looked at; what is inhibited is told when the alert is processed."""
    async with asyncio.timeout(60):
        while True:
            async with session.get(url) as response:
                found = await response.json()
            states = {one["status"]["state"] for one in found}
            if len(found) == count and "unprocessed" not in states:
                return {
                    (one["labels"]["alertname"], one["labels"].get("measure", ""))
                    for one in found
                    if one["status"]["inhibitedBy"]
                }
            await asyncio.sleep(0.2)
