"""The gRPC front door: GatewayService, health and reflection."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import aclosing, asynccontextmanager
from dataclasses import replace
from typing import Any, TypeAlias

import grpc
from google.protobuf.message import DecodeError
from grpc_health.v1 import health, health_pb2, health_pb2_grpc
from grpc_reflection.v1alpha import reflection

from gateway import wire
from gateway.engine import Engine
from gateway.errors import ConfigError, InvalidRequestError
from gateway.servers.status import log_failure, public_message, status_of
from gateway.types import Exchange, Finding, Finish, Text, ToolCallPart, Usage
from gateway.v1 import gateway_pb2 as pb
from gateway.validation import check_text, validate, validate_messages

SERVICE = pb.DESCRIPTOR.services_by_name["GatewayService"].full_name
_GRACE = 5.0

_Context: TypeAlias = "grpc.aio.ServicerContext[bytes, bytes]"
_Handler = Callable[[bytes, Any], Awaitable[Any]]


class GatewayServicer:
    """Handlers take and give bytes: parsing is ours, so that bad bytes are the client's error."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    async def chat(self, request: bytes, context: _Context) -> None:
        """GatewayService.Chat."""
        await self._answer(self._chat, request, context)

    async def check(self, request: bytes, context: _Context) -> bytes:
        """GatewayService.Check."""
        return bytes(await self._answer(self._check, request, context))

    async def _answer(self, handler: _Handler, request: bytes, context: _Context) -> Any:
        try:
            return await handler(request, context)
        except Exception as error:
            log_failure(error)
            status = status_of(error)
            failure = status.grpc, public_message(error)
        await context.abort(*failure)
        raise AssertionError("abort always raises")

    async def _chat(self, request: bytes, context: _Context) -> None:
        try:
            exchange = wire.exchange_from_request(_parse(pb.ChatRequest, request))
            validate(exchange)
        except InvalidRequestError:
            self._engine.metrics.count_exchange("rejected", "grpc")
            raise
        exchange = replace(exchange, deadline=_deadline(context))
        headers = {
            str(key): value for key, value in context.invocation_metadata() or () if isinstance(value, str)
        }
        await self._stream(exchange, headers, context)

    async def _stream(self, exchange: Exchange, headers: dict[str, str], context: _Context) -> None:
        usage: Usage | None = None
        findings: list[Finding] = []
        # Written here and not yielded: a yielded stream is closed late when the client has gone.
        async with aclosing(self._engine.serve(exchange, headers, "grpc")) as deltas:
            async for delta in deltas:
                if isinstance(delta, Text | ToolCallPart):
                    await context.write(wire.response_from_delta(delta).SerializeToString())
                elif isinstance(delta, Finding):
                    findings.append(delta)
                elif isinstance(delta, Usage):
                    usage = delta
                elif isinstance(delta, Finish):
                    model = exchange.model or self._engine.default_model
                    accounting = wire.accounting_to_proto(exchange.trail)
                    end = wire.end_response(delta, usage, findings, exchange.id, model, accounting)
                    await context.write(end.SerializeToString())

    async def _check(self, request: bytes, context: _Context) -> bytes:
        parsed = _parse(pb.CheckRequest, request)
        messages = [wire.message_from_proto(message) for message in parsed.messages]
        answer = parsed.answer if parsed.HasField("answer") else None
        if not messages and answer is None:
            raise InvalidRequestError("there is nothing to check: send messages, an answer or both")
        validate_messages(messages)
        check_text(answer or "", "answer")
        checked = await self._engine.check(messages, answer)
        return wire.checked_to_proto(checked).SerializeToString()


@asynccontextmanager
async def grpc_server(
    engine: Engine, address: str, max_request: int, shared: bool = False
) -> AsyncIterator[str]:
    """Serve on `address` (host:port) for as long as the context lasts; gives the real address.

    shared: other processes listen there too, and the system spreads the connections.
    """
    server = grpc.aio.server(
        options=[
            ("grpc.max_receive_message_length", max_request),
            ("grpc.so_reuseport", int(shared)),
            ("grpc.http2.max_ping_strikes", 2),
            ("grpc.server_handshake_timeout_ms", 10_000),
        ]
    )
    servicer = GatewayServicer(engine)
    handlers: dict[str, Any] = {
        "Chat": grpc.unary_stream_rpc_method_handler(servicer.chat),
        "Check": grpc.unary_unary_rpc_method_handler(servicer.check),
    }
    server.add_generic_rpc_handlers((grpc.method_handlers_generic_handler(SERVICE, handlers),))
    healthy = health.aio.HealthServicer()
    health_pb2_grpc.add_HealthServicer_to_server(healthy, server)
    reflection.enable_server_reflection((SERVICE, health.SERVICE_NAME, reflection.SERVICE_NAME), server)
    port = bind(server, address, "grpc")
    await server.start()
    watching = asyncio.create_task(_watch(engine, healthy))
    try:
        yield f"{address.rpartition(':')[0]}:{port}"
    finally:
        watching.cancel()
        await healthy.enter_graceful_shutdown()
        await server.stop(_GRACE)


def bind(server: grpc.aio.Server, address: str, name: str) -> int:
    """The port that was bound; raises ConfigError with a remedy."""
    try:
        return int(server.add_insecure_port(address))
    except RuntimeError as error:
        raise ConfigError(
            f"gateway: {name}: cannot listen on {address}; is it in use? choose another"
        ) from error


async def _watch(engine: Engine, healthy: health.aio.HealthServicer) -> None:
    states = health_pb2.HealthCheckResponse
    while True:
        state = states.SERVING if await engine.ready() else states.NOT_SERVING
        for service in ("", SERVICE):
            await healthy.set(service, state)
        await asyncio.sleep(1)


def _parse(kind: Any, request: bytes) -> Any:
    try:
        return kind.FromString(request)
    except DecodeError:
        raise InvalidRequestError(f"not a {kind.DESCRIPTOR.name}: is every string UTF-8?") from None


def _deadline(context: _Context) -> float | None:
    remaining = context.time_remaining()
    return None if remaining is None else asyncio.get_running_loop().time() + float(remaining)
