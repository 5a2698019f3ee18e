"""Both front doors of a real gateway process, in front of a scripted server on either protocol."""

import asyncio
import json
import shutil
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import aiohttp
import grpc
import openai
import pytest

from gateway.commands.demo import total
from gateway.v1 import control_pb2, control_pb2_grpc, gateway_pb2, gateway_pb2_grpc
from tests.gateways import Gateway, body, gateway, grpc_upstream, openai_upstream, post
from tests.servers import counted, scripted

SCRIPT: list[dict[str, Any]] = [
    {"match": "^leak", "text": "Write to ada@example.org today.", "chunk": 3},
    {"match": "^die", "text": "one two three four five six seven", "chunk": 4, "die_after": 3},
    {"match": "^unfinished", "text": "never finished", "finish": None},
    {"match": "^slow", "text": "word " * 400, "chunk": 5, "pace": 0.05},
    {"match": "^busy", "text": "x", "error": "RESOURCE_EXHAUSTED"},
    {"match": "^refuse", "text": "x", "error": "INVALID_ARGUMENT"},
    {"text": "All is well.", "chunk": 5},
]
BLOCKED = "Open Sesame, please"


@asynccontextmanager
async def doors(kind: str, **sections: Any) -> AsyncIterator[tuple[Gateway, Any]]:
    async with scripted(SCRIPT) as server:
        entry = grpc_upstream(server.grpc) if kind == "grpc" else openai_upstream(server.http)
        sections.setdefault("gateway", {"tap": False})
        async with gateway(entry, **sections) as running:
            yield running, server


@asynccontextmanager
async def stub(address: str) -> AsyncIterator[gateway_pb2_grpc.GatewayServiceStub]:
    async with grpc.aio.insecure_channel(address) as channel:
        yield gateway_pb2_grpc.GatewayServiceStub(channel)  # type: ignore[no-untyped-call]


def request(prompt: str, **more: Any) -> gateway_pb2.ChatRequest:
    return gateway_pb2.ChatRequest(messages=[gateway_pb2.Message(role="user", content=prompt)], **more)


async def chat(address: str, prompt: str, **more: Any) -> tuple[str, gateway_pb2.ChatEnd | None]:
    async with stub(address) as service:
        text, end = "", None
        async for response in service.Chat(request(prompt, **more)):
            text += response.text.text
            end = response.end if response.HasField("end") else end
        return text, end


@pytest.mark.parametrize("kind", ["grpc", "http"])
async def test_the_official_client_works(kind: str) -> None:
    async with doors(kind) as (running, _):
        async with openai.AsyncOpenAI(base_url=f"http://{running.http}/v1", api_key="none") as client:
            whole = await client.chat.completions.create(**body())
            assert whole.choices[0].message.content == "All is well."
            assert whole.choices[0].finish_reason == "stop"
            stream = await client.chat.completions.create(**body("leak"), stream=True)
            chunks = [chunk async for chunk in stream]
            text = "".join(chunk.choices[0].delta.content or "" for chunk in chunks)
            assert text == "Write to [EMAIL] today."
            assert chunks[-1].choices[0].finish_reason == "stop"
            blocked = await client.chat.completions.create(**body(BLOCKED))
            assert blocked.choices[0].finish_reason == "content_filter"
            assert [model.id async for model in client.models.list()] == ["scripted"]
            with pytest.raises(openai.NotFoundError):
                await client.chat.completions.create(**{**body(), "model": "another"})
            with pytest.raises(openai.APIError):
                async for _ in await client.chat.completions.create(**body("die"), stream=True):
                    pass


@pytest.mark.parametrize("kind", ["grpc", "http"])
async def test_grpc_clients_get_deltas_and_one_end(kind: str) -> None:
    async with doors(kind) as (running, _):
        text, end = await chat(running.grpc, "leak")
        assert text == "Write to [EMAIL] today."
        assert end is not None
        assert end.finish_reason == "stop"
        assert [(f.defense, f.label, f.start, f.end) for f in end.findings] == [
            ("leak_filter", "email", 9, 24)
        ]
        assert "ada@" not in str(end)
        cost = end.accounting
        assert cost.delivered_characters == len(text)
        assert 0 < cost.held_characters <= len("Write to ada@example.org today.")
        assert cost.release_lag_seconds > 0
        assert cost.unchecked == 0
        text, end = await chat(running.grpc, BLOCKED)
        assert (text, end.finish_reason if end else "") == ("", "content_filter")


