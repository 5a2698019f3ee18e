"""Upstream for any server that speaks OpenAI's chat API: vLLM, llama.cpp, Ollama, OpenAI itself."""

import asyncio
import contextlib
import os
from collections.abc import AsyncIterator, Iterator, Mapping
from contextlib import AbstractAsyncContextManager, asynccontextmanager, contextmanager, nullcontext
from contextvars import ContextVar
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit
from weakref import WeakSet

import aiohttp
import msgspec

from gateway.errors import (
    ConfigError,
    GatewayError,
    InvalidRequestError,
    OverloadedError,
    UnknownModelError,
    UpstreamError,
    UpstreamTimeoutError,
)
from gateway.types import REPLAY_HEADER, Deltas, Exchange, Message
from gateway.upstreams.chat_stream import Answer, EventSplitter, merged, whole_answer

ERROR_BODY_LIMIT = 1 << 16
ANSWER_LIMIT = 16 << 20
MESSAGE_LIMIT = 1000
DRAIN_SECONDS = 0.1
READY_SECONDS = 5.0
REPLAYED = {REPLAY_HEADER: "1"}
# llama.cpp and uvicorn close an idle connection after five seconds; leave first, not into their close
KEEPALIVE_SECONDS = 4.0


@dataclass(frozen=True, slots=True, kw_only=True)
class OpenAI:
    """A server with OpenAI's `POST /chat/completions` and `GET /models`.

    `base_url` is what stands before these paths and usually ends in `/v1`. `models` are the names
    it serves; empty passes any name on. `api_key_env` names the environment variable with the
    key. `timeout` is the longest silence between two bytes of a stream, `whole_timeout` the same for
    an answer that a client wants in one piece, `connect_timeout` the longest time to reach the
    server, all in seconds. `connections` bounds the exchanges in flight; more wait.

    >>> OpenAI(base_url="http://localhost:8000/v1", models=("llama",)).models
    ('llama',)

    Raises `ConfigError` for an unusable address or a missing variable.
    """

    base_url: str
    models: tuple[str, ...] = ()
    api_key_env: str = ""
    timeout: float = 120.0
    whole_timeout: float = 600.0
    connect_timeout: float = 5.0
    connections: int = 512

    def __post_init__(self) -> None:
        address = urlsplit(self.base_url)
        if address.scheme not in ("http", "https") or not address.hostname:
            raise ConfigError(f"base_url {self.base_url!r}: write it as http://host:port/v1")
        if min(self.timeout, self.whole_timeout, self.connect_timeout, self.connections) <= 0:
            raise ConfigError(
                f"{self.base_url}: timeout, whole_timeout, connect_timeout and connections must be above zero"
            )
        if self.api_key_env and not self._api_key():
            raise ConfigError(
                f"{self.base_url}: set the environment variable {self.api_key_env} to its API key"
            )

    def connect(self) -> AbstractAsyncContextManager["OpenAIConnection"]:
        """Hold a pool of connections open for as long as the context lasts."""
        return self.open(self._api_key())

    @asynccontextmanager
    async def open(self, api_key: str) -> AsyncIterator["OpenAIConnection"]:
        """Like `connect`, with a key that stands in no environment variable."""
        headers = {"Content-Type": "application/json", "Accept-Encoding": "identity"}
        if api_key:
            headers["Authorization"] = f"Bearer {api_key}"
        async with aiohttp.ClientSession(
            connector=_Connector(limit=self.connections, keepalive_timeout=KEEPALIVE_SECONDS),
            # a jar would hand one user's cookies to the next
            cookie_jar=aiohttp.DummyCookieJar(),
            headers=headers,
            timeout=self.patience(self.timeout),
            auto_decompress=False,
        ) as session:
            yield OpenAIConnection(self, session)

    def patience(self, silence: float) -> aiohttp.ClientTimeout:
        """Waits of up to `silence` seconds for a connection and between two bytes."""
        return aiohttp.ClientTimeout(
            total=None, connect=self.timeout, sock_connect=self.connect_timeout, sock_read=silence
        )

    def _api_key(self) -> str:
        return os.environ.get(self.api_key_env, "").strip() if self.api_key_env else ""


