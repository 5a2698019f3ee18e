"""The OpenAI upstream against a server that cuts, dies, lies and stalls."""

import asyncio
import json
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import AbstractAsyncContextManager, aclosing, asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.errors import (
    ConfigError,
    GatewayError,
    InvalidRequestError,
    OverloadedError,
    UnknownModelError,
    UpstreamError,
    UpstreamTimeoutError,
)
from gateway.types import Delta, Exchange, Finish, Message, Text, ToolCall, ToolCallPart, Upstream, Usage
from gateway.upstreams.chat_stream import EVENT_LIMIT, Answer, EventSplitter, merged
from gateway.upstreams.openai import OpenAI, OpenAIConnection

EXCHANGE = Exchange(model="m", messages=(Message("user", "hi"),))
STREAM = b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n"


@dataclass
class Call:
    """One request as the fake server saw it; `send` and `end` write its chunked answer."""

    head: str
    body: bytes
    reader: asyncio.StreamReader
    writer: asyncio.StreamWriter

    async def send(self, data: bytes) -> None:
        self.writer.write(b"%x\r\n%b\r\n" % (len(data), data))
        await self.writer.drain()

    async def end(self) -> None:
        self.writer.write(b"0\r\n\r\n")
        await self.writer.drain()


@dataclass
class Fake:
    """A server on a port of its own; `requests` has the JSON bodies in order."""

    url: str = ""
    heads: list[str] = field(default_factory=list)
    requests: list[dict[str, Any]] = field(default_factory=list)
    connections: int = 0
    closed_by_client: asyncio.Event = field(default_factory=asyncio.Event)


Respond = Callable[[Call], Awaitable[None]]


@asynccontextmanager
async def fake(respond: Respond) -> AsyncIterator[Fake]:
    server = Fake()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        server.connections += 1
        try:
            while True:
                call = await receive(reader, writer)
                server.heads.append(call.head)
                server.requests.append(json.loads(call.body or b"{}"))
                await respond(call)
                if writer.is_closing():
                    break
        except (asyncio.IncompleteReadError, ConnectionError):
            server.closed_by_client.set()
        finally:
            writer.close()

    listener = await asyncio.start_server(serve, "127.0.0.1", 0)
    server.url = f"http://127.0.0.1:{listener.sockets[0].getsockname()[1]}/v1"
    try:
        yield server
    finally:
        listener.close()