@pytest.mark.parametrize("kind", ["grpc", "http"])
@pytest.mark.parametrize(
    ("prompt", "code", "status"),
    [
        ("die", grpc.StatusCode.UNAVAILABLE, 502),
        ("unfinished", grpc.StatusCode.UNAVAILABLE, 502),
        ("busy", grpc.StatusCode.RESOURCE_EXHAUSTED, 429),
        ("refuse", grpc.StatusCode.INVALID_ARGUMENT, 400),
    ],
)
async def test_upstream_failures_are_errors(
    kind: str, prompt: str, code: grpc.StatusCode, status: int
) -> None:
    async with doors(kind) as (running, _):
        with pytest.raises(grpc.aio.AioRpcError) as failure:
            await chat(running.grpc, prompt)
        assert failure.value.code() == code
        got, answer = await post(running.chat, body(prompt))
        assert got == status
        assert set(answer) == {"error"}
        assert (await post(running.chat, body()))[0] == 200


async def test_a_stream_that_dies_is_broken_off_after_the_error() -> None:
    async with doors("http") as (running, _), aiohttp.ClientSession() as session:
        data = b""
        with pytest.raises(aiohttp.ClientPayloadError):
            async with session.post(running.chat, json=body("die", stream=True)) as response:
                async for chunk in response.content.iter_any():
                    data += chunk
        events = [json.loads(line[6:]) for line in data.split(b"\n\n") if line]
        assert events[-1]["error"]["code"] == "upstream_unavailable"
        assert all(choice["finish_reason"] is None for event in events[:-1] for choice in event["choices"])


async def test_an_upstream_that_is_down_is_unavailable() -> None:
    async with gateway(openai_upstream("http://127.0.0.1:9"), gateway={"tap": False}) as running:
        status, answer = await post(running.chat, body())
        assert (status, answer["error"]["type"]) == (502, "server_error")
        with pytest.raises(grpc.aio.AioRpcError) as failure:
            await chat(running.grpc, "hello")
        assert failure.value.code() == grpc.StatusCode.UNAVAILABLE
        async with aiohttp.ClientSession() as session:
            async with session.get(f"http://{running.http}/readyz") as response:
                assert response.status == 503
            async with session.get(f"http://{running.http}/healthz") as response:
                assert response.status == 200


@pytest.mark.parametrize("kind", ["grpc", "http"])
async def test_a_client_that_leaves_cancels_the_upstream(kind: str) -> None:
    async with doors(kind) as (running, server):
        async with aiohttp.ClientSession() as session:
            async with session.post(running.chat, json=body("slow", stream=True)) as response:
                await response.content.readany()
        await counted(server, cancelled=1)
        async with stub(running.grpc) as service:
            call = service.Chat(request("slow"))
            await call.read()
            call.cancel()
        seen = await counted(server, cancelled=2)
        assert seen["cancelled"] == 2
        async with asyncio.timeout(10):
            while total(await running.samples(), "crossrisk_exchanges_active"):
                await asyncio.sleep(0.05)
        samples = await running.samples()
        assert total(samples, "crossrisk_exchanges_total", outcome="cancelled") == 2


async def test_a_deadline_reaches_the_upstream() -> None:
    async with doors("grpc") as (running, server):
        async with stub(running.grpc) as service:
            with pytest.raises(grpc.aio.AioRpcError) as failure:
                async for _ in service.Chat(request("slow"), timeout=0.5):
                    pass
        assert failure.value.code() == grpc.StatusCode.DEADLINE_EXCEEDED
        assert (await counted(server, cancelled=1))["cancelled"] == 1