class OpenAIConnection:
    """A connected OpenAI-compatible server; one generator per exchange."""

    __slots__ = ("_base_url", "_entry", "_patience", "_session")

    def __init__(self, entry: OpenAI, session: aiohttp.ClientSession) -> None:
        self._entry = entry
        self._base_url = entry.base_url.rstrip("/")
        self._session = session
        self._patience = {True: entry.patience(entry.timeout), False: entry.patience(entry.whole_timeout)}

    async def __call__(self, exchange: Exchange) -> Deltas:
        response = await self._send(exchange)
        if not exchange.streamed:
            for delta in whole_answer(await _whole(response, exchange.deadline)):
                yield delta
            return
        # Closing before the end of the body also closes the connection, which tells the server to stop.
        try:
            events, answer = EventSplitter(), Answer()
            while not answer.done and (chunk := await _read(response, exchange.deadline)):
                # What arrived while the client was busy leaves as one delta; none waits for the next.
                read = (delta for data in events.feed(chunk) for delta in answer.read(data))
                for delta in merged(read):
                    yield delta
            if answer.done:
                await _drain(response)
            for delta in answer.end():
                yield delta
        finally:
            response.close()

    async def ready(self) -> bool:
        """Whether `GET /models` answers 200; asks outside the pool, which may be full."""
        try:
            async with (
                aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=READY_SECONDS)) as session,
                session.get(
                    f"{self._base_url}/models", headers=self._session.headers, allow_redirects=False
                ) as response,
            ):
                return response.status == 200
        except (aiohttp.ClientError, OSError, ValueError):
            return False

    async def ask(self, path: str, body: object) -> Any:
        """What the server says to a JSON body posted to another path; raises UpstreamError."""
        url = f"{self._base_url}/{path}"
        with _translated():
            async with self._session.post(url, data=msgspec.json.encode(body)) as response:
                if response.status != 200:
                    raise UpstreamError(f"the upstream answered {path} with status {response.status}")
                return msgspec.json.decode(await response.read())

    async def _send(self, exchange: Exchange) -> aiohttp.ClientResponse:
        body = _body(exchange, self._model(exchange))
        with _translated():
            async with _until(exchange.deadline):
                headers = REPLAYED if exchange.replay else None
                response = await self._post(body, self._patience[exchange.streamed], headers)
                if response.status == 200:
                    return response
                async with response:
                    complaint = _complaint(await _head(response))
        raise self._refusal(response.status, complaint, exchange)

    async def _post(
        self, body: bytes, patience: aiohttp.ClientTimeout, headers: Mapping[str, str] | None
    ) -> aiohttp.ClientResponse:
        while True:
            _reused.set(False)
            try:
                # a redirect would carry the prompt and the key to an address nobody configured
                return await self._session.post(
                    f"{self._base_url}/chat/completions",
                    data=body,
                    headers=headers,
                    timeout=patience,
                    allow_redirects=False,
                )
            except (aiohttp.ServerDisconnectedError, aiohttp.ClientOSError, ConnectionResetError):
                # llama.cpp closes after every streamed answer without saying so, others when idle: a
                # request that meets such a close is sent again, one that a new connection lost is not
                if not _reused.get():
                    raise

    def _model(self, exchange: Exchange) -> str:
        models = self._entry.models
        model = exchange.model or (models[0] if models else "")
        if models and model not in models:
            raise UnknownModelError(f"no model {model!r} here; there is {', '.join(models)}", "model")
        return model

    def _refusal(self, status: int, complaint: "_Complaint", exchange: Exchange) -> GatewayError:
        match status:
            case 400 | 413 | 422:
                message = complaint.message or f"the upstream refused the request with status {status}"
                return InvalidRequestError(message, complaint.parameter)
            case 401 | 403:
                variable = self._entry.api_key_env or "none: set api_key_env"
                return UpstreamError(f"the upstream refused the gateway's credentials ({variable})")
            case 404:
                return UnknownModelError(f"the upstream does not serve model {exchange.model!r}", "model")
            case 429:
                return OverloadedError("the upstream takes no more requests for now")
        return UpstreamError(f"the upstream answered with status {status}")


_reused = ContextVar("_reused", default=False)
"""Whether the last request of this task went over a connection that had served before."""


class _Connector(aiohttp.TCPConnector):
    """Tells connections that served before; aiohttp's own tracing does too, for ten times the price."""

    def __init__(self, **options: Any) -> None:
        super().__init__(**options)
        self._served: WeakSet[object] = WeakSet()

    async def connect(self, *arguments: Any, **options: Any) -> aiohttp.connector.Connection:
        connection = await super().connect(*arguments, **options)
        _reused.set(connection.protocol in self._served)
        self._served.add(connection.protocol)
        return connection


