"""The OpenAI-compatible HTTP front door."""

import asyncio
import contextlib
import logging
import socket
import time
from collections.abc import AsyncIterator, Coroutine, Iterator, Mapping, Sequence
from contextlib import aclosing, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import msgspec
import uvicorn
from prometheus_client import CONTENT_TYPE_LATEST, CollectorRegistry, generate_latest
from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route
from starlette.types import ASGIApp, Receive, Scope, Send

from gateway.checking import Checked
from gateway.engine import Engine
from gateway.errors import ConfigError, InvalidRequestError
from gateway.paths import claim_socket
from gateway.servers import openai
from gateway.servers.status import log_failure, public_message, status_of
from gateway.text.encoder import loaded
from gateway.types import Exchange
from gateway.validation import check_text, exchange_from_openai, messages_from_openai, validate_messages

_JSON = [(b"content-type", b"application/json")]
_EVENTS = [(b"content-type", b"text/event-stream; charset=utf-8"), (b"cache-control", b"no-cache")]
_GRACE = 5
UNIX = "unix:"
CHAT_PATH = "/v1/chat/completions"


class Door:
    """The chat endpoint and its neighbours, over one engine."""

    def __init__(self, engine: Engine, max_request: int) -> None:
        self.engine = engine
        self.max_request = max_request
        self.started = int(time.time())

    async def chat(self, scope: Scope, receive: Receive, send: Send) -> None:
        """POST /v1/chat/completions."""
        try:
            body = _parse(await _read(receive, self.max_request))
            exchange = exchange_from_openai(body)
            stream, include_usage = openai.stream_options(body)
        except Exception as error:
            self.engine.metrics.count_exchange("rejected", "http")
            await _fail(send, error)
            return
        headers = {
            key: value.decode("latin-1")
            for name, value in scope["headers"]
            if (key := name.decode("latin-1")) in self.engine.header_names
        }
        if stream:
            answer = self._stream(exchange, headers, send, include_usage)
        else:
            answer = self._whole(exchange, headers, send)
        await until_gone(receive, answer)

    async def check(self, scope: Scope, receive: Receive, send: Send) -> None:
        """POST /v1/check."""
        try:
            body = _parse(await _read(receive, self.max_request))
            checked = await self._checked(body)
        except Exception as error:
            await _fail(send, error)
            return
        await _reply(send, 200, msgspec.to_builtins(checked))

    async def _checked(self, body: Mapping[str, Any]) -> Checked:
        unknown = sorted(set(body) - {"messages", "answer", "model"})
        if unknown:
            raise InvalidRequestError(
                f"unknown field {unknown[0][:40]!r}; known: messages, answer", unknown[0][:40]
            )
        messages = messages_from_openai(body.get("messages") or [])
        answer = body.get("answer")
        if answer is not None and not isinstance(answer, str):
            raise InvalidRequestError("answer must be a string", "answer")
        if not messages and answer is None:
            raise InvalidRequestError(
                "there is nothing to check: send messages, an answer or both", "messages"
            )
        validate_messages(messages)
        check_text(answer or "", "answer")
        return await self.engine.check(messages, answer)

    async def _whole(self, exchange: Exchange, headers: Mapping[str, str], send: Send) -> None:
        completion = openai.Completion(exchange, self.engine.default_model)
        try:
            async with aclosing(self.engine.serve(exchange, headers, "http")) as deltas:
                async for delta in deltas:
                    completion.add(delta)
        except Exception as error:
            await _fail(send, error)
            return
        await _reply(send, 200, completion.body())

    async def _stream(
        self, exchange: Exchange, headers: Mapping[str, str], send: Send, include_usage: bool
    ) -> None:
        events = openai.Events(exchange, self.engine.default_model, include_usage)
        begun = False
        try:
            async with aclosing(self.engine.serve(exchange, headers, "http")) as deltas:
                async for delta in deltas:
                    data = events.encode(delta)
                    if not data:
                        continue
                    if not begun:  # until now an error still has a status of its own
                        await send({"type": "http.response.start", "status": 200, "headers": _EVENTS})
                        begun = True
                    await send({"type": "http.response.body", "body": data, "more_body": True})
        except Exception as error:
            if not begun:
                await _fail(send, error)
                return
            log_failure(error)
            event = openai.error_event(error)
            await send({"type": "http.response.body", "body": event, "more_body": True})
            # Left without an end on purpose: the server breaks the connection, so that not even a
            # client that overlooks the event can take this for a complete answer.
            return
        await send({"type": "http.response.body", "body": b"data: [DONE]\n\n", "more_body": False})

    async def models(self, request: Request) -> Response:
        """GET /v1/models."""
        listed = [
            {"id": name, "object": "model", "created": self.started, "owned_by": "crossrisk-gateway"}
            for name in self.engine.models
        ]
        return _json({"object": "list", "data": listed})

    async def ready(self, request: Request) -> Response:
        """GET /readyz: whether the upstreams answer, and where the encoder runs."""
        ready = await self.engine.ready()
        told: dict[str, Any] = {"ready": ready}
        if (encoder := loaded()) is not None:
            told["encoder"] = msgspec.to_builtins(encoder.model.placement)
        return _json(told, 200 if ready else 503)


