"""Models that another process of ours runs: one child process serves every worker of a gateway."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import replace
from pathlib import Path
from typing import Protocol, runtime_checkable

import msgspec

from gateway.errors import UpstreamError
from gateway.types import ConnectedUpstream, Deltas, Exchange
from gateway.upstreams.child import Loan, down
from gateway.upstreams.openai import OpenAI, OpenAIConnection

LOOK = 0.1
"""Seconds between two looks at whether the child was started again."""


@runtime_checkable
class Lendable(Protocol):
    """An upstream entry whose model runs in a child process, which several workers can ask."""

    def lend(self, file: Path) -> AbstractAsyncContextManager[object]:
        """Keep the child running, and its address in `file`, for as long as the context lasts."""
        ...

    def borrow(self, file: Path) -> AbstractAsyncContextManager[ConnectedUpstream]:
        """Ask the child that another process lends under `file`."""
        ...


@asynccontextmanager
async def borrowed(name: str, file: Path, server: Callable[[str], OpenAI]) -> AsyncIterator["BorrowedModel"]:
    """The model that is lent under `file`; `server` says how to speak to an address."""
    model = BorrowedModel(name, file, server)
    following = asyncio.create_task(model.follow())
    try:
        yield model
    finally:
        following.cancel()
        await asyncio.wait([following])


class BorrowedModel:
    """Asks the child as its own process does, wherever it listens now."""

    def __init__(self, name: str, file: Path, server: Callable[[str], OpenAI]) -> None:
        self._name = name
        self._file = file
        self._server = server
        self._connection: OpenAIConnection | None = None

    def __call__(self, exchange: Exchange) -> Deltas:
        asked = exchange if exchange.streamed else replace(exchange, streamed=True)
        return self._connection(asked) if self._connection else down(self._name)

    @property
    def connection(self) -> OpenAIConnection:
        """The connection to the child; raises UpstreamError while there is none."""
        if self._connection is None:
            raise UpstreamError(f"{self._name} is being started again")
        return self._connection

    async def ready(self) -> bool:
        """Whether the child answers."""
        return self._connection is not None and await self._connection.ready()

    async def follow(self) -> None:
        """Keep a connection to the child that is lent now, for ever."""
        while True:
            if (loan := self._loan()) is None:
                await asyncio.sleep(LOOK)
                continue
            async with self._server(loan.url).open(loan.api_key) as connection:
                self._connection = connection
                while self._loan() == loan:
                    await asyncio.sleep(LOOK)
                self._connection = None

    def _loan(self) -> Loan | None:
        try:
            return msgspec.json.decode(self._file.read_bytes(), type=Loan)
        except (OSError, msgspec.DecodeError):
            return None
