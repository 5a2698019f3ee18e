"""Writes every generated file: `python -m deploy.generate [--runbooks URL]`."""

import argparse
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import yaml
from grafana_foundation_sdk.builders import dashboard
from grafana_foundation_sdk.cog.encoder import JSONEncoder

from deploy.generate import grafana_alerting, prometheus
from deploy.generate.boards import cross_risk, monitors, traffic

DEPLOY = Path(__file__).parent.parent
HEADER = "# Made by `make boards` from deploy/generate; changes here are lost.\n"


class _Dumper(yaml.SafeDumper):
    """Texts of several lines stay readable, and nothing is told by reference."""

    def ignore_aliases(self, data: Any) -> bool:
        return True


def _text(dumper: yaml.SafeDumper, text: str) -> yaml.ScalarNode:
    return dumper.represent_scalar("tag:yaml.org,2002:str", text, style="|" if "\n" in text else None)


_Dumper.add_representer(str, _text)


def as_yaml(content: Any) -> str:
    """A YAML file with the header that says where it comes from."""
    return HEADER + yaml.dump(content, Dumper=_Dumper, sort_keys=False, width=110, allow_unicode=True)


def as_json(board: dashboard.Dashboard) -> str:
    """A board as Grafana reads it."""
    return JSONEncoder(indent=2, sort_keys=True, ensure_ascii=False).encode(board.build()) + "\n"


def files(runbooks: str = "") -> Mapping[str, str]:
    """Every generated file by its path below `deploy/`."""
    return {
        "prometheus/alerts.yaml": as_yaml(prometheus.alerts(runbooks)),
        "prometheus/alerts_test.yaml": as_yaml(prometheus.tests(runbooks)),
        "prometheus/recordings.yaml": as_yaml(prometheus.recordings()),
        "grafana/alerting/rules.yaml": as_yaml(grafana_alerting.rules(runbooks)),
        "grafana/alerting/contact_points.yaml": as_yaml(grafana_alerting.contact_points()),
        "grafana/alerting/policies.yaml": as_yaml(grafana_alerting.policies()),
        "grafana/alerting/templates.yaml": as_yaml(grafana_alerting.templates()),
        "grafana/boards/cross_risk.json": as_json(cross_risk.board()),
        "grafana/boards/traffic.json": as_json(traffic.board()),
        "grafana/boards/monitors.json": as_json(monitors.board()),
    }


def main() -> None:
    """Write the files."""
    parser = argparse.ArgumentParser(prog="python -m deploy.generate", description=__doc__)
    parser.add_argument(
        "--runbooks", default="", metavar="URL", help="goes before docs/runbooks/... in every alert"
    )
    for path, text in files(parser.parse_args().runbooks).items():
        target = DEPLOY / path
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main()