async def alive(request: Request) -> Response:
    """GET /healthz: whether the process answers."""
    return _json({"status": "ok"})


def gateway_app(engine: Engine, max_request: int, further: Sequence[Route] = ()) -> ASGIApp:
    """The application on the HTTP front door; `further` are routes beside its own."""
    door = Door(engine, max_request)
    routes = [
        Route(CHAT_PATH, Endpoint(door.chat), methods=["POST"]),
        Route("/v1/check", Endpoint(door.check), methods=["POST"]),
        Route("/v1/models", door.models),
        Route("/readyz", door.ready),
        Route("/healthz", alive),
        Route("/metrics", metrics_endpoint(engine.metrics.registry)),
        *further,
    ]
    others = Starlette(routes=routes, exception_handlers={HTTPException: _http_error})

    async def application(scope: Scope, receive: Receive, send: Send) -> None:
        # The one path that matters skips routing and its wrappers, which cost as much as a defense.
        if scope["type"] == "http" and scope["path"] == CHAT_PATH and scope["method"] == "POST":
            await door.chat(scope, receive, send)
        else:
            await others(scope, receive, send)

    return application


def metrics_app(registry: CollectorRegistry) -> ASGIApp:
    """The application on the metrics port, which need not be as open as the front door."""
    return Starlette(routes=[Route("/metrics", metrics_endpoint(registry)), Route("/healthz", alive)])


def metrics_endpoint(registry: CollectorRegistry) -> Any:
    """GET /metrics in the Prometheus text format."""

    async def metrics(request: Request) -> Response:
        return Response(generate_latest(registry), media_type=CONTENT_TYPE_LATEST)

    return metrics


@asynccontextmanager
async def http_server(app: ASGIApp, address: str, name: str, shared: bool = False) -> AsyncIterator[str]:
    """Serve `app` on `address` for as long as the context lasts; gives the real address.

    address: host:port, or `unix:` and the path of a socket. shared: other processes listen there too.
    """
    listening = listen(address, name, shared)
    config = uvicorn.Config(
        app,
        loop="none",
        http="httptools",
        ws="none",
        lifespan="off",
        access_log=False,
        log_config=None,
        server_header=False,
        proxy_headers=False,
        timeout_keep_alive=75,
        timeout_graceful_shutdown=_GRACE,
    )
    server = _Server(config)
    serving = asyncio.create_task(server.serve(sockets=[listening]))
    try:
        while not server.started and not serving.done():  # uvicorn offers nothing to wait for
            await asyncio.sleep(0.005)
        yield bound(address, listening)
    finally:
        server.should_exit = True
        await serving
        if address.startswith(UNIX):
            Path(address.removeprefix(UNIX)).unlink(missing_ok=True)


