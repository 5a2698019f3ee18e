"""`crossrisk validate`: says what is wrong with a configuration, without serving it."""

import argparse
from pathlib import Path

from gateway.canary_entries import plans
from gateway.chain import Layer
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


def told(layer: Layer) -> str:
    """When a defense is on, in words.

    >>> told(Layer("leak_filter", None, "canary", weight=0.05))  # type: ignore[arg-type]
    'leak_filter: canary, on for 5 % of units'
    """
    share = {
        "canary": f", on for {100 * layer.weight:g} % of units",
        "enforce": f", held back from {100 * layer.holdback:g} % of units" if layer.holdback else "",
        "shadow": ", on for nobody",
    }.get(layer.mode, "")
    return f"{layer.name}: {layer.mode}{share}"


def run(arguments: argparse.Namespace) -> int:
    """Build all of it; errors are raised as ConfigError."""
    config = read_config(arguments.file)
    encoder.use(config.settings.encoder)
    Units(config.settings.unit, b"")
    if config.monitor_entries:
        encoder.shared()  # they look through it
    upstreams, layers, monitors = config.upstreams(), config.layers(), config.monitors()
    config.rates(), plans(config)
    counts = f"{len(upstreams)} upstreams, {len(layers)} defenses, {len(monitors)} monitors"
    print(f"{arguments.file}: valid: {counts}")  # noqa: T201
    for layer in layers:
        print(f"  {told(layer)}")  # noqa: T201
    for doubt in doubts(layers):
        print(f"{arguments.file}: warning: {doubt}")  # noqa: T201
    return 0
