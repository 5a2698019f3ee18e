"""The sketch: what Python can do over HTTP when no promise is kept.

::

    python -m benchmarks.sketch HTTP://UPSTREAM/v1    # prints its own address as JSON, serves until SIGTERM

It matches the twenty patterns on the prompt and on each chunk by itself, sends the chunk before it
acts on what it found, and neither closes, times out, validates nor counts anything.
"""

import json
import socket
import sys
from collections.abc import AsyncIterator

import aiohttp
import orjson
import re2
import uvicorn
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response, StreamingResponse
from starlette.routing import Route

from benchmarks.twenty import PATTERNS

JSON = {"content-type": "application/json"}


def application(upstream: str) -> Starlette:
    """The whole of it."""
    found = re2.Set.SearchSet()
    for pattern in PATTERNS:
        found.Add(pattern)
    found.Compile()
    sessions: list[aiohttp.ClientSession] = []

    async def chat(request: Request) -> Response:
        if not sessions:
            sessions.append(aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=256)))
        body = await request.body()
        asked = orjson.loads(body)
        if any(found.Match(message["content"]) for message in asked["messages"]):
            return Response(b"{}", 400)
        calling = sessions[0].post(f"{upstream}/chat/completions", data=body, headers=JSON)

        async def events() -> AsyncIterator[bytes]:
            async with calling as response:
                async for line in response.content:
                    if line.startswith(b"data: {"):
                        event = orjson.loads(line[6:])
                        found.Match(event["choices"][0]["delta"].get("content") or "")
                        yield b"data: " + orjson.dumps(event) + b"\n\n"
                    elif line.strip():
                        yield line + b"\n"

        if asked.get("stream"):
            return StreamingResponse(events(), media_type="text/event-stream")
        async with calling as response:
            answer = await response.read()
        found.Match(orjson.loads(answer)["choices"][0]["message"]["content"])
        return Response(answer, response.status, media_type="application/json")

    return Starlette(routes=[Route("/v1/chat/completions", chat, methods=["POST"])])


def main() -> None:
    """Serve on a free port."""
    listening = socket.create_server(("127.0.0.1", 0), backlog=2048)
    print(json.dumps({"http": f"http://127.0.0.1:{listening.getsockname()[1]}/v1"}), flush=True)
    config = uvicorn.Config(
        application(sys.argv[1]), loop="uvloop", http="httptools", access_log=False, log_level="warning"
    )
    uvicorn.Server(config).run(sockets=[listening])


if __name__ == "__main__":
    main()
