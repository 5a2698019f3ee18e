"""A model server that says what a script tells it, over gRPC and HTTP alike, for tests and benchmarks.

::

    python -m gateway.upstreams.scripted --script replies.yaml --grpc 0 --http 0

The script is a YAML list of replies, whose keys `gateway.upstreams.script.Reply` lists; the first
whose `match` is found in the last user message answers, and prose of 64 deltas answers what no
reply matches. One line of JSON with the addresses is printed when the server is ready;
`GET /counts` says how many exchanges started, finished, failed by script, or were cancelled.
"""

import argparse
import asyncio
import contextlib
import json
import os
import signal
import socket
import sys
import threading
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, MutableMapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import grpc
import uvicorn
import uvloop

from gateway.errors import ConfigError
from gateway.upstreams.script import HEAD, HTTP_STATUS, MODEL, Reply, Script

CHAT = "/gateway.v1.GatewayService/Chat"
HEALTH = "/grpc.health.v1.Health/Check"
SERVING = b"\x08\x01"  # HealthCheckResponse(status=SERVING)
JSON_TYPE = [(b"content-type", b"application/json")]
SSE_TYPE = [(b"content-type", b"text/event-stream"), (b"cache-control", b"no-cache")]

Scope = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]
Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]
Write = Callable[[bytes], Awaitable[None]]
Wait = Callable[[float | None], Awaitable[None]]


class DiedError(Exception):
    """The script says that the stream breaks off here."""


class GoneError(Exception):
    """The client has closed the connection."""


@dataclass(slots=True)
class Counts:
    """What became of the exchanges."""

    started: int = 0
    finished: int = 0
    failed: int = 0
    cancelled: int = 0

    @contextlib.contextmanager
    def one(self) -> Iterator[None]:
        """Count one exchange by how the block ends."""
        self.started += 1
        try:
            yield
        except (DiedError, grpc.aio.AbortError):
            self.failed += 1
            raise
        except BaseException:
            self.cancelled += 1
            raise
        self.finished += 1


async def play(reply: Reply, pieces: list[bytes], write: Write, wait: Wait) -> None:
    """Write the pieces at the reply's pace; raises DiedError where the script says so."""
    if reply.smooth:
        for piece in pieces:
            await write(piece)
        return
    for number, piece in enumerate([*pieces, b""]):
        if number == reply.die_after:
            raise DiedError
        if number == reply.hang_after:
            await wait(None)
        if piece:
            if reply.pace:
                await wait(reply.pace)
            await write(piece)


class GrpcFront(grpc.GenericRpcHandler):
    """Chat and health as bytes; nothing is parsed that the choice of reply does not need."""

    def __init__(self, script: Script, counts: Counts) -> None:
        self._script = script
        self._counts = counts
        self._handlers: dict[str, grpc.RpcMethodHandler[bytes, bytes]] = {
            CHAT: grpc.unary_stream_rpc_method_handler(self._chat),
            HEALTH: grpc.unary_unary_rpc_method_handler(_serving),
        }

    def service(self, handler_call_details: Any) -> Any:
        """The handler of a method, None where there is none."""
        return self._handlers.get(handler_call_details.method)

    async def _chat(self, request: bytes, context: grpc.aio.ServicerContext[bytes, bytes]) -> None:
        reply = self._script.answer_grpc(request)
        try:
            with self._counts.one():
                if reply.error:
                    await context.abort(grpc.StatusCode[reply.error], "the script says so")
                await play(reply, reply.messages, context.write, _sleep)
        except DiedError:
            await context.abort(grpc.StatusCode.UNAVAILABLE, "the script breaks off here")


