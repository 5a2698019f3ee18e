"""The child process of the white-box upstream: the model behind OpenAI's HTTP, with scores and steering.

Run as `python -m gateway.whitebox.server`. Reads one line of `Settings` on stdin, writes one line with its
address on stdout once it answers, and ends when stdin does.
"""

import asyncio
import os
import socket
import sys
import threading
import time
from collections.abc import AsyncIterator, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

import msgspec

from gateway.upstreams.parent import Address, die_with


class Settings(msgspec.Struct, frozen=True, kw_only=True):
    """What the child must know; `context` is in tokens per row, `parent` the process to die with."""

    model: str
    names: list[str]
    adapters: dict[str, str]
    api_key: str
    slots: int
    threads: int
    context: int
    parent: int


class Steering(msgspec.Struct, frozen=True, kw_only=True):
    """How an answer is steered: the rule, its numbers, and what its companion reads.

    messages: what the companion reads; the same as the model where empty. adapter: the companion's.
    """

    rule: str
    numbers: dict[str, float] = {}
    messages: list[dict[str, Any]] = []
    adapter: str = ""


class Request(msgspec.Struct, frozen=True, kw_only=True):
    """Of OpenAI's chat request what is understood here."""

    messages: list[dict[str, Any]]
    model: str = ""
    stream: bool = False
    max_tokens: int | None = None
    max_completion_tokens: int | None = None
    temperature: float | None = None
    top_p: float | None = None
    seed: int | None = None
    stop: str | list[str] | None = None
    repeat_penalty: float | None = None
    tools: list[Any] | None = None
    steering: Steering | None = None


def main() -> None:
    """Serve until the parent is gone."""
    settings = msgspec.json.decode(sys.stdin.buffer.readline(), type=Settings)
    die_with(settings.parent)
    answer = os.dup(1)
    os.dup2(2, 1)  # whatever the libraries print must not end up where the parent expects the address
    threading.Thread(target=_end_with_stdin, daemon=True).start()
    import torch

    torch.set_num_threads(settings.threads)
    from gateway.errors import ConfigError
    from gateway.whitebox.model import load

    own = {name: Path(folder) for name, folder in settings.adapters.items()}
    try:
        loaded = load(Path(settings.model), own, lambda said: sys.stderr.write(f"{said}\n"))
    except ConfigError as error:
        sys.exit(str(error))
    listening = socket.create_server(("127.0.0.1", 0))
    asyncio.run(_serve(settings, loaded, listening, answer))


def _end_with_stdin() -> None:
    sys.stdin.buffer.read()
    os._exit(0)  # a generation may still run, for nobody


async def _serve(settings: Settings, loaded: Any, listening: socket.socket, answer: int) -> None:
    import uvicorn

    app = Service(settings, loaded, asyncio.get_running_loop())
    config = uvicorn.Config(app, log_level="error", lifespan="off", access_log=False)
    server = uvicorn.Server(config)
    url = f"http://127.0.0.1:{listening.getsockname()[1]}"
    os.write(answer, msgspec.json.encode(Address(url)) + b"\n")
    await server.serve([listening])


class RefusedError(Exception):
    """A request that cannot be answered as it is, with the status that says so."""

    def __init__(self, status: int, message: str) -> None:
        super().__init__(message)
        self.status = status


