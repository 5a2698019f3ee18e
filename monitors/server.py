"""The monitors process: takes records from the tap, scores them, serves what it found."""

import asyncio
import contextlib
import logging
import os
import signal
import socket
import stat
import sys
from collections.abc import AsyncIterator, Callable, Coroutine, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import grpc
from prometheus_client import CollectorRegistry, disable_created_metrics, start_http_server

from gateway.canary_settings import Plan
from gateway.effects_settings import EffectsSettings
from gateway.errors import ConfigError
from gateway.metrics import product_version
from gateway.replay_settings import ReplaySettings
from gateway.resources import opened
from gateway.settings import Keep
from gateway.v1 import record_pb2, record_pb2_grpc
from monitors.calibration import Calibration, export, holding
from monitors.canary.controller import Controller
from monitors.canary.exporter import CanaryCollector
from monitors.canary.serving import controlling
from monitors.comparing import Comparer
from monitors.effects_server import EFFECTS_SOCKET, effects_server
from monitors.evidence import EVIDENCE, SAVED_EVERY, Evidence
from monitors.exporter import Exporter
from monitors.keeping import Keeper
from monitors.names import Names
from monitors.replayer import Compared, Replayer
from monitors.scorer import AnyMonitor, Scorer, at_once, check_names, in_force

MAX_RECORD_BYTES = 16 * 1024 * 1024
"""Largest record the tap takes."""
GRACE_SECONDS = 1.0
"""How long a publisher may go on after the process was told to end."""

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class Options:
    """What an operator may choose.

    rates: by measure, the share of exchanges that it scores. keep: where exchanges are kept to be labelled.
    calibration: what is known of the errors of the measures. replay: what is run again, by the gateway behind
    `control`, whose token is `token`. effects: what counts as harm. state: the folder where the evidence is
    kept across restarts. plans: the defenses that are tried by a controller, which needs `control` and
    `state`.
    """

    rates: Mapping[str, float] = field(default_factory=dict)
    keep: Keep | None = None
    calibration: Calibration | None = None
    replay: ReplaySettings = field(default_factory=ReplaySettings)
    effects: EffectsSettings = field(default_factory=EffectsSettings)
    control: Path | None = None
    token: str = ""
    state: Path | None = None
    plans: Sequence[Plan] = ()


async def run_monitors(
    monitors: Sequence[AnyMonitor],
    tap_socket: Path,
    metrics_host: str,
    metrics_port: int,
    ready: Callable[[str], None],
    options: Options | None = None,
) -> None:
    """Serve the tap and `/metrics` until SIGTERM or SIGINT.

    `ready` is called once both listen, with the address of the metrics (`metrics_port` 0 takes a
    free one). Must run on the main thread. Raises `ConfigError` when an address cannot be had.
    """
    check_names(monitors)
    yield_to_others()
    disable_created_metrics()  # type: ignore[no-untyped-call]
    registry = CollectorRegistry()
    options = options or Options()
    measures = [in_force(monitor.measure, options.rates) for monitor in monitors]
    names = Names()
    exporter = Exporter(registry, measures, product_version(), names)
    file = options.state / EVIDENCE if options.state else None
    known = holding(options.calibration, measures) if options.calibration is not None else []
    export(known, measures, exporter)
    evidence = Evidence(measures, file, options.effects, known)
    for collector in evidence.collectors(names):
        registry.register(collector)
    with _keeper(options.keep) as keeper:
        scorer = Scorer(monitors, exporter, rates=options.rates, keeper=keeper, told=evidence.told)
        comparer = Comparer(at_once(monitors), evidence, names, registry)
        async with (
            opened(monitors),
            contextlib.aclosing(scorer),
            _kept(evidence),
            _controlling(evidence, options, registry) as controller,
            _told(evidence, options, controller),
            _replaying(replayer := _replayer(options, comparer, controller), options),
            _tap(_takers(scorer, replayer, controller), tap_socket),
        ):
            with _metrics(registry, metrics_host, metrics_port) as port:
                stopping = _stop_signals()
                ready(f"{metrics_host}:{port}")
                await stopping.wait()


@contextlib.asynccontextmanager
async def _controlling(
    evidence: Evidence, options: Options, registry: CollectorRegistry
) -> AsyncIterator[Controller | None]:
    """Try out new defenses, where there are any."""
    if options.state is None or options.control is None:
        yield None
        return
    measures = {measure.name: measure.risk for measure in evidence.measures.values()}
    async with controlling(
        options.plans, measures, evidence, options.state, options.control, options.token
    ) as controller:
        registry.register(CanaryCollector(controller))
        evidence.heard = controller.told
        async with _running(controller.run()):
            yield controller


def _replayer(options: Options, comparer: Comparer, controller: Controller | None) -> Replayer:
    def done(compared: Compared) -> None:
        comparer.done(compared)
        if controller is not None:
            controller.compared(compared)

    return Replayer(options.replay, done, comparer.lost)


def _takers(
    scorer: Scorer, replayer: Replayer, controller: Controller | None
) -> tuple[Callable[[record_pb2.Record], None], ...]:
    """Who gets each record of traffic, in this order."""
    counting = (controller.seen,) if controller is not None else ()
    return (*counting, scorer.score, replayer.offer)


