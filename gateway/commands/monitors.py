"""`crossrisk monitors`: the shadow monitors, in a process of their own."""

import argparse
import asyncio
from collections.abc import Sequence
from pathlib import Path

from gateway.canary_entries import plans
from gateway.commands.gateway import add_serving_arguments, announce, end_with_parent
from gateway.config import Config, read_config
from gateway.paths import control_token, run_folder
from gateway.text import encoder
from monitors.calibration import SHIPPED, read
from monitors.scorer import AnyMonitor
from monitors.server import Options, run_monitors


def add_parser(subparsers: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Register the command."""
    parser = subparsers.add_parser(
        "monitors",
        help="run the shadow monitors alone",
        description="Score what the gateway's tap publishes, at idle priority, and serve /metrics.",
        epilog="example: crossrisk monitors --config crossrisk.yaml",
    )
    add_serving_arguments(parser)
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> int:
    """Score until SIGTERM or SIGINT."""
    config = read_config(arguments.config)
    encoder.use(config.settings.encoder)
    encoder.shared()  # what cannot be had is an error now and not at the first record
    folder = run_folder(config.settings.run)
    host, _, port = config.settings.monitor_metrics.rpartition(":")

    def ready(address: str) -> None:
        announce({"ready": True, "monitor_metrics": address}, arguments.ready_json)

    if arguments.with_parent:
        end_with_parent()
    monitors = config.monitors()
    settings = config.settings
    calibration = read(Path(settings.calibration) if settings.calibration else SHIPPED)
    options = Options(
        rates=rates(config, monitors),
        keep=settings.keep,
        calibration=calibration,
        replay=config.replay,
        effects=config.effects,
        control=folder / "control.sock",
        token=control_token(folder),
        state=folder,
        plans=plans(config),
    )
    asyncio.run(run_monitors(monitors, folder / "tap.sock", host, int(port), ready, options))
    return 0


def rates(config: Config, monitors: Sequence[AnyMonitor]) -> dict[str, float]:
    """By measure, the share of exchanges that the configuration lets it score."""
    pairs = zip(monitors, config.rates(), strict=True)
    return {monitor.measure.name: rate for monitor, rate in pairs if rate is not None}
