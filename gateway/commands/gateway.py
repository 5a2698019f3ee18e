"""`crossrisk gateway`: the in-line process."""

import argparse
import asyncio
import gc
import json
import logging
import os
import signal
import threading
from collections.abc import Callable
from contextlib import AbstractAsyncContextManager, AsyncExitStack, suppress
from dataclasses import asdict, dataclass, replace
from pathlib import Path

import msgspec
import uvloop

from gateway.commands.console import console
from gateway.config import Config, read_config
from gateway.engine import Engine, Route
from gateway.errors import ConfigError
from gateway.metrics import GatewayMetrics
from gateway.paths import control_token, run_folder
from gateway.replays import Replays
from gateway.resources import opened
from gateway.rollout_file import RolloutFile
from gateway.sense import doubts
from gateway.servers.console import console_routes
from gateway.servers.control import control_server
from gateway.servers.grpc import grpc_server
from gateway.servers.http import gateway_app, http_server, metrics_app
from gateway.switchboard import Switchboard
from gateway.tap import Tap
from gateway.text import encoder
from gateway.types import ConnectedUpstream, UpstreamEntry
from gateway.unit import Units, unit_key
from gateway.upstreams.loan import Lendable

log = logging.getLogger(__name__)
DEFAULT_CONFIG = "crossrisk.yaml"


@dataclass(frozen=True, slots=True)
class Addresses:
    """Where a running gateway listens; `control` is a Unix socket."""

    grpc: str
    http: str
    metrics: str
    control: str
    model: str


class Worker(msgspec.Struct, frozen=True):
    """One of several processes that serve together; the first has the control socket.

    grpc, http: addresses that all of them share. metrics: of this one.
    """

    index: int
    grpc: str
    http: str
    metrics: str


def add_config_argument(parser: argparse.ArgumentParser) -> None:
    """The option every serving command has."""
    parser.add_argument(
        "--config", "-c", type=Path, default=Path(DEFAULT_CONFIG), metavar="FILE", help="default: %(default)s"
    )


def add_serving_arguments(parser: argparse.ArgumentParser) -> None:
    """Options for whoever supervises the process."""
    add_config_argument(parser)
    parser.add_argument("--ready-json", action="store_true", help="print one line of JSON once ready")
    parser.add_argument("--with-parent", action="store_true", help="end when standard input ends")


