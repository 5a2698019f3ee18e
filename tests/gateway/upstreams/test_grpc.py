"""The gRPC upstream passes answers on whole, and says so when they are not."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack, aclosing, asynccontextmanager
from typing import Any

import grpc
import pytest
from google.protobuf import json_format
from grpc_health.v1 import health_pb2

from gateway.errors import (
    ConfigError,
    GatewayError,
    InvalidRequestError,
    OverloadedError,
    UnknownModelError,
    UpstreamError,
    UpstreamTimeoutError,
)
from gateway.types import (
    ConnectedUpstream,
    Delta,
    Exchange,
    Finding,
    Finish,
    Message,
    Text,
    ToolCallPart,
    Usage,
)
from gateway.upstreams.grpc import CHAT, HEALTH, Grpc
from gateway.v1 import gateway_pb2 as pb
from gateway.wire import end_response, response_from_delta
from tests.servers import Addresses, counted, scripted

SCRIPT: list[dict[str, Any]] = [
    {"match": "many", "deltas": ["a", "", "ö🦦"] * 40, "usage": {"prompt_tokens": 3, "completion_tokens": 5}},
    {"match": "think", "text": "hm", "channel": "reasoning", "finish": "length"},
    {"match": "tool", "tool_calls": [{"id": "c", "name": "n", "arguments": "{}"}], "finish": "tool_calls"},
    {"match": "open", "text": "abc", "finish": None},
    {"match": "die", "text": "abcdef", "chunk": 1, "die_after": 3},
    {"match": "hang", "text": "abcdef", "chunk": 1, "hang_after": 3},
    *({"match": name, "error": name} for name in ("INVALID_ARGUMENT", "NOT_FOUND", "RESOURCE_EXHAUSTED")),
    *({"match": name, "error": name} for name in ("DEADLINE_EXCEEDED", "CANCELLED", "INTERNAL")),
]
Handler = Callable[[bytes, Any], Awaitable[Any]]


@pytest.fixture
async def server() -> AsyncIterator[Addresses]:
    async with scripted(SCRIPT) as addresses:
        yield addresses


@asynccontextmanager
async def serving(chat: Handler | None = None, health: Handler | None = None) -> AsyncIterator[str]:
    """A server in this process, for what no script says."""

    class Front(grpc.GenericRpcHandler):
        def service(self, handler_call_details: Any) -> Any:
            if chat is not None and handler_call_details.method == CHAT:
                return grpc.unary_stream_rpc_method_handler(chat)
            if health is not None and handler_call_details.method == HEALTH:
                return grpc.unary_unary_rpc_method_handler(health)
            return None

    server = grpc.aio.server()
    server.add_generic_rpc_handlers((Front(),))
    port = server.add_insecure_port("127.0.0.1:0")
    await server.start()
    try:
        yield f"127.0.0.1:{port}"
    finally:
        await server.stop(None)


def saying(*responses: pb.ChatResponse) -> Handler:
    async def chat(request: bytes, context: Any) -> None:
        for response in responses:
            await context.write(response.SerializeToString())

    return chat


def asking(prompt: str, **further: Any) -> Exchange:
    return Exchange(model="scripted", messages=(Message("user", prompt),), **further)


async def ask(
    upstream: ConnectedUpstream, exchange: Exchange, received: list[Delta] | None = None
) -> list[Delta]:
    received = [] if received is None else received  # the caller's list outlives an error
    async with aclosing(upstream(exchange)) as deltas:
        async for delta in deltas:
            received.append(delta)
    return received


async def ask_at(target: str, exchange: Exchange, **configuration: Any) -> list[Delta]:
    async with Grpc(target=target, **configuration).connect() as upstream:
        return await ask(upstream, exchange)


@pytest.mark.parametrize(
    ("prompt", "deltas"),
    [
        ("many", [*map(Text, ["a", "", "ö🦦"] * 40), Usage(3, 5), Finish("stop")]),
        ("think", [Text("hm", "reasoning"), Finish("length")]),
        ("tool", [ToolCallPart(0, "c", "n", "{}"), Finish("tool_calls")]),
    ],
)
async def test_an_answer_is_passed_on_delta_by_delta(
    server: Addresses, prompt: str, deltas: list[Delta]
) -> None:
    assert await ask_at(server.grpc, asking(prompt)) == deltas


async def test_findings_of_a_gateway_upstream_come_before_the_end() -> None:
    finding = Finding("mask", "privacy", "email", "redact", "output", "content", 2, 9)
    end = end_response(Finish("content_filter"), Usage(1, 2), [finding], "e", "m")
    async with serving(saying(response_from_delta(Text("a")), end)) as target:
        assert await ask_at(target, asking("x")) == [
            Text("a"),
            finding,
            Usage(1, 2),
            Finish("content_filter"),
        ]


async def test_the_request_arrives_whole() -> None:
    arrived = []

    async def chat(request: bytes, context: Any) -> None:
        arrived.append(pb.ChatRequest.FromString(request))
        await saying(end_response(Finish("stop"), None, (), "", ""))(request, context)

    async with serving(chat) as target:
        parameters = {"temperature": 0.5, "stop": ["x"], "tools": [{"type": "function"}]}
        await ask_at(target, asking("hello", parameters=parameters, user="u"))
    assert arrived[0].messages[0].content == "hello"
    assert (arrived[0].model, arrived[0].user, arrived[0].temperature) == ("scripted", "u", 0.5)
    assert json_format.MessageToDict(arrived[0].parameters) == {"tools": [{"type": "function"}]}


async def test_a_stream_that_ends_without_end_is_no_answer(server: Addresses) -> None:
    received: list[Delta] = []
    async with Grpc(target=server.grpc).connect() as upstream:
        with pytest.raises(UpstreamError, match="broke off"):
            await ask(upstream, asking("open"), received)
    assert received == [Text("abc")]


async def test_a_stream_that_dies_is_no_answer(server: Addresses) -> None:
    received: list[Delta] = []
    async with Grpc(target=server.grpc).connect() as upstream:
        with pytest.raises(UpstreamError, match="UNAVAILABLE"):
            await ask(upstream, asking("die"), received)
    assert received == [Text("a"), Text("b"), Text("c")]


async def test_an_end_followed_by_an_error_is_no_answer() -> None:
    async def chat(request: bytes, context: Any) -> None:
        await saying(end_response(Finish("stop"), None, (), "", ""))(request, context)
        await context.abort(grpc.StatusCode.INTERNAL, "after all")

    async with serving(chat) as target:
        with pytest.raises(UpstreamError, match="INTERNAL"):
            await ask_at(target, asking("x"))


async def test_nothing_may_follow_the_end() -> None:
    end = end_response(Finish("stop"), None, (), "", "")
    async with serving(saying(end, response_from_delta(Text("more")))) as target:
        with pytest.raises(UpstreamError, match="went on"):
            await ask_at(target, asking("x"))


async def test_words_outside_the_vocabulary_are_no_answer() -> None:
    odd = pb.ChatResponse(text=pb.TextDelta(text="a", channel="aside"))
    async with serving(saying(odd)) as target:
        with pytest.raises(UpstreamError, match="unexpected"):
            await ask_at(target, asking("x"))


@pytest.mark.parametrize(
    ("status", "error"),
    [
        ("INVALID_ARGUMENT", InvalidRequestError),
        ("NOT_FOUND", UnknownModelError),
        ("RESOURCE_EXHAUSTED", OverloadedError),
        ("DEADLINE_EXCEEDED", UpstreamTimeoutError),
        ("CANCELLED", UpstreamError),
        ("INTERNAL", UpstreamError),
    ],
)
async def test_a_status_becomes_our_error(server: Addresses, status: str, error: type[GatewayError]) -> None:
    with pytest.raises(error) as caught:
        await ask_at(server.grpc, asking(status))
    assert type(caught.value) is error
    shown = error in (InvalidRequestError, UnknownModelError)
    assert ("the script says so" in str(caught.value)) is shown


async def test_nobody_listening_is_an_upstream_error_that_names_no_address() -> None:
    with pytest.raises(UpstreamError) as caught:
        await ask_at("127.0.0.1:1", asking("x"))
    assert "127.0.0.1" not in str(caught.value)


async def test_a_value_that_cannot_be_sent_is_the_clients_mistake() -> None:
    for exchange in (asking("\ud800"), asking("x", parameters={"n": 10**400})):
        with pytest.raises(InvalidRequestError):
            await ask_at("127.0.0.1:1", exchange)


async def test_silence_longer_than_the_timeout_is_an_error(server: Addresses) -> None:
    received: list[Delta] = []
    async with Grpc(target=server.grpc, timeout=0.3).connect() as upstream:
        with pytest.raises(UpstreamTimeoutError, match="silent"):
            await ask(upstream, asking("hang"), received)
    assert len(received) == 3
    assert (await counted(server, cancelled=1))["cancelled"] == 1


async def test_a_slow_consumer_is_not_a_silent_upstream(server: Addresses) -> None:
    received: list[Delta] = []
    async with Grpc(target=server.grpc, timeout=0.2).connect() as upstream:
        async for delta in upstream(asking("many")):
            if not received:
                await asyncio.sleep(0.7)
            received.append(delta)
    assert received[-1] == Finish("stop")


async def test_the_deadline_travels_with_the_call(server: Addresses) -> None:
    loop = asyncio.get_running_loop()
    with pytest.raises(UpstreamTimeoutError, match="deadline"):
        await ask_at(server.grpc, asking("hang", deadline=loop.time() + 0.3))
    assert (await counted(server, cancelled=1))["cancelled"] == 1
    with pytest.raises(UpstreamTimeoutError):
        await ask_at(server.grpc, asking("many", deadline=loop.time() - 1))


async def test_closing_the_generator_cancels_the_call(server: Addresses) -> None:
    async with Grpc(target=server.grpc).connect() as upstream:
        async with aclosing(upstream(asking("hang"))) as deltas:
            assert await anext(deltas) == Text("a")
        assert (await counted(server, cancelled=1))["cancelled"] == 1


async def test_cancelling_the_consumer_cancels_the_call(server: Addresses) -> None:
    async with Grpc(target=server.grpc).connect() as upstream:
        task = asyncio.create_task(ask(upstream, asking("hang")))
        assert (await counted(server, started=1))["started"] == 1
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        assert (await counted(server, cancelled=1))["cancelled"] == 1


async def test_calls_share_the_connections_in_turn() -> None:
    peers = set()

    async def chat(request: bytes, context: Any) -> None:
        peers.add(context.peer())
        await saying(end_response(Finish("stop"), None, (), "", ""))(request, context)

    async with serving(chat) as target, Grpc(target=target, connections=2).connect() as upstream:
        for _ in range(4):
            await ask(upstream, asking("x"))
    assert len(peers) == 2


async def test_ready_follows_the_health_service(server: Addresses) -> None:
    async with Grpc(target=server.grpc).connect() as upstream:
        assert await upstream.ready()
    async with Grpc(target="127.0.0.1:1").connect() as upstream:
        assert not await upstream.ready()


@pytest.mark.parametrize(("status", "ready"), [("SERVING", True), ("NOT_SERVING", False)])
async def test_ready_believes_what_the_server_says(status: str, ready: bool) -> None:
    async def health(request: bytes, context: Any) -> bytes:
        return health_pb2.HealthCheckResponse(status=status).SerializeToString()

    async with serving(health=health) as target, Grpc(target=target).connect() as upstream:
        assert await upstream.ready() is ready


async def test_a_server_without_health_service_is_ready_when_it_can_be_reached() -> None:
    async with AsyncExitStack() as stack:
        target = await stack.enter_async_context(serving())
        upstream = await stack.enter_async_context(Grpc(target=target).connect())
        assert await upstream.ready()


@pytest.mark.parametrize(
    "configuration",
    [{"target": ""}, {"target": "a:1", "timeout": 0}, {"target": "a:1", "connections": 0}],
)
def test_a_configuration_that_cannot_work_is_refused(configuration: dict[str, Any]) -> None:
    with pytest.raises(ConfigError):
        Grpc(**configuration)
