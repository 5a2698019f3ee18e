"""The console over HTTP: a page with its style and its script, events, one effect in full; read-only."""

import asyncio
import contextlib
import ipaddress
from collections.abc import AsyncGenerator, Callable, Iterable
from contextlib import aclosing
from importlib.resources import files
from typing import Any

from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route
from starlette.types import Receive, Scope, Send

from gateway.console.hub import Hub
from gateway.errors import GatewayError, OverloadedError
from gateway.servers.http import Endpoint, until_gone

STALLED = 30.0
"""Seconds after which a viewer that takes nothing is let go."""
PATH = "/console"
_POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; img-src 'self'; "
    "base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)
HEADERS = {
    "content-security-policy": _POLICY,
    "x-content-type-options": "nosniff",
    "referrer-policy": "no-referrer",
    "cross-origin-resource-policy": "same-origin",
    "cross-origin-opener-policy": "same-origin",
    "cache-control": "no-store",
}
_EVENTS = {**HEADERS, "content-type": "text/event-stream; charset=utf-8", "x-accel-buffering": "no"}
_FILES = {
    "page.html": "text/html",
    "console.css": "text/css",
    "console.js": "text/javascript",
    "icon.svg": "image/svg+xml",
}


def console_routes(hub: Hub, console: bool | Iterable[str] = True) -> list[Route]:
    """The routes; `console` may list hosts by which it may be called besides addresses and localhost."""
    names = () if isinstance(console, bool) else console
    guard = _Guard(frozenset(name.lower() for name in names))
    assets = [
        Route(_path(name), _asset(guard, files("gateway.console").joinpath(name).read_text("utf-8"), kind))
        for name, kind in _FILES.items()
    ]
    effect = Route(f"{PATH}/effect", _effect(guard, hub))
    return [*assets, effect, Route(f"{PATH}/events", Endpoint(_Events(guard, hub)), methods=["GET"])]


def _path(name: str) -> str:
    return PATH if name == "page.html" else f"{PATH}/{name}"


class _Guard:
    """Refuses what a page of somebody else's could make a browser send.

    A name that was pointed at this address (DNS rebinding) shows in the host that is asked for; a request
    that another site made shows in `sec-fetch-site`.
    """

    def __init__(self, names: frozenset[str]) -> None:
        self._names = names

    def refusal(self, request: Request) -> Response | None:
        """What to answer instead; None where all is well."""
        host = request.url.hostname or ""
        if not (host == "localhost" or host in self._names or _is_address(host)):
            told = "the console is not called by this name; list it under `gateway: console:`"
            return PlainTextResponse(told, 421, HEADERS)
        if request.headers.get("sec-fetch-site") == "cross-site" and request.url.path != PATH:
            return PlainTextResponse("asked by another site", 403, HEADERS)
        return None


def _is_address(host: str) -> bool:
    with contextlib.suppress(ValueError):
        return bool(ipaddress.ip_address(host.strip("[]")))
    return False


def _asset(guard: _Guard, text: str, kind: str) -> Callable[[Request], Any]:
    async def asset(request: Request) -> Response:
        return guard.refusal(request) or Response(text, media_type=kind, headers=HEADERS)

    return asset


def _effect(guard: _Guard, hub: Hub) -> Callable[[Request], Any]:
    async def effect(request: Request) -> Response:
        if (refusal := guard.refusal(request)) is not None:
            return refusal
        try:
            told = await hub.explain(request.query_params.get("key", ""))
        except KeyError:
            return PlainTextResponse("there is no such effect", 404, HEADERS)
        except GatewayError:
            return PlainTextResponse("the monitors do not answer", 503, HEADERS)
        return Response(told, media_type="text/html", headers=HEADERS)

    return effect


class _Events:
    """The stream of one viewer, ended when it leaves, stalls, or the gateway stops."""

    def __init__(self, guard: _Guard, hub: Hub) -> None:
        self._guard = guard
        self._hub = hub

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if (refusal := self._guard.refusal(Request(scope))) is not None:
            await refusal(scope, receive, send)
            return
        await until_gone(receive, self._stream(scope, receive, send))

    async def _stream(self, scope: Scope, receive: Receive, send: Send) -> None:
        async with aclosing(self._hub.events()) as events:
            try:
                first = await anext(events, b"")
            except OverloadedError as error:
                response = PlainTextResponse(str(error), 503, {**HEADERS, "retry-after": "10"})
                await response(scope, receive, send)
                return
            headers = [(name.encode(), value.encode()) for name, value in _EVENTS.items()]
            await send({"type": "http.response.start", "status": 200, "headers": headers})
            with contextlib.suppress(TimeoutError):
                await _sent(send, b"retry: 2000\n\n" + first)
                await _rest(send, events)
                await send({"type": "http.response.body", "body": b"", "more_body": False})


async def _rest(send: Send, events: AsyncGenerator[bytes, None]) -> None:
    async for event in events:
        await _sent(send, event)


async def _sent(send: Send, data: bytes) -> None:
    """Send, waiting as long as a viewer may take; raises TimeoutError."""
    async with asyncio.timeout(STALLED):
        await send({"type": "http.response.body", "body": data, "more_body": True})