def add_parser(subparsers: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Register the command."""
    parser = subparsers.add_parser(
        "gateway",
        help="run the in-line gateway alone",
        description="Serve gRPC and OpenAI-compatible HTTP through the configured defenses. With --workers, "
        "so many processes share the ports, the rollout table and models that run in a child process.",
        epilog="example: crossrisk gateway --config crossrisk.yaml",
    )
    add_serving_arguments(parser)
    parser.add_argument(
        "--workers", type=int, default=1, metavar="N", help="processes that serve; default: %(default)s"
    )
    parser.add_argument("--as-worker", metavar="JSON", help=argparse.SUPPRESS)
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> int:
    """Serve until SIGTERM or SIGINT."""
    config = read_config(arguments.config)

    def ready(addresses: Addresses) -> None:
        announce({"ready": True, **asdict(addresses)}, arguments.ready_json)

    if arguments.with_parent:
        end_with_parent()
    if arguments.workers < 1:
        raise ConfigError("--workers: must be at least 1")
    if arguments.workers > 1:
        # Imported here: it starts this command again, as a worker.
        from gateway.commands.workers import run_workers

        return uvloop.run(run_workers(arguments.config, config, arguments.workers, arguments.ready_json))
    worker = msgspec.json.decode(arguments.as_worker, type=Worker) if arguments.as_worker else None
    uvloop.run(run_gateway(config, ready, worker))
    return 0


def announce(facts: dict[str, object], as_json: bool) -> None:
    """Say that the process is ready, for a supervisor or for a person."""
    listed = "  ".join(f"{key} {value}" for key, value in facts.items() if key != "ready" and value)
    print(json.dumps(facts) if as_json else f"ready: {listed}", flush=True)  # noqa: T201


def end_with_parent() -> None:
    """Send this process SIGTERM when standard input ends, as it does when the parent is gone."""

    def watch() -> None:
        # Not sys.stdin: its lock would still be held when the interpreter ends.
        while os.read(0, 1024):
            pass
        os.kill(os.getpid(), signal.SIGTERM)

    threading.Thread(target=watch, daemon=True).start()


async def run_gateway(
    config: Config, ready: Callable[[Addresses], None], worker: Worker | None = None
) -> None:
    """Serve `config` until SIGTERM or SIGINT; `ready` is called once every door is open."""
    logging.getLogger("grpc").setLevel(logging.CRITICAL)  # it logs exceptions with their messages
    stopping = told_to_stop()
    async with AsyncExitStack() as stack:
        addresses = await open_gateway(config, stack, worker)
        spare_the_collector()
        ready(addresses)
        await stopping.wait()


def told_to_stop() -> asyncio.Event:
    """Set by SIGTERM or SIGINT from now on."""
    stopping = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stopping.set)
    return stopping


def spare_the_collector() -> None:
    """What is there now stays for good: the garbage collector need not walk it again and again."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(10_000, 20, 50)


async def open_gateway(config: Config, stack: AsyncExitStack, worker: Worker | None = None) -> Addresses:
    """Open upstreams, tap and doors on `stack`, in the order in which they need each other."""
    settings, first = config.settings, worker is None or worker.index == 0
    if worker is not None:
        settings = replace(settings, grpc=worker.grpc, http=worker.http, metrics=worker.metrics)
    encoder.use(settings.encoder)
    folder = run_folder(settings.run)
    os.environ["CROSSRISK_RUN"] = str(folder)  # where a defense keeps what it has to keep
    layers = config.layers()
    for doubt in doubts(layers):
        log.warning("defenses: %s", doubt)
    metrics = GatewayMetrics(layers)
    units = Units(settings.unit, unit_key(folder))
    may_be_off = config.may_be_off()
    file = RolloutFile(folder)
    switchboard = Switchboard(layers, may_be_off, file, settings.lease_grace, follows=not first)
    metrics.watch_switchboard(switchboard)
    routes = [
        Route(entry.models, await stack.enter_async_context(_connected(entry, index, folder, worker)), names)
        for index, (entry, names) in enumerate(zip(config.upstreams(), may_be_off, strict=True))
    ]
    tap = Tap(folder / "tap.sock", settings.tap_capacity, metrics) if settings.tap else None
    if tap is not None:
        stack.push_async_callback(_cancelled, asyncio.create_task(tap.run()))
    stack.push_async_callback(_cancelled, asyncio.create_task(switchboard.run()))
    engine = Engine(layers, routes, units, metrics, tap, settings.max_exchanges, switchboard)
    await stack.enter_async_context(opened(layer.defense for layer in layers if layer.mode != "off"))
    await engine.warm()
    if (running := encoder.loaded()) is not None:
        metrics.watch_encoder(running)
    control = folder / "control.sock"
    if first:
        replays = Replays(engine, config.replay, metrics)
        token = control_token(folder)
        await stack.enter_async_context(control_server(engine, control, token, replays))
    metrics_at = await stack.enter_async_context(
        http_server(metrics_app(metrics.registry), settings.metrics, "metrics")
    )
    hub = await stack.enter_async_context(console(engine, folder, worker)) if settings.console else None
    app = gateway_app(engine, settings.max_request, console_routes(hub, settings.console) if hub else ())
    shared = worker is not None
    http_at = await stack.enter_async_context(http_server(app, settings.http, "http", shared))
    if hub is not None:
        stack.callback(hub.close)  # before the door, which would wait for its viewers
    grpc_at = await stack.enter_async_context(
        grpc_server(engine, settings.grpc, settings.max_request, shared)
    )
    return Addresses(grpc_at, http_at, metrics_at, str(control), engine.default_model)


def _connected(
    entry: UpstreamEntry, index: int, folder: Path, worker: Worker | None
) -> AbstractAsyncContextManager[ConnectedUpstream]:
    if worker is not None and isinstance(entry, Lendable):
        return entry.borrow(loan_file(folder, index))
    return entry.connect()


def loan_file(folder: Path, index: int) -> Path:
    """Where the address of the child of upstream number `index` stands."""
    return folder / f"upstream-{index}.json"


async def _cancelled(task: "asyncio.Task[None]") -> None:
    task.cancel()
    with suppress(asyncio.CancelledError):
        await task