async def receive(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> Call:
    head = (await reader.readuntil(b"\r\n\r\n")).decode()
    lengths = [line.split(":")[1] for line in head.splitlines() if line.lower().startswith("content-length:")]
    body = await reader.readexactly(int(lengths[0])) if lengths else b""
    return Call(head, body, reader, writer)


def event(**fields: Any) -> bytes:
    return b"data: " + json.dumps(fields).encode() + b"\n\n"


def piece(finish_reason: str | None = None, index: int = 0, **delta: Any) -> bytes:
    return event(choices=[{"index": index, "delta": delta, "finish_reason": finish_reason}])


DONE = b"data: [DONE]\n\n"
USAGE = event(choices=[], usage={"prompt_tokens": 3, "completion_tokens": 2})
ANSWER = piece(role="assistant", content="Grüß") + piece(content=" Gott") + piece("stop") + USAGE + DONE
DELTAS = [Text("Grüß Gott"), Usage(3, 2), Finish("stop")]


def says(*pieces: bytes, end: bool | None = True) -> Respond:
    """Answer with these pieces, then end the body, break off (False) or leave it open (None)."""

    async def respond(call: Call) -> None:
        call.writer.write(STREAM)
        for data in pieces:
            await call.send(data)
        if end:
            await call.end()
        elif end is False:
            call.writer.close()

    return respond


def refuses(status: int, body: bytes = b"", headers: str = "") -> Respond:
    async def respond(call: Call) -> None:
        head = f"HTTP/1.1 {status} No\r\nContent-Length: {len(body)}\r\n{headers}\r\n"
        call.writer.write(head.encode() + body)

    return respond


def connected(server: Fake, **settings: Any) -> AbstractAsyncContextManager[OpenAIConnection]:
    return OpenAI(base_url=server.url, **settings).connect()


async def gather(upstream: Upstream, exchange: Exchange = EXCHANGE) -> list[Delta]:
    """The deltas, however much of them came together."""
    async with aclosing(upstream(exchange)) as deltas:
        return list(merged([delta async for delta in deltas]))


async def ask(respond: Respond, exchange: Exchange = EXCHANGE, **settings: Any) -> list[Delta]:
    async with fake(respond) as server, connected(server, **settings) as upstream:
        return await gather(upstream, exchange)


async def fails(respond: Respond, exchange: Exchange = EXCHANGE, **settings: Any) -> GatewayError:
    with pytest.raises(GatewayError) as caught:
        await ask(respond, exchange, **settings)
    return caught.value


# The answer


async def test_finish_is_held_back_until_usage_came() -> None:
    assert await ask(says(ANSWER)) == DELTAS


async def test_every_byte_in_its_own_chunk() -> None:
    assert await ask(says(*(ANSWER[i : i + 1] for i in range(len(ANSWER))))) == DELTAS


async def test_all_channels_and_tool_calls() -> None:
    calls = [
        {"index": 1, "id": "a", "type": "function", "function": {"name": "f", "arguments": ""}},
        {"function": {"arguments": "{}"}},
    ]
    stream = (
        piece(reasoning_content="hm", content="so")
        + piece(reasoning="ah")
        + piece(refusal="no")
        + piece(tool_calls=calls)
        + piece("function_call", function_call={"name": "g", "arguments": "1"})
        + DONE
    )
    assert await ask(says(stream)) == [
        Text("hm", "reasoning"),
        Text("so"),
        Text("ah", "reasoning"),
        Text("no", "refusal"),
        ToolCallPart(1, "a", "f", "{}"),
        ToolCallPart(0, "", "g", "1"),
        Finish("tool_calls"),
    ]


async def test_comments_other_fields_and_every_line_end() -> None:
    stream = b": ping\r\n\r\nevent: chunk\rid: 1\r" + ANSWER.replace(b"\n\n", b"\r\n\r\n")
    assert await ask(says(stream)) == DELTAS


async def test_event_of_several_data_lines() -> None:
    stream = piece("stop", content="a").replace(b'"choices"', b'\ndata:"choices"') + DONE
    assert await ask(says(stream)) == [Text("a"), Finish("stop")]


async def test_clean_end_without_done_is_enough_once_the_reason_came() -> None:
    assert await ask(says(piece("length", content="a"))) == [Text("a"), Finish("length")]


async def test_nothing_after_done_is_read() -> None:
    assert await ask(says(ANSWER + b"data: garbage\n\n")) == DELTAS


def test_line_ends_may_differ_and_be_cut() -> None:
    events = EventSplitter()
    assert [events.feed(part) for part in (b"data: a\r", b"\n", b"\n", b"data: b\n", b"\r")] == [
        *([], [], [b"a"]),
        *([], [b"b"]),
    ]


@given(st.data())
def test_cutting_is_irrelevant(data: st.DataObject) -> None:
    end = data.draw(st.sampled_from([b"\n", b"\r\n", b"\r"]))
    multiline = ANSWER.replace(b'"choices"', b"\ndata:  " + b'"choices"')
    stream = (b": ping\n\n" + data.draw(st.sampled_from([ANSWER, multiline]))).replace(b"\n", end)
    cuts = sorted(data.draw(st.lists(st.integers(0, len(stream)), max_size=12)))
    events, answer, deltas = EventSplitter(), Answer(), list[Delta]()
    for start, stop in zip([0, *cuts], [*cuts, len(stream)], strict=True):
        for payload in events.feed(stream[start:stop]):
            deltas.extend(answer.read(payload))
    assert answer.done
    assert list(merged([*deltas, *answer.end()])) == DELTAS


PARTS = st.one_of(
    st.builds(Text, st.text(max_size=3), st.sampled_from(["content", "reasoning"])),
    st.builds(ToolCallPart, st.integers(0, 1), st.sampled_from(["", "a"]), st.just(""), st.text(max_size=3)),
    st.just(Usage(1, 2)),
)


@given(st.lists(PARTS, max_size=12))
def test_merging_loses_and_moves_nothing(deltas: list[Delta]) -> None:
    out = list(merged(deltas))
    assert len(out) <= len(deltas)
    assert [letter for delta in out for letter in letters(delta)] == [
        letter for delta in deltas for letter in letters(delta)
    ]
    assert list(merged(out)) == out


def letters(delta: Delta) -> list[tuple[str, str]]:
    """What a delta says, letter by letter, with the text each letter belongs to."""
    if isinstance(delta, Text):
        return [(delta.channel, letter) for letter in delta.text]
    if isinstance(delta, ToolCallPart):
        head = [(f"id of {delta.index}", delta.id)] if delta.id else []
        return head + [(f"call {delta.index}", letter) for letter in delta.arguments]
    return [("", repr(delta))]


def test_what_came_before_an_error_is_given_before_it() -> None:
    def broken() -> Iterator[Delta]:
        yield Text("a")
        yield Text("b")
        raise UpstreamError("died")

    deltas = merged(broken())
    assert next(deltas) == Text("ab")
    with pytest.raises(UpstreamError):
        next(deltas)


async def test_what_is_there_together_leaves_together_and_nothing_waits() -> None:
    go = asyncio.Event()

    async def respond(call: Call) -> None:
        call.writer.write(STREAM)
        await call.send(piece(content="a") + piece(content="b"))
        await go.wait()
        await call.send(piece(content="c") + piece("stop") + DONE)
        await call.end()

    async with fake(respond) as server, connected(server) as upstream:
        async with aclosing(upstream(EXCHANGE)) as deltas:
            assert await anext(deltas) == Text("ab")
            go.set()
            assert [delta async for delta in deltas] == [Text("c"), Finish("stop")]


# Answers in one piece

WHOLE = Exchange(model="m", messages=(Message("user", "Hi"),), streamed=False)


def tells(document: object, cut: int | None = None) -> Respond:
    async def respond(call: Call) -> None:
        data = document if isinstance(document, bytes) else json.dumps(document).encode()
        head = f"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: {len(data)}\r\n\r\n"
        call.writer.write(head.encode() + data[:cut])
        if cut is not None:
            call.writer.close()

    return respond


def whole(finish: str | None = "stop", **message: Any) -> dict[str, Any]:
    choice = {"index": 0, "message": {"role": "assistant", **message}, "finish_reason": finish}
    return {"choices": [choice], "usage": {"prompt_tokens": 3, "completion_tokens": 2}}


async def test_a_client_that_does_not_stream_gets_its_answer_in_one_piece() -> None:
    call = {"id": "c", "type": "function", "function": {"name": "f", "arguments": '{"a": 1}'}}
    async with fake(
        tells(whole("tool_calls", content="so", reasoning_content="hm", tool_calls=[call]))
    ) as server:
        async with connected(server) as upstream:
            assert await gather(upstream, WHOLE) == [
                Text("hm", "reasoning"),
                Text("so"),
                ToolCallPart(0, "c", "f", '{"a": 1}'),
                Usage(3, 2),
                Finish("tool_calls"),
            ]
            assert await gather(upstream, WHOLE)
    assert server.connections == 1
    assert server.requests[0]["stream"] is False
    assert "stream_options" not in server.requests[0]


@pytest.mark.parametrize(
    "document",
    [
        whole(None, content="half"),
        whole("bored", content="odd"),
        {"choices": []},
        {"error": {"message": "no"}},
        [],
        b"{",
        b"",
        {"choices": [{"index": 1, "message": {"content": "b"}, "finish_reason": "stop"}]},
    ],
)
async def test_a_piece_that_is_no_whole_answer_is_an_error(document: object) -> None:
    assert isinstance(await fails(tells(document), WHOLE), UpstreamError)


async def test_a_piece_that_is_cut_off_is_an_error() -> None:
    assert isinstance(await fails(tells(whole(content="cut off"), cut=20), WHOLE), UpstreamError)


async def test_a_client_that_leaves_closes_the_connection_of_a_whole_answer() -> None:
    async def respond(call: Call) -> None:
        call.writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n{")
        await call.reader.read()  # until the client closes
        raise ConnectionError

    async with fake(respond) as server, connected(server) as upstream:
        asking = asyncio.create_task(gather(upstream, WHOLE))
        while not server.requests:
            await asyncio.sleep(0.001)
        await asyncio.sleep(0.02)
        asking.cancel()
        with pytest.raises(asyncio.CancelledError):
            await asking
        async with asyncio.timeout(2):
            await server.closed_by_client.wait()


# The request


async def test_request_is_an_openai_request() -> None:
    exchange = Exchange(
        model="m",
        messages=(
            Message("user", "hi", name="ann"),
            Message("assistant", "", tool_calls=(ToolCall("a", "f", "{}"),)),
            Message("tool", "4", tool_call_id="a"),
        ),
        parameters={"temperature": 0.5, "stream": False},
        user="u",
    )
    async with fake(says(ANSWER)) as server, OpenAI(base_url=server.url + "/").connect() as upstream:
        await gather(upstream, exchange)
    assert server.heads[0].startswith("POST /v1/chat/completions HTTP/1.1\r\n")
    assert "authorization" not in server.heads[0].lower()
    call = {"id": "a", "type": "function", "function": {"name": "f", "arguments": "{}"}}
    assert server.requests == [
        {
            "model": "m",
            "messages": [
                {"role": "user", "content": "hi", "name": "ann"},
                {"role": "assistant", "content": None, "tool_calls": [call]},
                {"role": "tool", "content": "4", "tool_call_id": "a"},
            ],
            "temperature": 0.5,
            "stream": True,
            "stream_options": {"include_usage": True},
            "user": "u",
        }
    ]


async def test_key_comes_from_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("UPSTREAM_KEY", "s3cret\n")
    async with fake(says(ANSWER)) as server, connected(server, api_key_env="UPSTREAM_KEY") as upstream:
        await gather(upstream)
        assert await upstream.ready()
    assert all("Authorization: Bearer s3cret\r\n" in head for head in server.heads)
    assert len(server.heads) == 2


async def test_a_finished_answer_leaves_its_connection_to_the_next() -> None:
    async def respond(call: Call) -> None:
        await says(ANSWER, end=None)(call)
        await asyncio.sleep(0.01)  # the end comes in a packet of its own
        await call.end()

    async with fake(respond) as server, connected(server) as upstream:
        for _ in range(3):
            assert await gather(upstream) == DELTAS
    assert server.connections == 1


async def test_connections_closed_behind_our_back_cost_no_exchange() -> None:
    """Two pooled connections that both turn out to be closed, then a new one."""
    served: set[asyncio.StreamWriter] = set()
    both = asyncio.Barrier(2)

    async def respond(call: Call) -> None:
        if call.writer in served:
            call.writer.close()
            return
        served.add(call.writer)
        if len(served) <= 2:
            await both.wait()
        await says(ANSWER)(call)

    async with fake(respond) as server, connected(server) as upstream:
        first, second = await asyncio.gather(gather(upstream), gather(upstream))
        assert first == second == DELTAS
        assert await gather(upstream) == DELTAS
    assert server.connections == 3
    assert len(server.requests) == 5


async def test_server_that_closes_after_every_answer() -> None:
    async def respond(call: Call) -> None:
        await says(ANSWER)(call)
        call.writer.close()

    async with fake(respond) as server, connected(server) as upstream:
        for _ in range(50):
            assert await gather(upstream) == DELTAS
    assert server.connections == 50


async def test_a_request_that_a_new_connection_lost_is_not_sent_again() -> None:
    async def respond(call: Call) -> None:
        call.writer.close()

    async with fake(respond) as server, connected(server) as upstream:
        with pytest.raises(UpstreamError):
            await gather(upstream)
    assert len(server.requests) == 1


async def test_no_model_named_means_the_first() -> None:
    async with fake(says(ANSWER)) as server, connected(server, models=("m", "n")) as upstream:
        await gather(upstream, Exchange(model="", messages=()))
    assert server.requests[0]["model"] == "m"


async def test_closing_early_closes_the_connection() -> None:
    async def respond(call: Call) -> None:
        call.writer.write(STREAM)
        await call.send(piece(content="one"))
        await call.reader.readexactly(1)

    async with fake(respond) as server, connected(server) as upstream:
        async with aclosing(upstream(EXCHANGE)) as deltas:
            assert await anext(deltas) == Text("one")
            assert not server.closed_by_client.is_set()
        await asyncio.wait_for(server.closed_by_client.wait(), 10)


async def test_cancelling_a_wait_closes_the_connection() -> None:
    arrived = asyncio.Event()

    async def respond(call: Call) -> None:
        arrived.set()
        await call.reader.readexactly(1)

    async with fake(respond) as server, connected(server) as upstream:
        task = asyncio.create_task(gather(upstream))
        await asyncio.wait_for(arrived.wait(), 10)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        await asyncio.wait_for(server.closed_by_client.wait(), 10)


# Failures


@pytest.mark.parametrize("length", range(0, ANSWER.index(USAGE), 7))
@pytest.mark.parametrize("end", [True, False])
async def test_cut_before_the_reason_is_never_a_clean_end(length: int, end: bool) -> None:
    cut = ANSWER[:length]
    assert b'"stop"}]}\n\n' not in cut
    assert type(await fails(says(cut, end=end))) is UpstreamError


async def test_connection_lost_after_the_reason_is_no_clean_end_either() -> None:
    assert type(await fails(says(piece("stop", content="a"), end=False))) is UpstreamError


@pytest.mark.parametrize(
    "stream",
    [
        b"data: {not json}\n\n",
        b'data: {"choices": 3}\n\n',
        b'data: {"choices": [{"delta": {"content": "\xff"}}]}\n\n',
        b'data: {"error": ' + b"[" * 100_000 + b"]" * 100_000 + b"}\n\n",
        event(error={"message": "out of memory", "code": 500}),
        event(error="out of memory"),
        piece("because", content="a"),
        piece("stop", index=1, content="a"),
        DONE,
        b"",
        b'{"choices": [{"message": {"content": "not a stream"}, "finish_reason": "stop"}]}',
    ],
)
async def test_nonsense_is_an_upstream_error(stream: bytes) -> None:
    assert type(await fails(says(stream + (DONE if stream else b"")))) is UpstreamError


async def test_text_before_an_error_event_still_arrives() -> None:
    async with fake(says(piece(content="a") + event(error={}))) as server, connected(server) as upstream:
        deltas = upstream(EXCHANGE)
        assert await anext(deltas) == Text("a")
        with pytest.raises(UpstreamError):
            await anext(deltas)


@pytest.mark.parametrize("unit", [b"x" * 65536, b"data: " + b"x" * 4096 + b"\n", b"data:\n" * 8192])
async def test_an_endless_event_is_cut_off(unit: bytes) -> None:
    sent = 0

    async def respond(call: Call) -> None:
        nonlocal sent
        call.writer.write(STREAM + b"3\r\n" + b"a:\n" + b"\r\n")
        while True:
            await call.send(unit)
            sent += len(unit)

    error = await fails(respond)
    assert type(error) is UpstreamError
    assert str(EVENT_LIMIT) in str(error)
    assert sent < 64 * EVENT_LIMIT


@pytest.mark.parametrize(
    ("status", "kind"),
    [
        (301, UpstreamError),
        (400, InvalidRequestError),
        (401, UpstreamError),
        (403, UpstreamError),
        (404, UnknownModelError),
        (418, UpstreamError),
        (422, InvalidRequestError),
        (429, OverloadedError),
        (500, UpstreamError),
        (503, UpstreamError),
    ],
)
async def test_statuses(status: int, kind: type[GatewayError]) -> None:
    assert type(await fails(refuses(status, headers="Location: /elsewhere\r\n"))) is kind


@pytest.mark.parametrize(
    ("body", "message", "parameter"),
    [
        (b'{"error": {"message": "too hot", "param": "temperature"}}', "too hot", "temperature"),
        (b'{"error": "too hot"}', "too hot", None),
        (b'{"object": "error", "message": "too hot"}', "too hot", None),
        (b'{"detail": "too hot"}', "too hot", None),
        (b"<html>", "status 400", None),
        (b'{"error": {"message": ["?"]}}', "status 400", None),
        (b'{"error": {"message": "' + b"x" * 50_000 + b'"}}', "x" * 1000, None),
        (b"[" * 60_000, "status 400", None),
    ],
)
async def test_refused_request_passes_the_reason_on(body: bytes, message: str, parameter: str | None) -> None:
    error = await fails(refuses(400, body))
    assert isinstance(error, InvalidRequestError)
    assert message in str(error)
    assert len(str(error)) <= 1000
    assert error.parameter == parameter


async def test_endless_error_body_is_cut_off() -> None:
    async def respond(call: Call) -> None:
        call.writer.write(STREAM.replace(b"200", b"400"))
        while True:
            await call.send(b"x" * 4096)

    assert isinstance(await fails(respond), InvalidRequestError)


async def test_refused_credentials_name_the_variable(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("UPSTREAM_KEY", "s3cret")
    error = await fails(refuses(401, b'{"error": "bad key s3cret"}'), api_key_env="UPSTREAM_KEY")
    assert "UPSTREAM_KEY" in str(error)
    assert "s3cret" not in str(error)


@pytest.mark.parametrize(
    "garbage", [b"SSH-2.0-OpenSSH\r\n", b"HTTP/1.1 200 OK\r\nX: " + b"a" * 100_000, b"\0" * 99]
)
async def test_no_http_server_at_all(garbage: bytes) -> None:
    async def respond(call: Call) -> None:
        call.writer.write(garbage)
        call.writer.close()

    assert type(await fails(respond)) is UpstreamError


async def test_broken_chunk_framing() -> None:
    async def respond(call: Call) -> None:
        call.writer.write(STREAM + b"zz\r\n" + ANSWER)
        call.writer.close()

    assert type(await fails(respond)) is UpstreamError


async def test_nobody_listens() -> None:
    async with fake(says()) as server:
        pass
    async with connected(server) as upstream:
        assert not await upstream.ready()
        with pytest.raises(UpstreamError):
            await gather(upstream)


async def hangs(call: Call) -> None:
    await call.reader.readexactly(1)


async def stalls(call: Call) -> None:
    call.writer.write(STREAM)
    await call.send(piece(content="a"))
    await call.reader.readexactly(1)


async def stalls_in_refusal(call: Call) -> None:
    call.writer.write(STREAM.replace(b"200", b"400"))
    await call.reader.readexactly(1)


async def never_stops(call: Call) -> None:
    call.writer.write(STREAM)
    while True:
        await call.send(piece(content="a" * 100))


@pytest.mark.parametrize("respond", [hangs, stalls, stalls_in_refusal])
async def test_silence_times_out(respond: Respond) -> None:
    assert type(await fails(respond, timeout=0.1)) is UpstreamTimeoutError


@pytest.mark.parametrize("respond", [hangs, stalls, stalls_in_refusal, never_stops])
async def test_deadline_is_honoured(respond: Respond) -> None:
    deadline = asyncio.get_running_loop().time() + 0.2
    exchange = Exchange(model="m", messages=(), deadline=deadline)
    assert type(await fails(respond, exchange)) is UpstreamTimeoutError


async def test_deadline_holds_for_what_is_already_buffered() -> None:
    loop = asyncio.get_running_loop()
    exchange = Exchange(model="m", messages=(), deadline=loop.time() + 0.2)
    go_on = asyncio.Event()

    async def respond(call: Call) -> None:
        await says(piece(content="a"), end=None)(call)
        await go_on.wait()
        await call.send(ANSWER)

    async with fake(respond) as server, connected(server) as upstream:
        deltas = upstream(exchange)
        assert await anext(deltas) == Text("a")
        go_on.set()
        await asyncio.sleep(0.3)
        with pytest.raises(UpstreamTimeoutError):
            await anext(deltas)


async def test_redirects_are_not_followed() -> None:
    async with (
        fake(refuses(307, headers="Location: /elsewhere\r\n")) as server,
        connected(server) as upstream,
    ):
        with pytest.raises(UpstreamError):
            await gather(upstream)
        assert not await upstream.ready()
    assert len(server.heads) == 2


async def test_connection_that_outlives_its_done_does_not_hold_the_finish() -> None:
    async with fake(says(ANSWER, end=None)) as server, connected(server) as upstream:
        assert await gather(upstream) == DELTAS
        await asyncio.wait_for(server.closed_by_client.wait(), 10)


@pytest.mark.parametrize(
    ("exchange", "kind", "parameter"),
    [
        (Exchange(model="x", messages=()), UnknownModelError, "model"),
        (Exchange(model="m", messages=(), parameters={"n": 2}), InvalidRequestError, "n"),
        (Exchange(model="m", messages=(Message("user", "\ud800"),)), InvalidRequestError, None),
    ],
)
async def test_hopeless_requests_are_not_sent(
    exchange: Exchange, kind: type[InvalidRequestError], parameter: str | None
) -> None:
    async with fake(says(ANSWER)) as server, connected(server, models=("m",)) as upstream:
        with pytest.raises(kind) as caught:
            await gather(upstream, exchange)
    assert caught.value.parameter == parameter
    assert server.requests == []


# Readiness and configuration


@pytest.mark.parametrize(("status", "ready"), [(200, True), (401, False), (503, False)])
async def test_ready_asks_for_the_models(status: int, ready: bool) -> None:
    async with fake(refuses(status)) as server, connected(server) as upstream:
        assert await upstream.ready() is ready
    assert server.heads[0].startswith("GET /v1/models HTTP/1.1\r\n")


async def test_ready_while_every_connection_is_busy() -> None:
    async def respond(call: Call) -> None:
        await (stalls if call.head.startswith("POST") else refuses(200))(call)

    async with (
        fake(respond) as server,
        connected(server, connections=1) as upstream,
        aclosing(upstream(EXCHANGE)) as deltas,
    ):
        await anext(deltas)
        assert await upstream.ready()


@pytest.mark.parametrize(
    ("settings", "word"),
    [
        ({"base_url": "localhost:8000/v1"}, "http://"),
        ({"base_url": "ftp://host/v1"}, "http://"),
        ({"base_url": "http://host/v1", "api_key_env": "CROSSRISK_NO_SUCH_KEY"}, "CROSSRISK_NO_SUCH_KEY"),
        ({"base_url": "http://host/v1", "timeout": 0.0}, "timeout"),
        ({"base_url": "http://host/v1", "connections": 0}, "connections"),
    ],
)
def test_configuration_errors_name_the_culprit(settings: dict[str, Any], word: str) -> None:
    with pytest.raises(ConfigError, match=word):
        OpenAI(**settings)


async def test_connected_object_is_an_upstream() -> None:
    async with OpenAI(base_url="http://127.0.0.1:9/v1").connect() as upstream:
        assert isinstance(upstream, OpenAIConnection)
