"""`crossrisk serve`: gateway, monitors and embedded model on one machine, supervised."""

import argparse
import asyncio
import signal
import time
from pathlib import Path
from typing import Any

from rich.console import Console

from gateway.canary_entries import plans
from gateway.commands.gateway import add_config_argument
from gateway.commands.supervised import Child
from gateway.config import read_config


def add_parser(subparsers: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Register the command."""
    parser = subparsers.add_parser(
        "serve",
        help="run gateway and monitors together",
        description="Start the gateway and the shadow monitors, restart what dies, stop both on Ctrl-C.",
        epilog="example: crossrisk serve --config deploy/crossrisk.yaml",
    )
    add_config_argument(parser)
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> int:
    """Supervise until SIGTERM or SIGINT."""
    config = read_config(arguments.config)
    config.layers(), plans(config)
    config.monitors(), config.rates()  # an error is told once, here, before anything starts
    return asyncio.run(_supervise(arguments.config))


async def _supervise(config: Path) -> int:
    stopping = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stopping.set)
    started = time.monotonic()
    # Monitors first, so that no record of the first exchanges is lost.
    children = [Child("monitors", config), Child("gateway", config)]
    try:
        for child in children:
            if not await child.start():
                return 0 if stopping.is_set() else 2
        _banner(children[1].facts, children[0].facts, time.monotonic() - started)
        staying = [asyncio.create_task(child.stay()) for child in children]
        await stopping.wait()
        for task in staying:
            task.cancel()
        await asyncio.wait(staying)
    finally:
        for child in reversed(children):
            await child.stop()
    return 0


def _banner(gateway: dict[str, Any], monitors: dict[str, Any], seconds: float) -> None:
    messages = '"messages":[{"role":"user","content":"Say hello."}]'
    chat = f"http://{gateway['http']}/v1/chat/completions -H 'content-type: application/json'"
    call = "buf curl --protocol grpc --http2-prior-knowledge"
    method = f"http://{gateway['grpc']}/gateway.v1.GatewayService/Chat"
    lines = [
        "",
        f"CrossRisk Gateway is ready after {seconds:.1f} s (Ctrl-C stops it)",
        "",
        f'HTTP     curl {chat} -d \'{{"model":"{gateway["model"]}",{messages}}}\'',
        f"gRPC     {call} -d '{{{messages}}}' {method}",
        f"metrics  http://{gateway['metrics']}/metrics (gateway)",
        f"         http://{monitors['monitor_metrics']}/metrics (monitors)",
        f"control  {gateway['control']}",
        "",
    ]
    console = Console(soft_wrap=True, highlight=False, markup=False)
    console.print("\n".join(lines))