BAD_BODIES: list[tuple[str, Any, int, str | None]] = [
    ("not json", b"{", 400, None),
    ("invalid utf-8", b'{"messages":[{"role":"user","content":"\xff"}]}', 400, None),
    ("no object", b"[]", 400, None),
    ("no messages", {"model": "scripted"}, 400, "messages"),
    ("empty messages", body() | {"messages": []}, 400, "messages"),
    ("unknown role", body() | {"messages": [{"role": "robot", "content": "x"}]}, 400, "messages[0].role"),
    ("nul", body("a\0b"), 400, "messages[0].content"),
    ("lone surrogate", b'{"messages":[{"role":"user","content":"\\ud800"}]}', 400, None),
    ("image", body() | {"messages": [{"role": "user", "content": [{"type": "image_url"}]}]}, 400, None),
    ("two answers", body(n=2), 400, "n"),
    ("hot", body(temperature=1e9), 400, "temperature"),
    ("nothing", body(max_tokens=-5), 400, "max_tokens"),
    ("a seed of 71 bits", body(seed=2**70), 400, "seed"),
    ("deep", body(tools=json.loads("[" * 100 + "]" * 100)), 400, "tools"),
    ("a word for a number", body(top_p="all"), 400, "top_p"),
    ("logprobs", body(logprobs=True), 400, "logprobs"),
    ("functions", body(functions=[{}]), 400, "functions"),
    (
        "unknown message field",
        body() | {"messages": [{"role": "user", "content": "x", "mood": 1}]},
        400,
        None,
    ),
    ("unknown model", body() | {"model": "another"}, 404, "model"),
    ("stream is a word", body(stream="yes"), 400, "stream"),
    ("ten megabytes", body("x" * 10_000_000), 413, None),
]


async def test_bad_bodies_are_refused_by_name_and_hurt_nobody() -> None:
    async with doors("grpc") as (running, server):
        for name, payload, status, parameter in BAD_BODIES:
            got, answer = await post(running.chat, payload)
            assert got == status, name
            assert answer["error"]["message"], name
            if parameter:
                assert answer["error"]["param"] == parameter, name
        assert (await post(running.chat, body()))[1]["choices"][0]["message"]["content"] == "All is well."
        assert (await counted(server, started=1))["started"] == 1


async def test_bad_messages_are_refused_over_grpc() -> None:
    user = gateway_pb2.Message(role="user", content="x")
    cases = [
        (gateway_pb2.ChatRequest(), grpc.StatusCode.INVALID_ARGUMENT),
        (
            gateway_pb2.ChatRequest(messages=[gateway_pb2.Message(role="robot")]),
            grpc.StatusCode.INVALID_ARGUMENT,
        ),
        (gateway_pb2.ChatRequest(messages=[user], temperature=1e9), grpc.StatusCode.INVALID_ARGUMENT),
        (gateway_pb2.ChatRequest(messages=[user], max_tokens=-1), grpc.StatusCode.INVALID_ARGUMENT),
        (gateway_pb2.ChatRequest(messages=[user], model="another"), grpc.StatusCode.NOT_FOUND),
        (request("a\0b"), grpc.StatusCode.INVALID_ARGUMENT),
        (request("x" * 10_000_000), grpc.StatusCode.RESOURCE_EXHAUSTED),
    ]
    async with doors("grpc") as (running, _), grpc.aio.insecure_channel(running.grpc) as channel:
        raw: Any = channel.unary_stream("/gateway.v1.GatewayService/Chat")
        invalid = b"\x12\x07\x0a\x04user\x12\xff"
        for message, code in [*((case.SerializeToString(), code) for case, code in cases), (invalid, None)]:
            with pytest.raises(grpc.aio.AioRpcError) as failure:
                async for _ in raw(message):
                    pass
            assert failure.value.code() == (code or grpc.StatusCode.INVALID_ARGUMENT)
        assert (await chat(running.grpc, "hello"))[0] == "All is well."


async def test_check_judges_without_a_model() -> None:
    async with doors("grpc") as (running, server):
        answer = "Mail ada@example.org."
        status, verdict = await post(
            f"http://{running.http}/v1/check", {"messages": body(BLOCKED)["messages"], "answer": answer}
        )
        assert (status, verdict["action"]) == (200, "block")
        found = {(finding["defense"], finding["side"]) for finding in verdict["findings"]}
        assert found == {("prompt_filter", "input"), ("leak_filter", "output")}
        async with stub(running.grpc) as service:
            response = await service.Check(gateway_pb2.CheckRequest(answer=answer))
            assert response.action == gateway_pb2.ACTION_REDACT
            assert [(f.start, f.end) for f in response.findings] == [(5, 20)]
            with pytest.raises(grpc.aio.AioRpcError) as failure:
                await service.Check(gateway_pb2.CheckRequest())
            assert failure.value.code() == grpc.StatusCode.INVALID_ARGUMENT
        assert (await post(f"http://{running.http}/v1/check", {}))[0] == 400
        assert (await counted(server, started=0))["started"] == 0


