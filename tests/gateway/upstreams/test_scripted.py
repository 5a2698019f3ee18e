"""The scripted server says the same over gRPC and HTTP, and notices clients that leave."""

import asyncio
import json
import re
import sys
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import aiohttp
import grpc
import pytest

from gateway.errors import ConfigError
from gateway.types import Delta, Finish, Text, ToolCallPart, Usage
from gateway.upstreams.script import DEFAULT, Script
from gateway.v1 import gateway_pb2 as pb
from gateway.wire import deltas_from_response
from tests.servers import Addresses, counted, counts, scripted

CALL = {"id": "call_1", "name": "save", "arguments": '{"place": "the old mill"}'}
USAGE = {"prompt_tokens": 3, "completion_tokens": 5}
SCRIPT: list[dict[str, Any]] = [
    {"match": "whole", "text": "One piece.", "chunk": 100, "usage": USAGE},
    {"match": "cut", "deltas": ["a ", "", "b\n", "ö🦦"], "channel": "reasoning", "finish": "length"},
    {"match": "tool", "tool_calls": [CALL, {**CALL, "id": "call_2"}], "chunk": 9, "finish": "tool_calls"},
    {"match": "die", "text": "abcdef", "chunk": 1, "die_after": 3},
    {"match": "hang", "text": "abcdef", "chunk": 1, "hang_after": 3},
    {"match": "slow", "text": "abcdef", "chunk": 1, "pace": 0.01},
    {"match": "open", "text": "abc", "finish": None},
    {"match": "full", "error": "RESOURCE_EXHAUSTED"},
]


@pytest.fixture
async def server() -> AsyncIterator[Addresses]:
    async with scripted(SCRIPT) as addresses:
        yield addresses


async def over_grpc(server: Addresses, prompt: str) -> list[Delta]:
    request = pb.ChatRequest(messages=[pb.Message(role="user", content=prompt)])
    async with grpc.aio.insecure_channel(server.grpc) as channel:
        chat = channel.unary_stream(
            "/gateway.v1.GatewayService/Chat",
            request_serializer=pb.ChatRequest.SerializeToString,
            response_deserializer=pb.ChatResponse.FromString,
        )
        return [delta async for response in chat(request) for delta in deltas_from_response(response)]


def body(prompt: str, **further: Any) -> dict[str, Any]:
    return {"model": "scripted", "messages": [{"role": "user", "content": prompt}], **further}


async def over_http(server: Addresses, prompt: str, **further: Any) -> tuple[int, bytes]:
    url = server.http + "/v1/chat/completions"
    async with (
        aiohttp.ClientSession() as session,
        session.post(url, json=body(prompt, **further)) as response,
    ):
        return response.status, await response.read()


async def streamed(server: Addresses, prompt: str, **further: Any) -> list[dict[str, Any]]:
    _, answer = await over_http(server, prompt, stream=True, **further)
    *events, done, rest = answer.decode().split("\n\n")
    assert (done, rest) == ("data: [DONE]", "")
    return [json.loads(event.removeprefix("data: ")) for event in events]


async def test_the_default_is_64_deltas_of_20_characters_and_a_kilobyte_at_once() -> None:
    async with scripted() as server:
        *texts, usage, finish = await over_grpc(server, "anything")
        _, answer = await over_http(server, "anything")
        events = await streamed(server, "anything")
    pieces = [text.text for text in texts if isinstance(text, Text)]
    assert [len(piece) for piece in pieces] == [20] * 64
    assert (usage, finish) == (Usage(50, 320), Finish("stop"))
    assert json.loads(answer)["choices"][0]["message"]["content"] == DEFAULT.whole
    assert len(DEFAULT.whole or "") == 1024
    assert [event["choices"][0]["delta"].get("content") for event in events] == ["", *pieces, None]


async def test_deltas_are_sent_as_they_stand(server: Addresses) -> None:
    pieces = ["a ", "", "b\n", "ö🦦"]
    assert await over_grpc(server, "cut") == [
        *(Text(piece, "reasoning") for piece in pieces),
        Finish("length"),
    ]
    _, *events, last = await streamed(server, "cut")
    assert [event["choices"][0]["delta"] for event in events] == [
        {"reasoning_content": piece} for piece in pieces
    ]
    assert last["choices"] == [{"index": 0, "delta": {}, "finish_reason": "length"}]


async def test_usage_is_streamed_over_http_when_asked_for(server: Addresses) -> None:
    plain = await streamed(server, "whole")
    asked = await streamed(server, "whole", stream_options={"include_usage": True})
    assert [event for event in plain if "usage" in event] == []
    assert asked[-1]["usage"] == {**USAGE, "total_tokens": 8}
    assert (await over_grpc(server, "whole"))[1] == Usage(3, 5)


