"""Writes every generated file: `python -m deploy.generate [--runbooks URL]`."""

import argparse
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import yaml

from deploy.generate import prometheus

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


def files(runbooks: str = "") -> Mapping[str, str]:
    """Every generated file by its path below `deploy/`."""
    return {
        "prometheus/alerts.yaml": as_yaml(prometheus.alerts(runbooks)),
        "prometheus/alerts_test.yaml": as_yaml(prometheus.tests(runbooks)),
        "prometheus/recordings.yaml": as_yaml(prometheus.recordings()),
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