def listen(address: str, name: str, shared: bool = False) -> socket.socket:
    """A socket that listens on `address`; raises ConfigError with a remedy."""
    try:
        if address.startswith(UNIX):
            return _listen_unix(Path(address.removeprefix(UNIX)))
        host, _, port = address.rpartition(":")
        family = socket.AF_INET6 if ":" in host else socket.AF_INET
        place = host.strip("[]"), int(port)
        return socket.create_server(place, family=family, backlog=2048, reuse_port=shared)
    except OSError as error:
        remedy = "is it in use? choose another"
        raise ConfigError(
            f"gateway: {name}: cannot listen on {address}: {error.strerror}; {remedy}"
        ) from error


def _listen_unix(path: Path) -> socket.socket:
    claim_socket(path)
    listening = socket.socket(socket.AF_UNIX)
    listening.bind(str(path))
    path.chmod(0o600)
    listening.listen(2048)
    return listening


def bound(address: str, listening: socket.socket) -> str:
    """`address` with the port that was taken."""
    if address.startswith(UNIX):
        return address
    return f"{address.rpartition(':')[0]}:{listening.getsockname()[1]}"


class _Server(uvicorn.Server):
    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield  # signals belong to the command that runs us


class Endpoint:
    """An ASGI endpoint that starlette takes as it is, without a Request around it."""

    def __init__(self, app: Any) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        await self._app(scope, receive, send)


class _Incomplete(logging.Filter):
    """Silences uvicorn's complaint about answers that are broken off on purpose."""

    def filter(self, record: logging.LogRecord) -> bool:
        return "without completing response" not in record.getMessage()


logging.getLogger("uvicorn.error").addFilter(_Incomplete())


async def until_gone(receive: Receive, answer: Coroutine[Any, Any, None]) -> None:
    """Run `answer`, and cancel it when the client goes away."""
    answering = asyncio.current_task()
    assert answering is not None
    watch = _Watch(answering)
    leaving = asyncio.create_task(watch.wait(receive))
    try:
        await answer
    except asyncio.CancelledError:
        if not watch.gone or answering.uncancel():
            raise  # it is the server that stops
    finally:
        leaving.cancel()


@dataclass(slots=True)
class _Watch:
    """Waits for a client to go away, and then cancels the task that answers it."""

    answering: "asyncio.Task[Any]"
    gone: bool = False

    async def wait(self, receive: Receive) -> None:
        while (await receive())["type"] != "http.disconnect":
            pass
        self.gone = True
        self.answering.cancel()


async def _read(receive: Receive, limit: int) -> bytes:
    body = bytearray()
    while True:
        message = await receive()
        body += message.get("body", b"")
        if len(body) > limit:
            raise HTTPException(413, f"the request is larger than {limit} bytes")
        if not message.get("more_body"):
            return bytes(body)


def _parse(body: bytes) -> Mapping[str, Any]:
    try:
        parsed = msgspec.json.decode(body)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise InvalidRequestError(f"the body is not valid JSON: {str(error)[:200]}") from None
    if not isinstance(parsed, dict):
        raise InvalidRequestError("the body must be a JSON object")
    return parsed


async def _fail(send: Send, error: Exception) -> None:
    if isinstance(error, HTTPException):
        await _reply(send, error.status_code, openai.error_body(error.detail, "invalid_request_error"))
        return
    log_failure(error)
    status = status_of(error)
    parameter = error.parameter if isinstance(error, InvalidRequestError) else None
    body = openai.error_body(public_message(error), status.type, status.code, parameter)
    await _reply(send, status.http, body)


async def _reply(send: Send, status: int, body: object) -> None:
    data = msgspec.json.encode(body)
    headers = [*_JSON, (b"content-length", str(len(data)).encode())]
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": data})


def _json(body: object, status: int = 200) -> Response:
    return Response(msgspec.json.encode(body), status, media_type="application/json")


async def _http_error(request: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)
    return _json(openai.error_body(error.detail, "invalid_request_error"), error.status_code)