class Service:
    """The ASGI application."""

    def __init__(self, settings: Settings, loaded: Any, loop: asyncio.AbstractEventLoop) -> None:
        from gateway.whitebox.engine import Engine

        self._settings = settings
        self._loaded = loaded
        self._loop = loop
        self._engine = Engine(loaded.model, loaded.choice, loaded.ends, settings.slots)
        self._scoring = asyncio.Lock()

    async def __call__(self, scope: Mapping[str, Any], receive: Any, send: Any) -> None:
        headers = dict(scope["headers"])
        if headers.get(b"authorization") != f"Bearer {self._settings.api_key}".encode():
            await _reply(send, 401, {"error": {"message": "a key is needed"}})
            return
        try:
            match scope["method"], scope["path"]:
                case "GET", "/v1/models":
                    names = [*self._settings.names, *self._settings.adapters]
                    await _reply(send, 200, {"object": "list", "data": [{"id": name} for name in names]})
                case "POST", "/v1/score":
                    await _reply(send, 200, await self._score(await _body(receive)))
                case "POST", "/v1/chat/completions":
                    await self._chat(await _body(receive), receive, send)
                case _:
                    raise RefusedError(404, "there is nothing here")
        except RefusedError as error:
            await _reply(send, error.status, {"error": {"message": str(error)}})

    async def _score(self, body: bytes) -> dict[str, Any]:
        text = _decoded(body, dict[str, str]).get("text", "")
        async with self._scoring:  # one at a time: two would only share the cores
            values = await asyncio.to_thread(self._loaded.surprise, text, self._settings.context)
        return {"surprise": values}

    async def _chat(self, body: bytes, receive: Any, send: Any) -> None:
        request: Request = _decoded(body, Request)
        writing = Writing(self._loaded.tokenizer, _stops(request.stop))
        job = self._job(request, writing, self._loop)
        watching = asyncio.create_task(_left(receive))
        self._engine.submit(job)
        try:
            if request.stream:
                await self._stream(request, job, writing, watching, send)
            else:
                await self._whole(request, job, writing, watching, send)
        finally:
            self._engine.cancel(job)
            watching.cancel()

    def _job(self, request: Request, writing: "Writing", loop: asyncio.AbstractEventLoop) -> Any:
        from gateway.whitebox.engine import Companion, Job
        from gateway.whitebox.sampling import REPEAT_PENALTY, Sampler, Sampling

        prompt = self._prompt(request.messages, request.tools)
        room = self._settings.context - len(prompt)
        if room < 1:
            raise RefusedError(
                400, f"the prompt has {len(prompt)} tokens, the context {self._settings.context}"
            )
        if request.repeat_penalty is not None and request.repeat_penalty <= 0:
            raise RefusedError(400, "repeat_penalty must be above 0")
        asked = request.max_completion_tokens or request.max_tokens
        sampling = Sampling(
            temperature=1.0 if request.temperature is None else request.temperature,
            top_p=1.0 if request.top_p is None else request.top_p,
            seed=request.seed,
            repeat_penalty=REPEAT_PENALTY if request.repeat_penalty is None else request.repeat_penalty,
        )

        def take(token: int | None, reason: str) -> None:
            with suppress(RuntimeError):  # the loop is closed, and nobody listens
                loop.call_soon_threadsafe(writing.take, token, reason)

        companion = None
        if (steering := request.steering) is not None:
            read = self._prompt(steering.messages, request.tools) if steering.messages else prompt
            companion = Companion(read, self._adapter(steering.adapter), _rule(steering))
            room = min(room, self._settings.context - len(read))
        return Job(
            prompt=prompt,
            adapter=self._adapter(request.model),
            sampler=Sampler(sampling),
            most=min(asked or room, room),
            take=take,
            companion=companion,
        )

    def _prompt(self, messages: list[dict[str, Any]], tools: list[Any] | None) -> list[int]:
        try:
            turns = [{**message, "content": message.get("content") or ""} for message in messages]
            return list(self._loaded.prompt(turns, tools))
        except Exception as error:  # templates raise whatever they like
            raise RefusedError(400, f"the model's chat template refuses the messages: {error}") from error

    def _adapter(self, name: str) -> str | None:
        if not name or name in self._settings.names:
            return None
        if name not in self._settings.adapters:
            raise RefusedError(404, f"there is no adapter {name!r}")
        return name

    async def _stream(
        self, request: Request, job: Any, writing: "Writing", watching: "asyncio.Task[None]", send: Any
    ) -> None:
        await send({"type": "http.response.start", "status": 200, "headers": _EVENTS})
        async for text in writing.pieces(watching):
            await _event(send, _chunk(request, {"content": text}))
        if watching.done():
            return
        last = _chunk(request, {}, writing.reason) | {"usage": _usage(job)}
        await _event(send, last)
        await send({"type": "http.response.body", "body": b"data: [DONE]\n\n"})

    async def _whole(
        self, request: Request, job: Any, writing: "Writing", watching: "asyncio.Task[None]", send: Any
    ) -> None:
        text = "".join([piece async for piece in writing.pieces(watching)])
        if watching.done():
            return
        choice = {
            "index": 0,
            "message": {"role": "assistant", "content": text},
            "finish_reason": writing.reason,
        }
        reply = {"object": "chat.completion", "model": request.model, "choices": [choice]}
        await _reply(send, 200, reply | {"created": int(time.time()), "usage": _usage(job)})


_EVENTS = [(b"content-type", b"text/event-stream")]


