"""`crossrisk validate`: says what is wrong with a configuration, without serving it."""

import argparse
from pathlib import Path

from gateway.config import read_config
from gateway.sense import doubts
from gateway.text import encoder
from gateway.unit import Units


def add_parser(subparsers: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Register the command."""
    parser = subparsers.add_parser(
        "validate",
        help="check a configuration without serving it",
        description="Read a configuration and build everything it names. Exit code 0 when it can be served.",
        epilog="example: crossrisk validate deploy/crossrisk.yaml",
    )
    parser.add_argument("file", type=Path, metavar="FILE")
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> int:
    """Build all of it; errors are raised as ConfigError."""
    config = read_config(arguments.file)
    encoder.use(config.settings.encoder)
    Units(config.settings.unit, b"")
    if config.monitor_entries:
        encoder.shared()  # they look through it
    upstreams, layers, monitors = config.upstreams(), config.layers(), config.monitors()
    config.rates()
    counts = f"{len(upstreams)} upstreams, {len(layers)} defenses, {len(monitors)} monitors"
    print(f"{arguments.file}: valid: {counts}")  # noqa: T201
    for doubt in doubts(layers):
        print(f"{arguments.file}: warning: {doubt}")  # noqa: T201
    return 0
