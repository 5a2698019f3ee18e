"""The same bare HTTP relay over one server and one client, to choose among them by measurement.

::

    python relay.py SERVER CLIENT HTTP://UPSTREAM/v1    # prints its own address as JSON when it serves

Runs in an environment of its own, see `benchmarks.environments`.
"""

import asyncio
import json
import os
import socket
import sys
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from typing import Any

HEADERS = {"content-type": "application/json"}


class Aiohttp:
    """Pieces of an answer by aiohttp."""

    @asynccontextmanager
    async def connect(self) -> AsyncIterator[Any]:
        """A pool of connections."""
        import aiohttp

        async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=256)) as session:
            yield session

    async def ask(self, session: Any, url: str, body: bytes) -> AsyncIterator[bytes]:
        """The pieces of one answer as they come."""
        async with session.post(url, data=body, headers=HEADERS) as response:
            async for piece in response.content.iter_any():
                yield piece


class Httpx:
    """Pieces of an answer by httpx, or by its successor httpx2."""

    def __init__(self, module: str) -> None:
        self._module = module

    @asynccontextmanager
    async def connect(self) -> AsyncIterator[Any]:
        """A pool of connections."""
        httpx = __import__(self._module)
        async with httpx.AsyncClient(limits=httpx.Limits(max_connections=256), timeout=60) as session:
            yield session

    async def ask(self, session: Any, url: str, body: bytes) -> AsyncIterator[bytes]:
        """The pieces of one answer as they come."""
        async with session.stream("POST", url, content=body, headers=HEADERS) as response:
            async for piece in response.aiter_raw():
                yield piece


CLIENTS: dict[str, Any] = {"aiohttp": Aiohttp(), "httpx": Httpx("httpx"), "httpx2": Httpx("httpx2")}


class Relay:
    """The ASGI application: each piece leaves as it came."""

    def __init__(self, client: Any, upstream: str, address: str) -> None:
        self._client = client
        self._url = f"{upstream}/chat/completions"
        self._address = address
        self._stack = AsyncExitStack()
        self._session: Any = None

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        """Serve one request, or the life of the server."""
        if scope["type"] == "lifespan":
            await self._live(receive, send)
            return
        body, more = b"", True
        while more:
            message = await receive()
            body += message.get("body", b"")
            more = message.get("more_body", False)
        streamed = json.loads(body).get("stream")
        kind = b"text/event-stream" if streamed else b"application/json"
        await send({"type": "http.response.start", "status": 200, "headers": [(b"content-type", kind)]})
        async for piece in self._client.ask(self._session, self._url, body):
            await send({"type": "http.response.body", "body": piece, "more_body": True})
        await send({"type": "http.response.body", "body": b""})

    async def _live(self, receive: Any, send: Any) -> None:
        await receive()
        self._session = await self._stack.enter_async_context(self._client.connect())
        await send({"type": "lifespan.startup.complete"})
        print(json.dumps({"http": f"http://{self._address}/v1"}), flush=True)
        await receive()
        await self._stack.aclose()
        await send({"type": "lifespan.shutdown.complete"})


def application() -> Relay:
    """The relay as the environment describes it, for servers that import it in a process of their own."""
    return Relay(
        CLIENTS[os.environ["RELAY_CLIENT"]], os.environ["RELAY_UPSTREAM"], os.environ["RELAY_ADDRESS"]
    )


def serve(server: str, port: int) -> None:
    """Serve until SIGTERM."""
    if server == "uvicorn":
        import uvicorn

        uvicorn.run(
            application(), port=port, loop="uvloop", http="httptools", access_log=False, log_level="error"
        )
    elif server == "granian":
        from granian import Granian
        from granian.constants import HTTPModes, Interfaces, Loops

        Granian(
            "relay:application",
            factory=True,
            port=port,
            interface=Interfaces.ASGI,
            loop=Loops.uvloop,
            http=HTTPModes.http1,
            log_enabled=False,
        ).serve()
    elif server == "hypercorn":
        import uvloop
        from hypercorn.asyncio import serve as hypercorn
        from hypercorn.config import Config

        config = Config()
        config.bind = [os.environ["RELAY_ADDRESS"]]
        config.errorlog = None
        with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
            runner.run(hypercorn(application(), config))
    else:
        raise SystemExit(f"no such server: {server}")


def main() -> None:
    """Find a free port and serve there."""
    server, client, upstream = sys.argv[1:]
    with socket.create_server(("127.0.0.1", 0)) as probe:
        port = probe.getsockname()[1]
    os.environ |= {
        "RELAY_CLIENT": client,
        "RELAY_UPSTREAM": upstream,
        "RELAY_ADDRESS": f"127.0.0.1:{port}",
        "PYTHONPATH": os.path.dirname(os.path.abspath(__file__)),
    }
    serve(server, port)


if __name__ == "__main__":
    main()