class Writing:
    """Tokens as they come, as text; what may be half a character or the beginning of a stop waits."""

    def __init__(self, tokenizer: Any, stops: tuple[str, ...]) -> None:
        self._tokenizer = tokenizer
        self._stops = stops
        self._ids: list[int] = []
        self._told = 0
        self._pieces: asyncio.Queue[str | None] = asyncio.Queue()
        self.reason = ""

    def take(self, token: int | None, reason: str) -> None:
        """The next token, or None and why there is no other."""
        if self.reason:
            return
        if token is not None:
            self._ids.append(token)
        text = self._tokenizer.decode(self._ids, skip_special_tokens=True)
        stopped = min((at for stop in self._stops if (at := text.find(stop)) >= 0), default=-1)
        if stopped >= 0:
            text, token, reason = text[:stopped], None, "stop"
        end = len(text) if token is None else self._safe_end(text)
        if end > self._told:
            self._pieces.put_nowait(text[self._told : end])
            self._told = end
        if token is None:
            self.reason = reason
            self._pieces.put_nowait(None)

    def _safe_end(self, text: str) -> int:
        if text.endswith("�"):
            return self._told
        for size in range(max(map(len, self._stops), default=1) - 1, 0, -1):
            if any(stop.startswith(text[-size:]) for stop in self._stops):
                return len(text) - size
        return len(text)

    async def pieces(self, watching: "asyncio.Task[None]") -> AsyncIterator[str]:
        """The text in pieces, until it is complete or the client has gone."""
        while True:
            getting = asyncio.ensure_future(self._pieces.get())
            await asyncio.wait({getting, watching}, return_when=asyncio.FIRST_COMPLETED)
            if not getting.done():
                getting.cancel()
                return
            piece = getting.result()
            if piece is None:
                return
            yield piece


def _rule(steering: Steering) -> Any:
    from gateway.whitebox.steering import Debias, SafeContrast

    kinds: dict[str, Any] = {"safe_contrast": SafeContrast, "debias": Debias}
    if steering.rule not in kinds:
        raise RefusedError(400, f"there is no rule of steering {steering.rule!r}; known: {', '.join(kinds)}")
    whole = {"tokens", "least"}
    numbers = {name: int(value) if name in whole else value for name, value in steering.numbers.items()}
    try:
        return kinds[steering.rule](**numbers)
    except TypeError as error:
        raise RefusedError(400, f"steering: {error}") from error


def _stops(stop: str | list[str] | None) -> tuple[str, ...]:
    stops = [stop] if isinstance(stop, str) else stop or []
    return tuple(one for one in stops if one)


def _usage(job: Any) -> dict[str, int]:
    return {
        "prompt_tokens": len(job.prompt),
        "completion_tokens": len(job.answer),
        "total_tokens": len(job.prompt) + len(job.answer),
    }


def _chunk(request: Request, delta: dict[str, str], reason: str | None = None) -> dict[str, Any]:
    choice = {"index": 0, "delta": delta, "finish_reason": reason}
    return {
        "object": "chat.completion.chunk",
        "created": int(time.time()),
        "model": request.model,
        "choices": [choice],
    }


def _decoded(body: bytes, kind: Any) -> Any:
    try:
        return msgspec.json.decode(body, type=kind)
    except msgspec.MsgspecError as error:
        raise RefusedError(400, str(error)) from error


async def _body(receive: Any) -> bytes:
    parts = []
    while True:
        message = await receive()
        if message["type"] == "http.disconnect":
            raise RefusedError(400, "the client has gone")
        parts.append(message.get("body", b""))
        if not message.get("more_body"):
            return b"".join(parts)


async def _left(receive: Any) -> None:
    """Ends when the client goes."""
    while (await receive())["type"] != "http.disconnect":
        pass


async def _event(send: Any, content: dict[str, Any]) -> None:
    body = b"data: " + msgspec.json.encode(content) + b"\n\n"
    await send({"type": "http.response.body", "body": body, "more_body": True})


async def _reply(send: Any, status: int, content: dict[str, Any]) -> None:
    body = msgspec.json.encode(content)
    headers = [(b"content-type", b"application/json"), (b"content-length", str(len(body)).encode())]
    with suppress(OSError):
        await send({"type": "http.response.start", "status": status, "headers": headers})
        await send({"type": "http.response.body", "body": body})


if __name__ == "__main__":
    main()
