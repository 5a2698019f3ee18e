"""A server that judges as a test tells it, at OpenAI's address for chats."""

import asyncio
import json
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

from aiohttp import web

Verdict = Callable[[dict[str, Any]], str | int]
"""From the body of a request to what the judge says, or to the status with which it fails."""


@dataclass(slots=True)
class JudgeServer:
    """Where it listens, and what it was asked."""

    base_url: str = ""
    asked: list[dict[str, Any]] = field(default_factory=list)
    keys: list[str] = field(default_factory=list)
    at_once: int = 0
    most_at_once: int = 0

    def said(self, position: int = -1) -> str:
        """The last message of a request."""
        return str(self.asked[position]["messages"][-1]["content"])


@asynccontextmanager
async def judge_server(verdict: Verdict, pause: float = 0.0) -> AsyncIterator[JudgeServer]:
    """Run the server until the block ends."""
    server = JudgeServer()

    async def chat(request: web.Request) -> web.Response:
        body = await request.json()
        server.asked.append(body)
        server.keys.append(request.headers.get("Authorization", ""))
        server.at_once += 1
        server.most_at_once = max(server.most_at_once, server.at_once)
        try:
            await asyncio.sleep(pause)
        finally:
            server.at_once -= 1
        said = verdict(body)
        if isinstance(said, int):
            return web.json_response({"error": {"message": f"no: {server.said()}"}}, status=said)
        message = {"role": "assistant", "content": said}
        choices = [{"index": 0, "message": message, "finish_reason": "stop"}]
        return web.json_response({"object": "chat.completion", "choices": choices})

    application = web.Application()
    application.router.add_post("/v1/chat/completions", chat)
    runner = web.AppRunner(application, handler_cancellation=True)
    await runner.setup()
    try:
        site = web.TCPSite(runner, "127.0.0.1", 0)
        await site.start()
        host, port = runner.addresses[0][:2]
        server.base_url = f"http://{host}:{port}/v1"
        yield server
    finally:
        await runner.cleanup()


def violation_of(word: str) -> Verdict:
    """A judge that finds `word` in what stands between the marks of the message, and only there."""

    def verdict(body: dict[str, Any]) -> str:
        found = word in marked(str(body["messages"][-1]["content"]))
        return json.dumps({"violation": found, "score": 0.9 if found else 0.1, "label": "violation"})

    return verdict


def marked(message: str) -> str:
    """What stands between the marks that the first line of a judge's message names."""
    mark = message.splitlines()[0].partition("[")[2].partition("]")[0]
    _, _, behind = message.partition(f"\n[{mark}]\n")
    text, closing, _ = behind.rpartition(f"\n[/{mark}]\n")
    assert closing
    return text
