"""`crossrisk gateway --workers N`: several processes that share ports, rollout table and child models."""

import asyncio
import socket
from collections.abc import AsyncIterator, Iterable, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path

import aiohttp
import msgspec
from prometheus_client import CollectorRegistry
from prometheus_client.metrics_core import Metric
from prometheus_client.parser import text_string_to_metric_families
from prometheus_client.registry import Collector
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from gateway.commands.gateway import Worker, announce, loan_file, told_to_stop
from gateway.commands.supervised import Child
from gateway.config import Config
from gateway.errors import ConfigError, UpstreamError
from gateway.paths import control_token, run_folder
from gateway.servers.http import UNIX, alive, bound, http_server, listen, metrics_endpoint
from gateway.unit import unit_key
from gateway.upstreams.loan import Lendable

_PATIENCE = 5.0
LABEL = "worker"


async def run_workers(path: Path, config: Config, count: int, as_json: bool) -> int:
    """Serve with `count` processes until SIGTERM or SIGINT; starts again what dies."""
    stopping = told_to_stop()
    folder = run_folder(config.settings.run)
    # Made once and here, so that no two workers make them at the same time.
    unit_key(folder)
    control_token(folder)
    async with AsyncExitStack() as stack:
        for index, entry in enumerate(config.upstreams()):
            if isinstance(entry, Lendable):
                await stack.enter_async_context(entry.lend(loan_file(folder, index)))
        plan = stack.enter_context(_Ports(config, folder))
        workers = [_child(path, plan.worker(index)) for index in range(count)]
        await stack.enter_async_context(_started(workers))
        metrics = await stack.enter_async_context(
            http_server(_metrics_app(plan, count), config.settings.metrics, "metrics")
        )
        facts = {**workers[0].facts, "metrics": metrics, "workers": count}
        announce(facts, as_json)
        await stopping.wait()
    return 0


def _child(path: Path, worker: Worker) -> Child:
    return Child("gateway", path, "--as-worker", msgspec.json.encode(worker).decode())


@asynccontextmanager
async def _started(workers: list[Child]) -> AsyncIterator[None]:
    staying: list[asyncio.Task[None]] = []
    try:
        # The first one alone: it owns the rollout table, which the others read.
        for group in (workers[:1], workers[1:]):
            if not all(await asyncio.gather(*(worker.start() for worker in group))):
                raise UpstreamError("a worker did not start; see above")
        staying = [asyncio.create_task(worker.stay()) for worker in workers]
        yield
    finally:
        for task in staying:
            task.cancel()
        if staying:
            await asyncio.wait(staying)
        await asyncio.gather(*(worker.stop() for worker in workers))


class _Ports:
    """The addresses that all workers share, held for as long as the context lasts.

    A socket that is bound and does not listen gets no connection, but keeps the port for the others.
    """

    def __init__(self, config: Config, folder: Path) -> None:
        self._settings = config.settings
        self._folder = folder
        self._held: list[socket.socket] = []

    def __enter__(self) -> "_Ports":
        self._grpc = self._hold(self._settings.grpc, "grpc")
        self._http = self._hold(self._settings.http, "http")
        return self

    def __exit__(self, *_: object) -> None:
        for one in self._held:
            one.close()

    def worker(self, index: int) -> Worker:
        """What worker number `index` is told."""
        return Worker(index, self._grpc, self._http, f"{UNIX}{self.metrics(index)}")

    def metrics(self, index: int) -> Path:
        """The socket on which a worker tells its metrics."""
        return self._folder / f"metrics-{index}.sock"

    def _hold(self, address: str, name: str) -> str:
        # First alone: workers would share a port with whoever has it already, and nobody would notice.
        with listen(address, name) as alone:
            address = bound(address, alone)
        host, _, port = address.rpartition(":")
        holding = socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET)
        holding.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        holding.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
        try:
            holding.bind((host.strip("[]"), int(port)))
        except OSError as error:
            holding.close()
            raise ConfigError(f"gateway: {name}: cannot share {address}: {error.strerror}") from error
        self._held.append(holding)
        return address


class _Told(Collector):
    """What the workers said just now, each series with the label of its worker."""

    def __init__(self, texts: Mapping[int, str]) -> None:
        self._texts = texts

    def collect(self) -> Iterable[Metric]:
        families: dict[str, Metric] = {}
        for index, text in self._texts.items():
            for family in text_string_to_metric_families(text):
                whole = families.setdefault(
                    family.name, Metric(family.name, family.documentation, family.type)
                )
                whole.samples += [
                    sample._replace(labels={**sample.labels, LABEL: str(index)}) for sample in family.samples
                ]
        return families.values()


def _metrics_app(plan: _Ports, count: int) -> Starlette:
    async def metrics(request: Request) -> Response:
        texts = await asyncio.gather(*(_ask(plan.metrics(index)) for index in range(count)))
        registry = CollectorRegistry()
        # A worker that is being started again is absent, as a process that does not answer is.
        registry.register(_Told({index: text for index, text in enumerate(texts) if text}))
        response: Response = await metrics_endpoint(registry)(request)
        return response

    return Starlette(routes=[Route("/metrics", metrics), Route("/healthz", alive)])


async def _ask(path: Path) -> str:
    try:
        timeout = aiohttp.ClientTimeout(total=_PATIENCE)
        async with (
            aiohttp.ClientSession(connector=aiohttp.UnixConnector(str(path)), timeout=timeout) as session,
            session.get("http://worker/metrics") as response,
        ):
            return await response.text()
    except (aiohttp.ClientError, OSError, TimeoutError):
        return ""
