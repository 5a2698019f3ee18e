"""Upstream for any server that speaks `gateway.v1.GatewayService`, so that gateways can be chained."""

import asyncio
import itertools
import math
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from typing import Any, cast

import grpc
from grpc_health.v1.health_pb2 import HealthCheckRequest, HealthCheckResponse

from gateway.errors import (
    ConfigError,
    GatewayError,
    InvalidRequestError,
    OverloadedError,
    UnknownModelError,
    UpstreamError,
    UpstreamTimeoutError,
)
from gateway.types import REPLAY_HEADER, ConnectedUpstream, Deltas, Exchange, Finish
from gateway.v1 import gateway_pb2 as pb
from gateway.wire import deltas_from_response, request_from_exchange

CHAT = "/gateway.v1.GatewayService/Chat"
HEALTH = "/grpc.health.v1.Health/Check"
READY_SECONDS = 1.0
CHANNEL_OPTIONS = (
    ("grpc.use_local_subchannel_pool", 1),  # else all channels to one target share one connection
    ("grpc.initial_reconnect_backoff_ms", 100),
    ("grpc.max_reconnect_backoff_ms", 2000),  # a model server that was restarted is found soon
    ("grpc.max_receive_message_length", 64 << 20),
)
Call = grpc.aio.UnaryStreamCall[pb.ChatRequest, pb.ChatResponse]


@dataclass(frozen=True, slots=True, kw_only=True)
class Grpc:
    """A server that speaks `GatewayService`, over plaintext HTTP/2.

    `target` is `host:port` or `unix:path`; `models` are the names clients may ask for, the first
    being the default; `timeout` is the longest wait for the next message, in seconds;
    `connections` is how many connections share the calls in turn.

    >>> Grpc(target="127.0.0.1:50051", models=("otter",)).timeout
    120.0
    """

    target: str
    models: tuple[str, ...] = ()
    timeout: float = 120.0
    connections: int = 1

    def __post_init__(self) -> None:
        if not self.target:
            raise ConfigError("target: give host:port or unix:path")
        if not 0 < self.timeout < math.inf:
            raise ConfigError("timeout: give seconds above 0")
        if self.connections < 1:
            raise ConfigError("connections: give 1 or more")

    @asynccontextmanager
    async def connect(self) -> AsyncIterator[ConnectedUpstream]:
        """Hold the channels open; the first connection is made when it is first needed."""
        async with AsyncExitStack() as stack:
            channels = [
                await stack.enter_async_context(grpc.aio.insecure_channel(self.target, CHANNEL_OPTIONS))
                for _ in range(self.connections)
            ]
            yield ConnectedGrpc(channels, self.timeout)


class ConnectedGrpc:
    """The open connections of one `Grpc` entry."""

    def __init__(self, channels: list[grpc.aio.Channel], timeout: float) -> None:
        self._timeout = timeout
        self._channel = channels[0]
        self._health = _health(self._channel)
        self._chats = itertools.cycle([_chat(channel) for channel in channels])

    async def __call__(self, exchange: Exchange) -> Deltas:
        """Pass the answer on as it comes; `Finish` waits until the stream has closed with OK."""
        call = _started(next(self._chats), exchange)
        patience = Patience(call, self._timeout)
        finish: Finish | None = None
        try:
            while (response := await patience.read()) is not None:
                if finish is not None:
                    raise UpstreamError("the upstream went on after the end of its answer")
                for delta in _deltas(response):
                    if isinstance(delta, Finish):
                        finish = delta
                    else:
                        yield delta
        finally:
            patience.end()
            call.cancel()
        if finish is None:
            raise UpstreamError("the upstream broke off before the end of its answer")
        yield finish

    async def ready(self) -> bool:
        """Ask the server's health service; a server that has none is ready when it can be reached."""
        try:
            status = await self._health(HealthCheckRequest(), timeout=READY_SECONDS)
        except grpc.aio.AioRpcError as error:
            if error.code() is not grpc.StatusCode.UNIMPLEMENTED:
                return False
            return self._channel.get_state(try_to_connect=True) is grpc.ChannelConnectivity.READY
        return bool(status.status == HealthCheckResponse.SERVING)


class Patience:
    """Reads a call's messages and cancels the call when one takes too long.

    A timer looks at a time stamp instead of being set for every message, which would cost more
    than the message; time the consumer takes between two reads does not count.
    """

    def __init__(self, call: Call, seconds: float) -> None:
        self._call = call
        self._seconds = seconds
        self._loop = asyncio.get_running_loop()
        self._waiting_since = math.inf
        self._ran_out = False
        self._timer = self._loop.call_later(seconds, self._look)

    async def read(self) -> pb.ChatResponse | None:
        """The next message, or None once the call has ended with OK."""
        self._waiting_since = self._loop.time()
        try:
            response = await self._call.read()
        except grpc.aio.AioRpcError as error:
            raise _translated(error) from error
        except asyncio.CancelledError:
            if self._ran_out and not _being_cancelled():
                raise UpstreamTimeoutError(f"the upstream was silent for {self._seconds:g} s") from None
            raise
        self._waiting_since = math.inf
        return None if response is grpc.aio.EOF else cast("pb.ChatResponse", response)

    def end(self) -> None:
        """Stop looking."""
        self._timer.cancel()

    def _look(self) -> None:
        now = self._loop.time()
        since = min(self._waiting_since, now)
        if now - since >= self._seconds:
            self._ran_out = True
            self._call.cancel()
        else:
            self._timer = self._loop.call_at(since + self._seconds, self._look)


def _chat(channel: grpc.aio.Channel) -> Any:
    return channel.unary_stream(
        CHAT,
        request_serializer=pb.ChatRequest.SerializeToString,
        response_deserializer=pb.ChatResponse.FromString,
    )


def _health(channel: grpc.aio.Channel) -> Any:
    return channel.unary_unary(
        HEALTH,
        request_serializer=HealthCheckRequest.SerializeToString,
        response_deserializer=HealthCheckResponse.FromString,
    )


def _started(chat: Any, exchange: Exchange) -> Call:
    timeout = None
    if exchange.deadline is not None:
        timeout = max(0.0, exchange.deadline - asyncio.get_running_loop().time())
    try:
        request = request_from_exchange(exchange)
    except (ValueError, TypeError, OverflowError) as error:
        raise InvalidRequestError("the request holds a value that cannot be sent to the upstream") from error
    metadata = ((REPLAY_HEADER, "1"),) if exchange.replay else None
    return cast("Call", chat(request, timeout=timeout, metadata=metadata))


def _deltas(response: pb.ChatResponse) -> list[Any]:
    try:
        return deltas_from_response(response)
    except ValueError as error:
        raise UpstreamError(f"the upstream sent something unexpected: {error}") from error


def _translated(error: grpc.aio.AioRpcError) -> GatewayError:
    """Only refusals meant for the client keep their text; others may name hosts and files."""
    code = error.code()
    if code is grpc.StatusCode.INVALID_ARGUMENT:
        return InvalidRequestError(error.details() or "the upstream refused the request")
    if code is grpc.StatusCode.NOT_FOUND:
        return UnknownModelError(error.details() or "the upstream does not know the model", "model")
    if code is grpc.StatusCode.RESOURCE_EXHAUSTED:
        return OverloadedError("the upstream is overloaded")
    if code is grpc.StatusCode.DEADLINE_EXCEEDED:
        return UpstreamTimeoutError("the upstream did not answer within the deadline")
    return UpstreamError(f"the upstream failed with {code.name}")


def _being_cancelled() -> bool:
    task = asyncio.current_task()
    return task is not None and task.cancelling() > 0