class HttpFront:
    """`/v1/chat/completions`, `/v1/models` and `/counts` as a bare ASGI application."""

    def __init__(self, script: Script, counts: Counts) -> None:
        self._script = script
        self._counts = counts

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["path"] == "/counts":
            await _send_json(send, 200, json.dumps(asdict(self._counts)).encode())
        elif scope["path"] == "/v1/models":
            models = {"object": "list", "data": [{"id": MODEL, "object": "model", "owned_by": MODEL}]}
            await _send_json(send, 200, json.dumps(models).encode())
        elif scope["path"] == "/v1/chat/completions":
            await self._chat(receive, send)
        else:
            await _send_json(send, 404, _openai_error("NOT_FOUND"))

    async def _chat(self, receive: Receive, send: Send) -> None:
        request = json.loads(await _read(receive))
        reply = self._script.answer_http(request)
        # Returning in the middle of a response makes the server close the connection.
        with contextlib.suppress(DiedError, GoneError), self._counts.one():
            if reply.error:
                await _send_json(send, HTTP_STATUS[reply.error], _openai_error(reply.error))
                raise DiedError
            async with _client(receive) as wait:
                if request.get("stream"):
                    await self._stream(request, reply, send, wait)
                else:
                    await self._whole(reply, send, wait)

    async def _stream(self, request: dict[str, Any], reply: Reply, send: Send, wait: Wait) -> None:
        async def write(piece: bytes) -> None:
            await send({"type": "http.response.body", "body": piece, "more_body": True})

        with_usage = (request.get("stream_options") or {}).get("include_usage")
        await send({"type": "http.response.start", "status": 200, "headers": SSE_TYPE})
        await write(HEAD)
        await play(reply, reply.events_with_usage if with_usage else reply.events, write, wait)
        await send({"type": "http.response.body", "body": b""})

    async def _whole(self, reply: Reply, send: Send, wait: Wait) -> None:
        async def write(piece: bytes) -> None:
            """Only the time a delta takes matters here."""

        try:
            await play(reply, reply.events, write, wait)
        except DiedError:
            await _send_json(send, 200, reply.body, cut=len(reply.body) // 2)
            raise
        await _send_json(send, 200, reply.body)


@contextlib.asynccontextmanager
async def _client(receive: Receive) -> AsyncIterator[Wait]:
    """How to wait for a client that may go away."""
    gone: asyncio.Future[Any] | None = None

    async def wait(seconds: float | None) -> None:
        nonlocal gone
        gone = gone or asyncio.ensure_future(receive())
        done, _ = await asyncio.wait([gone], timeout=seconds)
        if done:
            raise GoneError

    try:
        yield wait
    finally:
        if gone is not None:
            gone.cancel()


async def _sleep(seconds: float | None) -> None:
    await (asyncio.Event().wait() if seconds is None else asyncio.sleep(seconds))


async def _serving(request: bytes, context: Any) -> bytes:
    return SERVING


async def _read(receive: Receive) -> bytes:
    body = bytearray()
    while True:
        message = await receive()
        body += message.get("body", b"")
        if not message.get("more_body"):
            return bytes(body)


async def _send_json(send: Send, status: int, body: bytes, cut: int | None = None) -> None:
    headers = [*JSON_TYPE, (b"content-length", b"%d" % len(body))]
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": body[:cut], "more_body": cut is not None})


def _openai_error(status: str) -> bytes:
    error = {"message": "the script says so", "type": "scripted", "param": None, "code": status.lower()}
    return json.dumps({"error": error}).encode()


class _HttpServer(uvicorn.Server):
    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Signals belong to the whole process, not to one of its two servers."""
        yield


@contextlib.asynccontextmanager
async def serve_grpc(script: Script, counts: Counts, port: int) -> AsyncIterator[str]:
    """Serve Chat on the loopback interface; yields the address."""
    server = grpc.aio.server(options=[("grpc.so_reuseport", 0)])
    server.add_generic_rpc_handlers((GrpcFront(script, counts),))
    bound = server.add_insecure_port(f"127.0.0.1:{port}")
    await server.start()
    try:
        yield f"127.0.0.1:{bound}"
    finally:
        await server.stop(None)


@contextlib.asynccontextmanager
async def serve_http(script: Script, counts: Counts, port: int) -> AsyncIterator[str]:
    """Serve the OpenAI routes on the loopback interface; yields the base address."""
    listener = socket.create_server(("127.0.0.1", port), backlog=1024)
    server = _HttpServer(
        uvicorn.Config(
            HttpFront(script, counts),
            http="httptools",
            ws="none",
            lifespan="off",
            log_level="critical",
            timeout_keep_alive=120,
        )
    )
    serving = asyncio.create_task(server.serve(sockets=[listener]))
    try:
        yield f"http://127.0.0.1:{listener.getsockname()[1]}"
    finally:
        server.should_exit = server.force_exit = True
        await serving


async def serve(script: Script, ports: dict[str, int], *, with_parent: bool) -> None:
    """Serve until SIGTERM or SIGINT, or until the parent closes our standard input."""
    loop, stop = asyncio.get_running_loop(), asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    if with_parent:
        threading.Thread(target=_outlive_no_parent, args=(loop, stop), daemon=True).start()
    counts, fronts = Counts(), {"grpc": serve_grpc, "http": serve_http}
    async with contextlib.AsyncExitStack() as stack:
        addresses = {
            name: await stack.enter_async_context(fronts[name](script, counts, port))
            for name, port in ports.items()
        }
        sys.stdout.write(json.dumps(addresses) + "\n")
        sys.stdout.flush()
        await stop.wait()


def _outlive_no_parent(loop: asyncio.AbstractEventLoop, stop: asyncio.Event) -> None:
    while os.read(0, 4096):
        pass
    loop.call_soon_threadsafe(stop.set)


def main(arguments: Sequence[str] | None = None) -> None:
    """Parse the command line and serve."""
    parser = argparse.ArgumentParser(prog="python -m gateway.upstreams.scripted", description=__doc__)
    parser.add_argument("--script", type=Path, help="YAML list of replies")
    parser.add_argument("--grpc", type=int, metavar="PORT", help="0 picks a free port")
    parser.add_argument("--http", type=int, metavar="PORT", help="0 picks a free port")
    parser.add_argument("--with-parent", action="store_true", help="exit when standard input is closed")
    options = parser.parse_args(arguments)
    ports = {name: port for name in ("grpc", "http") if (port := getattr(options, name)) is not None}
    try:
        script = Script.load(options.script) if options.script else Script()
    except ConfigError as error:
        parser.error(str(error))
    uvloop.run(serve(script, ports or {"grpc": 0, "http": 0}, with_parent=options.with_parent))


if __name__ == "__main__":
    main()