async def test_the_kill_switch_needs_the_token_and_holds_from_the_next_exchange(tmp_path: Path) -> None:
    async with scripted(SCRIPT) as server:
        for _ in range(2):  # it survives a restart
            async with gateway(
                grpc_upstream(server.grpc), gateway={"tap": False}, folder=tmp_path
            ) as running:
                token = (running.folder / "control.token").read_text()
                async with grpc.aio.insecure_channel(f"unix:{running.control}") as channel:
                    control = control_pb2_grpc.ControlServiceStub(channel)  # type: ignore[no-untyped-call]
                    with pytest.raises(grpc.aio.AioRpcError) as failure:
                        await control.GetStatus(control_pb2.GetStatusRequest())
                    assert failure.value.code() == grpc.StatusCode.UNAUTHENTICATED
                    metadata = (("authorization", f"Bearer {token}"),)
                    switch = control_pb2.SetKillSwitchRequest(
                        defense="leak_filter", killed=True, reason="test"
                    )
                    await control.SetKillSwitch(switch, metadata=metadata)
                    status = await control.GetStatus(control_pb2.GetStatusRequest(), metadata=metadata)
                    assert [d.defense for d in status.defenses if d.killed] == ["leak_filter"]
                    wrong = control_pb2.SetKillSwitchRequest(defense="nothing", killed=True, reason="test")
                    with pytest.raises(grpc.aio.AioRpcError) as failure:
                        await control.SetKillSwitch(wrong, metadata=metadata)
                    assert failure.value.code() == grpc.StatusCode.INVALID_ARGUMENT
                assert (await chat(running.grpc, "leak"))[0] == "Write to ada@example.org today."


async def test_units_come_from_the_configured_sources_in_order() -> None:
    async with doors("grpc") as (running, _):
        await post(running.chat, body())
        await post(running.chat, body(user="ada"))
        await post(running.chat, body(user="ada"), headers={"X-CrossRisk-Unit": "session-1"})
        samples = await running.samples()
        for source in ("first_turns", "user", "header:x-crossrisk-unit"):
            assert total(samples, "crossrisk_units_total", source=source) == 1, source


async def test_more_exchanges_than_allowed_are_refused() -> None:
    async with doors("grpc", gateway={"tap": False, "max_exchanges": 1}) as (running, server):
        async with stub(running.grpc) as service:
            call = service.Chat(request("slow"))
            await call.read()
            status, answer = await post(running.chat, body())
            assert (status, answer["error"]["code"]) == (429, "overloaded")
            call.cancel()
        await counted(server, cancelled=1)


async def test_gateways_chain() -> None:
    async with doors("http") as (inner, _):
        async with gateway(grpc_upstream(inner.grpc), gateway={"tap": False}, defenses=[]) as outer:
            text, end = await chat(outer.grpc, "leak")
            assert text == "Write to [EMAIL] today."
            assert end is not None
            assert [finding.defense for finding in end.findings] == ["leak_filter"]


async def test_reflection_serves_a_foreign_client() -> None:
    buf = shutil.which("buf") or shutil.which("buf", path=".tools/node_modules/.bin")
    if buf is None:
        pytest.skip("buf is not installed: make buf")
    async with doors("grpc") as (running, _):
        call = json.dumps({"messages": [{"role": "user", "content": "leak"}]})
        url = f"http://{running.grpc}/gateway.v1.GatewayService/Chat"
        process = await asyncio.create_subprocess_exec(
            *(buf, "curl", "--protocol", "grpc", "--http2-prior-knowledge", "-d", call, url),
            stdout=asyncio.subprocess.PIPE,
        )
        printed, _ = await process.communicate()
        assert process.returncode == 0
        assert b'"finishReason": "stop"' in printed or b'"finishReason":"stop"' in printed