async def test_tool_calls_come_in_pieces(server: Addresses) -> None:
    *parts, finish = await over_grpc(server, "tool")
    assert parts[:3] == [
        ToolCallPart(0, "call_1", "save", CALL["arguments"][:9]),
        ToolCallPart(0, arguments=CALL["arguments"][9:18]),
        ToolCallPart(0, arguments=CALL["arguments"][18:]),
    ]
    assert [part.index for part in parts if isinstance(part, ToolCallPart)] == [0, 0, 0, 1, 1, 1]
    assert finish == Finish("tool_calls")
    _, answer = await over_http(server, "tool")
    message = json.loads(answer)["choices"][0]["message"]
    assert [call["id"] for call in message["tool_calls"]] == ["call_1", "call_2"]
    assert {call["function"]["arguments"] for call in message["tool_calls"]} == {CALL["arguments"]}
    events = await streamed(server, "tool")
    calls = [call for event in events for call in event["choices"][0]["delta"].get("tool_calls", [])]
    assert "".join(call["function"]["arguments"] for call in calls) == CALL["arguments"] * 2


async def test_the_last_user_message_chooses(server: Addresses) -> None:
    messages = [
        {"role": "user", "content": "tool"},
        {"role": "user", "content": [{"type": "text", "text": "who"}, {"type": "text", "text": "le"}]},
        {"role": "assistant", "content": "cut"},
    ]
    _, answer = await over_http(server, "", messages=messages)
    assert json.loads(answer)["choices"][0]["message"]["content"] == "One piece."


@pytest.mark.parametrize("prompt", ["die", "die, please"])
async def test_a_stream_dies_in_the_middle(server: Addresses, prompt: str) -> None:
    with pytest.raises(grpc.aio.AioRpcError) as caught:
        await over_grpc(server, prompt)
    assert caught.value.code() is grpc.StatusCode.UNAVAILABLE
    for stream in (True, False):
        with pytest.raises(aiohttp.ClientPayloadError):
            await over_http(server, prompt, stream=stream)
    assert await counted(server, failed=3) == {"started": 3, "finished": 0, "failed": 3, "cancelled": 0}


async def test_an_error_has_the_status_of_its_protocol(server: Addresses) -> None:
    with pytest.raises(grpc.aio.AioRpcError) as caught:
        await over_grpc(server, "full")
    assert caught.value.code() is grpc.StatusCode.RESOURCE_EXHAUSTED
    status, answer = await over_http(server, "full")
    assert status == 429
    assert json.loads(answer)["error"]["code"] == "resource_exhausted"


async def test_a_stream_may_close_without_its_end(server: Addresses) -> None:
    assert await over_grpc(server, "open") == [Text("abc")]
    _, answer = await over_http(server, "open", stream=True)
    assert b"abc" in answer
    assert b"[DONE]" not in answer


async def test_a_paced_reply_is_whole(server: Addresses) -> None:
    assert await over_grpc(server, "slow") == [*map(Text, "abcdef"), Finish("stop")]
    assert len(await streamed(server, "slow")) == 8
    assert (await counts(server))["finished"] == 2


@pytest.mark.parametrize("ask", [over_grpc, streamed, over_http])
async def test_a_client_that_leaves_is_counted(server: Addresses, ask: Any) -> None:
    asking = asyncio.create_task(ask(server, "hang"))
    assert (await counted(server, started=1))["started"] == 1
    asking.cancel()
    await asyncio.wait([asking])
    assert await counted(server, cancelled=1) == {
        "started": 1,
        "finished": 0,
        "failed": 0,
        "cancelled": 1,
    }


async def test_models_are_listed(server: Addresses) -> None:
    async with (
        aiohttp.ClientSession() as session,
        session.get(server.http + "/v1/models") as response,
    ):
        assert [model["id"] for model in (await response.json())["data"]] == ["scripted"]


async def test_it_ends_with_its_parent() -> None:
    pipe = asyncio.subprocess.PIPE
    arguments = ("-m", "gateway.upstreams.scripted", "--with-parent", "--http", "0")
    process = await asyncio.create_subprocess_exec(sys.executable, *arguments, stdin=pipe, stdout=pipe)
    assert process.stdout is not None
    assert json.loads(await process.stdout.readline()).keys() == {"http"}
    assert process.stdin is not None
    process.stdin.close()
    assert await process.wait() == 0


async def test_a_hanging_exchange_does_not_keep_it_from_ending() -> None:
    async with scripted([{"hang_after": 0}]) as server:
        asking = [asyncio.create_task(ask(server, "x")) for ask in (over_grpc, streamed)]
        assert (await counted(server, started=2))["started"] == 2
    done, _ = await asyncio.wait(asking)
    assert all(task.exception() is not None for task in done)


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("- {tezt: a}", "tezt"),
        ("- {error: LOST}", "error must be one of"),
        ("- {chunk: 0}", "chunk must be"),
        ("- {match: '('}", "missing )"),
        ("text: a", "array"),
        ("- {finish: bored}", "bored"),
    ],
)
def test_a_script_with_a_mistake_is_refused(tmp_path: Path, text: str, complaint: str) -> None:
    path = tmp_path / "script.yaml"
    path.write_text(text)
    with pytest.raises(ConfigError, match=re.escape(complaint)) as caught:
        Script.load(path)
    assert str(path) in str(caught.value)
