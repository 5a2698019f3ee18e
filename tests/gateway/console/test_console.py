"""The console over a real gateway's HTTP port: headers, refusals, viewers that stall or leave, no text."""

import asyncio
import socket
import time
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path

import aiohttp
import pytest

from gateway.config import read_config
from gateway.console.hub import VIEWERS
from gateway.errors import ConfigError
from tests import gateways
from tests.watched import DEFENSES, Told, telling, watched

MARKER = "xyzzyplugh"


@asynccontextmanager
async def events(url: str, **headers: str) -> AsyncIterator[aiohttp.ClientResponse]:
    timeout = aiohttp.ClientTimeout(total=60)
    async with aiohttp.ClientSession(timeout=timeout, read_bufsize=2**20) as session:
        async with session.get(f"{url}/events", headers=headers) as response:
            yield response


async def read_until(response: aiohttp.ClientResponse, wanted: str) -> str:
    """All that came, up to and with `wanted`."""
    text = ""
    async with asyncio.timeout(60):
        while wanted not in text:
            text += (await response.content.readany()).decode()
    return text


async def test_the_console_is_off_unless_it_is_asked_for(tmp_path: Path) -> None:
    async with watched(tmp_path, gateway={"console": False}) as gateway, aiohttp.ClientSession() as session:
        for path in ("", "/events", "/effect?key=a/b", "/console.js"):
            async with session.get(f"http://{gateway.http}/console{path}") as answer:
                assert answer.status == 404
    assert not (tmp_path / "timeline.msgpack").exists()
    plain = gateways.write_config(tmp_path, [gateways.openai_upstream("http://127.0.0.1:1")])
    assert read_config(plain).settings.console is False
    wrong = gateways.write_config(
        tmp_path, [gateways.openai_upstream("http://127.0.0.1:1")], gateway={"console": "yes"}
    )
    with pytest.raises(ConfigError, match="console"):
        read_config(wrong)


async def test_headers_are_strict_and_strangers_are_refused(tmp_path: Path) -> None:
    called = {"console": ["ops.example.org"]}
    async with watched(tmp_path, gateway=called) as gateway, aiohttp.ClientSession() as session:
        url = f"http://{gateway.http}/console"
        for path in ("", "/console.css", "/console.js", "/icon.svg"):
            async with session.get(url + path) as answer:
                assert answer.status == 200
                policy = answer.headers["content-security-policy"]
                assert "default-src 'none'" in policy
                assert "unsafe" not in policy
                assert "access-control-allow-origin" not in answer.headers
                text = await answer.text()
                assert "http://" not in text.replace("http://www.w3.org/2000/svg", "")
                assert "https://" not in text
        async with session.post(url) as answer:
            assert answer.status == 405
        hosts = {"evil.example": 421, "ops.example.org": 200, "localhost:8080": 200, "[::1]": 200}
        for host, status in hosts.items():
            async with session.get(url, headers={"host": host}) as answer:
                assert answer.status == status, host
        for path in ("/events", "/effect?key=a/b"):
            async with session.get(url + path, headers={"sec-fetch-site": "cross-site"}) as answer:
                assert answer.status == 403
            async with session.get(url + path, headers={"host": "evil.example"}) as answer:
                assert answer.status == 421
        async with session.get(f"{url}/effect?key=a/b") as answer:
            assert answer.status == 503, "no monitors, no effects"


async def test_no_text_of_an_exchange_is_in_any_event(tmp_path: Path) -> None:
    told = Told()
    told.fold(200)
    enforced = [{"use": "defenses.prompt_filter:PromptFilter", "phrases": ["open sesame"]}, DEFENSES[2]]
    script = [{"match": ".*", "text": f"{MARKER} answer"}]
    async with (
        watched(tmp_path, script, defenses=enforced) as gateway,
        telling(told, tmp_path),
        events(f"http://{gateway.http}/console") as response,
    ):
        text = await read_until(response, "event: effects")
        _, answer = await gateways.post(gateway.chat, gateways.body(f"{MARKER} open sesame {MARKER}"))
        await gateways.post(gateway.chat, gateways.body(f"{MARKER} hello"))
        text += await read_until(response, answer["id"].removeprefix("chatcmpl-"))
        text += await read_until(response, "event: health")
    blocked = text.rpartition("event: blocked")[2]
    assert "prompt_<wbr>filter" in blocked
    assert "phrase" in blocked
    assert ">11<" in blocked, "the length of the span"
    assert MARKER not in text
    assert "sesame" not in text


async def test_a_viewer_that_reads_nothing_slows_nobody(tmp_path: Path) -> None:
    told = Told()
    told.fold(200)
    async with watched(tmp_path) as gateway, telling(told, tmp_path):
        host, _, port = gateway.http.rpartition(":")
        stalled = []
        for _ in range(8):
            one = socket.socket()
            one.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 2048)
            one.connect((host, int(port)))
            one.sendall(b"GET /console/events HTTP/1.1\r\nhost: localhost\r\n\r\n")
            stalled.append(one)
        async with events(f"http://{gateway.http}/console") as response:
            for _ in range(3):
                told.fold(20)
                begun = time.monotonic()
                status, _ = await gateways.post(gateway.chat, gateways.body("hello"))
                assert status == 200
                await read_until(response, "event: effects")
                assert time.monotonic() - begun < 30
        for one in stalled:
            one.close()


async def test_a_gateway_that_stops_ends_the_streams_of_its_viewers(tmp_path: Path) -> None:
    async with AsyncExitStack() as viewing:
        async with watched(tmp_path) as gateway:
            response = await viewing.enter_async_context(events(f"http://{gateway.http}/console"))
            await read_until(response, "event: health")
        async with asyncio.timeout(30):
            # A stream that was broken off instead, after the server's grace, raises here.
            await response.content.read()
    assert not (tmp_path / "timeline.msgpack").exists(), "there was nothing to keep"


async def test_places_of_viewers_are_bounded_and_given_back(tmp_path: Path) -> None:
    async with watched(tmp_path) as gateway:
        url = f"http://{gateway.http}/console"
        async with AsyncExitStack() as viewing:
            first = AsyncExitStack()
            await first.enter_async_context(events(url))
            for _ in range(VIEWERS - 1):
                response = await viewing.enter_async_context(events(url))
                assert response.status == 200
            async with events(url) as refused:
                assert (refused.status, refused.headers["retry-after"]) == (503, "10")
            await first.aclose()
            assert await _again(url) == 200, "whoever leaves gives his place back"


async def _again(url: str) -> int:
    """Try until there is a place."""
    async with asyncio.timeout(30):
        while True:
            async with events(url) as response:
                if response.status == 200:
                    return response.status
            await asyncio.sleep(0.1)
