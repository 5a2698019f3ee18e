"""`crossrisk serve`: gateway, monitors and embedded model on one machine, supervised."""

import argparse
import asyncio
import contextlib
import json
import logging
import signal
import sys
import time
from pathlib import Path
from typing import Any

from rich.console import Console

from gateway.commands.gateway import add_config_argument
from gateway.config import read_config

_START = 60.0
_STOP = 10.0
_LONGEST_PAUSE = 5.0

log = logging.getLogger(__name__)


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
    config.layers()
    config.monitors(), config.rates()  # an error is told once, here, before anything starts
    return asyncio.run(_supervise(arguments.config))


class Child:
    """One supervised process; `facts` is what it said when it became ready."""

    def __init__(self, command: str, config: Path) -> None:
        self.command = command
        self.facts: dict[str, Any] = {}
        self._arguments = (command, "--config", str(config), "--ready-json", "--with-parent")
        self._process: asyncio.subprocess.Process | None = None

    async def start(self) -> bool:
        """Start it; False when it ends, or says nothing, before it is ready."""
        # Its own session: Ctrl-C reaches the supervisor only, which stops children in order.
        self._process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "gateway", *self._arguments),
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            start_new_session=True,
        )
        assert self._process.stdout is not None
        with contextlib.suppress(TimeoutError, ValueError):
            line = await asyncio.wait_for(self._process.stdout.readline(), _START)
            self.facts = json.loads(line)
            return True
        await self.stop()
        return False

    async def stay(self) -> None:
        """Start it again whenever it dies."""
        pause = 0.2
        while True:
            assert self._process is not None
            born = time.monotonic()
            code = await self._process.wait()
            if time.monotonic() - born > _LONGEST_PAUSE:
                pause = 0.2
            log.warning("%s ended with %s; starting it again in %.1f s", self.command, code, pause)
            await asyncio.sleep(pause)
            pause = min(2 * pause, _LONGEST_PAUSE)
            await self.start()

    async def stop(self) -> None:
        """Ask it to end, and insist after a while."""
        process = self._process
        if process is None or process.returncode is not None:
            return
        with contextlib.suppress(ProcessLookupError):
            process.terminate()
        try:
            await asyncio.wait_for(process.wait(), _STOP)
        except TimeoutError:
            process.kill()
            await process.wait()


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