@contextlib.asynccontextmanager
async def _told(evidence: Evidence, options: Options, controller: Controller | None) -> AsyncIterator[None]:
    if options.state is None:
        yield
        return
    async with effects_server(evidence, options.state / EFFECTS_SOCKET, options.token, controller):
        yield


@contextlib.asynccontextmanager
async def _kept(evidence: Evidence) -> AsyncIterator[None]:
    """Save the evidence now and then, and at the end."""

    async def saving() -> None:
        while True:
            await asyncio.sleep(SAVED_EVERY)
            evidence.save()

    async with _running(saving()):
        yield
    evidence.save()


@contextlib.asynccontextmanager
async def _replaying(replayer: Replayer, options: Options) -> AsyncIterator[None]:
    if options.control is None or not options.replay.wanted:
        yield
        return
    async with _running(replayer.run(options.control, options.token)):
        yield


@contextlib.asynccontextmanager
async def _running(work: Coroutine[Any, Any, None]) -> AsyncIterator[None]:
    """Do work for as long as the context lasts; whatever it raises is logged and harms nothing else."""
    task = asyncio.create_task(work)
    task.add_done_callback(_log_failure)
    try:
        yield
    finally:
        task.cancel()
        with contextlib.suppress(asyncio.CancelledError, Exception):
            await task


def _log_failure(task: "asyncio.Task[None]") -> None:
    if not task.cancelled() and (error := task.exception()) is not None:
        logger.error("a task of the monitors ended: %s", type(error).__name__)


def _keeper(keep: Keep | None) -> contextlib.AbstractContextManager[Keeper | None]:
    return contextlib.nullcontext() if keep is None else Keeper(keep)


def yield_to_others() -> None:
    """Ask the system to run this process only when nothing else wants to; a refusal is tolerated."""
    with contextlib.suppress(OSError):
        os.nice(19)
    if sys.platform == "linux":
        with contextlib.suppress(OSError):
            os.sched_setscheduler(0, os.SCHED_IDLE, os.sched_param(0))


class TapServicer(record_pb2_grpc.TapServiceServicer):
    """Hands each record on as it arrives; while it is scored, gRPC's flow control holds the publisher."""

    def __init__(self, takers: Sequence[Callable[[record_pb2.Record], None]]) -> None:
        self._takers = takers

    async def Publish(  # noqa: N802 (the name is the service's)
        self,
        request_iterator: AsyncIterator[record_pb2.PublishRequest],
        context: grpc.aio.ServicerContext[record_pb2.PublishRequest, record_pb2.PublishResponse],
    ) -> record_pb2.PublishResponse:
        received = 0
        async for request in request_iterator:
            for take in self._takers:
                self._hand(take, request.record)
            received += 1
            # Signals and other publishers get their turn between two records.
            await asyncio.sleep(0)
        return record_pb2.PublishResponse(received=received)

    def _hand(self, take: Callable[[record_pb2.Record], None], record: record_pb2.Record) -> None:
        """One record that one of them cannot take costs neither the others nor the next."""
        try:
            take(record)
        except Exception as error:
            # The error's text may quote the exchange, so only its kind is told.
            logger.error("a record was not taken: %s", type(error).__name__)


@contextlib.asynccontextmanager
async def _tap(takers: Sequence[Callable[[record_pb2.Record], None]], path: Path) -> AsyncIterator[None]:
    _prepare_directory(path.parent)
    _remove_stale(path)
    server = grpc.aio.server(options=[("grpc.max_receive_message_length", MAX_RECORD_BYTES)])
    record_pb2_grpc.add_TapServiceServicer_to_server(TapServicer(takers), server)  # type: ignore[no-untyped-call]
    _bind(server, path)
    await server.start()
    try:
        yield
    finally:
        await server.stop(GRACE_SECONDS)
        _remove(path)


def _bind(server: grpc.aio.Server, path: Path) -> None:
    try:
        server.add_insecure_port(f"unix:{path}")
        path.chmod(0o600)
    except (RuntimeError, OSError) as error:
        raise ConfigError(f"tap socket {path} cannot be opened: choose a shorter or writable path") from error


def _remove(path: Path) -> None:
    path.unlink(missing_ok=True)


def _prepare_directory(directory: Path) -> None:
    directory.mkdir(mode=0o700, parents=True, exist_ok=True)
    if stat.S_IMODE(directory.stat().st_mode) & 0o077:
        raise ConfigError(f"directory {directory} of the tap socket is open to others; set its mode to 0700")


def _remove_stale(path: Path) -> None:
    if not path.exists():
        return
    if not path.is_socket():
        raise ConfigError(f"tap socket {path} exists and is no socket; remove it or choose another path")
    with socket.socket(socket.AF_UNIX) as probe:
        try:
            probe.connect(str(path))
        except ConnectionRefusedError:
            path.unlink()
            return
    raise ConfigError(f"tap socket {path} is in use by a running process; stop it or choose another path")


@contextlib.contextmanager
def _metrics(registry: CollectorRegistry, host: str, port: int) -> Iterator[int]:
    try:
        server, thread = start_http_server(port, host, registry)
    except OSError as error:
        raise ConfigError(f"metrics address {host}:{port} cannot be had: {error.strerror}") from error
    try:
        yield server.server_port
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


def _stop_signals() -> asyncio.Event:
    stopping = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stopping.set)
    return stopping
