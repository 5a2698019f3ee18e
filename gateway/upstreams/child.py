"""Models that run in a child process of ours and speak OpenAI's HTTP: started, watched, started again."""

import asyncio
import logging
import os
import sys
from asyncio.subprocess import PIPE, Process
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager, suppress
from dataclasses import dataclass, replace
from pathlib import Path

import msgspec

from gateway.errors import UpstreamError
from gateway.types import Deltas, Exchange
from gateway.upstreams.openai import OpenAI, OpenAIConnection
from gateway.upstreams.parent import Address

STOP_SECONDS = 5.0
FIRST_PAUSE = 0.1
LONGEST_PAUSE = 5.0
TAIL_BYTES = 4096

_logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Program:
    """The child: a module that reads one line of `settings` on stdin and writes its `Address` on stdout.

    name: what messages call it; threads: for its arithmetic; patience: seconds it may take to start.
    """

    name: str
    module: str
    settings: msgspec.Struct
    api_key: str
    threads: int
    verbose: bool
    patience: float


@dataclass(frozen=True, slots=True)
class Child:
    """A child that answers, and what it takes to ask it."""

    process: Process
    connection: OpenAIConnection
    loan: "Loan"


class Loan(msgspec.Struct, frozen=True):
    """How another process of ours reaches a child."""

    url: str
    api_key: str


Start = Callable[[], AbstractAsyncContextManager[Child]]


@asynccontextmanager
async def supervised(name: str, start: Start, lent: Path | None = None) -> AsyncIterator["ChildModel"]:
    """Keep a child running for as long as the context lasts; `lent`: the file that tells others of it.

    Raises `UpstreamError` when it cannot be started at all.
    """
    model = ChildModel(name, start, lent)
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
        if lent is not None:
            lent.unlink(missing_ok=True)


class ChildModel:
    """The connected model; `restarts` counts how often its process died and came back."""

    def __init__(self, name: str, start: Start, lent: Path | None = None) -> None:
        self.restarts = 0
        self.started = asyncio.Event()
        self._name = name
        self._start = start
        self._lent = lent
        self._child: Child | None = None

    @property
    def process_id(self) -> int | None:
        """The child that answers now; None while there is none."""
        return self._child.process.pid if self._child else None

    def __call__(self, exchange: Exchange) -> Deltas:
        # Whole answers come as streams too: only between tokens a child notices that a client has gone.
        asked = exchange if exchange.streamed else replace(exchange, streamed=True)
        return self._child.connection(asked) if self._child else down(self._name)

    @property
    def connection(self) -> OpenAIConnection:
        """The connection to the child; raises UpstreamError while there is none."""
        if self._child is None:
            raise UpstreamError(f"{self._name} is being started again")
        return self._child.connection

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
                _logger.warning("%s did not start: %s", self._name, error)
            else:
                pause = FIRST_PAUSE if seconds > LONGEST_PAUSE else pause
                _logger.warning("%s died after %.1f s; starting it again", self._name, seconds)
            await asyncio.sleep(pause)
            pause = min(2 * pause, LONGEST_PAUSE)

    async def _live(self) -> float:
        """One life of the child, from its start to its death; returns its length in seconds."""
        async with self._start() as child:
            self.restarts += self.started.is_set()
            self._child = child
            if self._lent is not None:
                write_loan(self._lent, child.loan)
            self.started.set()
            born = asyncio.get_running_loop().time()
            try:
                await child.process.wait()
            finally:
                self._child = None
            return asyncio.get_running_loop().time() - born


async def down(name: str) -> Deltas:
    """What an upstream answers while its child is not there."""
    raise UpstreamError(f"{name} is being started again")
    yield  # makes this a generator, so that it fails where every upstream fails


@asynccontextmanager
async def running(program: Program, server: Callable[[str], OpenAI]) -> AsyncIterator[Child]:
    """A child that answers; it is gone when the context ends. `server` says how to speak to an address."""
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", program.module),
        stdin=PIPE,
        stdout=PIPE,
        stderr=PIPE,
        env={**os.environ, "OMP_NUM_THREADS": str(program.threads)},
        start_new_session=True,  # Ctrl-C is for the gateway, which lets exchanges finish first
    )
    stderr = _Tail()
    following = asyncio.create_task(stderr.follow(process, program.verbose))
    try:
        address = await _start(process, program)
        if address is None:
            await _stop(process)
            await following
            raise UpstreamError(f"{program.name} did not start: {stderr.text() or 'no word on stderr'}")
        async with server(address.url).open(program.api_key) as connection:
            yield Child(process, connection, Loan(address.url, program.api_key))
    finally:
        await _stop(process)
        await following


async def _start(process: Process, program: Program) -> Address | None:
    """Where the child listens; None when it died or took too long."""
    assert process.stdin is not None
    assert process.stdout is not None
    line = b""
    with suppress(TimeoutError, OSError):
        async with asyncio.timeout(program.patience):
            process.stdin.write(msgspec.json.encode(program.settings) + b"\n")
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


def write_loan(file: Path, loan: Loan) -> None:
    """Tell those who may read `file` how to reach a child; they never see half of it."""
    temporary = file.with_suffix(".new")
    with os.fdopen(os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "wb") as writing:
        writing.write(msgspec.json.encode(loan))
    os.replace(temporary, file)


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
