"""What is committed under `deploy/` is what the generator makes, and fits together."""

import json
import re
from collections.abc import Iterator
from typing import Any

import pytest
import yaml

from deploy.generate.__main__ import files
from deploy.generate.alerts import ALERTS
from deploy.generate.boards import panel
from deploy.generate.cases import CASES
from tests.deploy.tools import DEPLOY

PAGES = re.search(r"runbook_url: (.*)docs/runbooks/", (DEPLOY / "prometheus/alerts.yaml").read_text())
RUNBOOKS = PAGES[1] if PAGES else ""
FILES = files(RUNBOOKS)
BOARDS = {path: json.loads(text) for path, text in FILES.items() if path.endswith(".json")}
NAMES = [alert.name for alert in ALERTS]


@pytest.mark.parametrize("path", FILES)
def test_what_is_committed_is_what_is_made(path: str) -> None:
    committed = (DEPLOY / path).read_text()
    assert committed == FILES[path], f"deploy/{path} is not what `make boards` makes; run it and commit"


def test_boards_have_names_of_their_own() -> None:
    for key in ("uid", "title"):
        assert len({board[key] for board in BOARDS.values()}) == len(BOARDS) == 3
    for path, board in BOARDS.items():
        assert board["schemaVersion"] == 41, f"{path}: the schema of Grafana 11.6"
        titles = [one["title"] for one in board["panels"]]
        assert len(set(titles)) == len(titles)
        assert [one["id"] for one in board["panels"]] == list(range(1, len(titles) + 1))


@pytest.mark.parametrize("path", BOARDS)
def test_variables_are_defined_and_used(path: str) -> None:
    board = BOARDS[path]
    defined = {one["name"] for one in board["templating"]["list"]}
    text = json.dumps([board["panels"], board["annotations"]])
    used = {found for found in re.findall(r"\$\{?(\w+)", text) if not found.startswith("__")}
    assert used == defined


@pytest.mark.parametrize("path", BOARDS)
def test_panels_fit_side_by_side_and_tell_what_they_show(path: str) -> None:
    taken: set[tuple[int, int]] = set()
    for one in BOARDS[path]["panels"]:
        place = one["gridPos"]
        cells = {(x, y) for x in range(place["x"], place["x"] + place["w"])
                 for y in range(place["y"], place["y"] + place["h"])}  # fmt: skip
        assert not taken & cells, one["title"]
        assert max(x for x, _ in cells) < panel.WHOLE, one["title"]
        assert one["description"], one["title"]
        assert all(target["datasource"]["uid"] == "${datasource}" for target in one["targets"])
        taken |= cells


def test_both_systems_alert_on_the_same() -> None:
    plain = {rule["alert"]: rule for rule in rules("prometheus/alerts.yaml")}
    managed = {rule["title"]: rule for rule in rules("grafana/alerting/rules.yaml")}
    assert list(plain) == list(managed) == NAMES
    for name, rule in plain.items():
        other = managed[name]
        nodes = {node["refId"]: node["model"] for node in other["data"]}
        assert nodes["value_query"]["expr"] == rule["expr"]
        assert (nodes[other["condition"]]["expression"], nodes["value"]["expression"]) == (
            "value",
            "value_query",
        )
        assert (other["for"], other["labels"]) == (rule["for"], rule["labels"])
        assert other["annotations"]["runbook_url"] == rule["annotations"]["runbook_url"]


def test_what_grafana_quotes_has_a_query_that_always_answers() -> None:
    for rule in rules("grafana/alerting/rules.yaml"):
        nodes = {node["refId"]: node["model"] for node in rule["data"]}
        assert "$" not in "".join(rule["annotations"].values()), "some releases expand it"
        for name in re.findall(r'index \.Values "(\w+)"', json.dumps(rule["annotations"]).replace("\\", "")):
            asked = nodes[nodes[name]["expression"]]["expr"]
            assert name == "value" or asked.endswith("or vector(NaN)")
        assert len({node["refId"] for node in rule["data"]}) == len(rule["data"])
    assert len({rule["uid"] for rule in rules("grafana/alerting/rules.yaml")}) == len(ALERTS)


def test_grafana_names_its_source_and_receivers_alike() -> None:
    [source] = read("grafana/datasources/prometheus.yaml")["datasources"]
    asked = {node["datasourceUid"] for rule in rules("grafana/alerting/rules.yaml") for node in rule["data"]}
    assert asked == {source["uid"], "__expr__"}
    points = {one["name"] for one in read("grafana/alerting/contact_points.yaml")["contactPoints"]}
    [policy] = read("grafana/alerting/policies.yaml")["policies"]
    route = read("prometheus/alertmanager.yaml")["route"]
    for part in (policy, *policy["routes"], route, *route["routes"]):
        assert part["receiver"] in points


def test_every_alert_has_its_page_and_no_page_is_left_over() -> None:
    pages = {path.stem: path.read_text() for path in (DEPLOY.parent / "docs/runbooks").glob("*.md")}
    assert set(pages) == set(NAMES)
    for name, page in pages.items():
        assert page.startswith(f"# {name}\n")
        for heading in ("## What it means", "## What to look at", "## When it is a false alarm"):
            assert heading in page, (name, heading)


def test_the_table_of_alerts_lists_what_there_is() -> None:
    row = re.compile(r"^\| \[(\w+)\]\(runbooks/(\w+)\.md\) \| (\w+) \| (\w+) \|", re.MULTILINE)
    listed = row.findall((DEPLOY.parent / "docs/alerts.md").read_text())
    assert listed == [(alert.name, alert.name, alert.severity, alert.lasts) for alert in ALERTS]


def test_every_alert_is_tried() -> None:
    assert {case.alert.name for case in CASES} == set(NAMES)
    for alert in ALERTS:
        assert alert.lasts
        assert "log_evalue" not in alert.expression, "who works significance out again peeks"


def rules(path: str) -> Iterator[dict[str, Any]]:
    for group in read(path)["groups"]:
        yield from group["rules"]


def read(path: str) -> Any:
    return yaml.safe_load((DEPLOY / path).read_text())