def _body(exchange: Exchange, model: str) -> bytes:
    if exchange.parameters.get("n") not in (None, 1):
        raise InvalidRequestError("only one answer per request: leave n out or set it to 1", "n")
    fields = {
        **exchange.parameters,
        "model": model,
        "messages": [message_fields(message) for message in exchange.messages],
        "stream": exchange.streamed,
    }
    if exchange.streamed:
        fields["stream_options"] = {"include_usage": True}
    if exchange.user:
        fields["user"] = exchange.user
    try:
        return msgspec.json.encode(fields)
    except (UnicodeEncodeError, TypeError) as error:
        raise InvalidRequestError(
            "the request holds text that is no valid Unicode or a value that JSON lacks"
        ) from error


def message_fields(message: Message) -> dict[str, Any]:
    """A turn in OpenAI's words."""
    fields: dict[str, Any] = {"role": message.role, "content": message.content}
    if message.name:
        fields["name"] = message.name
    if message.tool_call_id:
        fields["tool_call_id"] = message.tool_call_id
    if message.tool_calls:
        fields["content"] = message.content or None
        fields["tool_calls"] = [
            {"id": call.id, "type": "function", "function": {"name": call.name, "arguments": call.arguments}}
            for call in message.tool_calls
        ]
    return fields


@dataclass(frozen=True, slots=True)
class _Complaint:
    """What an upstream says of a request it refuses."""

    message: str = ""
    parameter: str | None = None


def _complaint(body: bytes) -> _Complaint:
    try:
        answer = msgspec.json.decode(body)
    except (msgspec.MsgspecError, ValueError, RecursionError):
        return _Complaint()
    error = answer.get("error", answer) if isinstance(answer, dict) else answer
    if isinstance(error, str):
        return _Complaint(error[:MESSAGE_LIMIT])
    if not isinstance(error, dict):
        return _Complaint()
    message, parameter = error.get("message") or error.get("detail"), error.get("param")
    return _Complaint(
        message[:MESSAGE_LIMIT] if isinstance(message, str) else "",
        parameter if isinstance(parameter, str) else None,
    )


@contextmanager
def _translated() -> Iterator[None]:
    """The border: what aiohttp raises becomes an error of ours."""
    try:
        yield
    except TimeoutError as error:
        raise UpstreamTimeoutError("the upstream did not answer in time") from error
    except (aiohttp.ClientError, OSError) as error:
        raise UpstreamError("the upstream cannot be reached or broke the connection") from error


async def _read(response: aiohttp.ClientResponse, deadline: float | None) -> bytes:
    """The next bytes, empty at the end of the body."""
    if deadline is not None and asyncio.get_running_loop().time() >= deadline:
        raise UpstreamTimeoutError("the upstream did not finish in time")
    with _translated():
        async with _until(deadline):
            return await response.content.readany()


_FOR_EVER: AbstractAsyncContextManager[object] = nullcontext()


def _until(deadline: float | None) -> AbstractAsyncContextManager[object]:
    return _FOR_EVER if deadline is None else asyncio.timeout_at(deadline)


async def _whole(response: aiohttp.ClientResponse, deadline: float | None) -> bytes:
    """All of a body; closes the connection when it is given up, which tells the server to stop."""
    body = bytearray()
    try:
        while chunk := await _read(response, deadline):
            body += chunk
            if len(body) > ANSWER_LIMIT:
                raise UpstreamError(f"the upstream sent an answer of more than {ANSWER_LIMIT} bytes")
    finally:
        if not response.content.at_eof():
            response.close()
    return bytes(body)


async def _head(response: aiohttp.ClientResponse) -> bytes:
    """The first bytes of a body, as many as an error message needs."""
    body = b""
    while len(body) < ERROR_BODY_LIMIT and (
        chunk := await response.content.read(ERROR_BODY_LIMIT - len(body))
    ):
        body += chunk
    return body


async def _drain(response: aiohttp.ClientResponse) -> None:
    """Give the body a moment to end after [DONE], so that its connection can serve the next exchange."""
    with contextlib.suppress(aiohttp.ClientError, OSError):
        async with asyncio.timeout(DRAIN_SECONDS):
            await response.content.readany()
