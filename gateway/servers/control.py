"""ControlService on a Unix socket: status and the kill switch, behind a bearer token."""

import hmac
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, TypeAlias

import grpc

from gateway.engine import Engine
from gateway.errors import InvalidRequestError
from gateway.metrics import product_version
from gateway.paths import claim_socket
from gateway.record import MODE_TO_PROTO
from gateway.servers.grpc import bind
from gateway.v1 import control_pb2 as pb
from gateway.v1 import control_pb2_grpc
from gateway.wire import RISK_TO_PROTO

_Context: TypeAlias = "grpc.aio.ServicerContext[Any, Any]"


class ControlServicer(control_pb2_grpc.ControlServiceServicer):
    """Every call is checked for the token before it is looked at."""

    def __init__(self, engine: Engine, token: str) -> None:
        self._engine = engine
        self._expected = f"Bearer {token}".encode()

    async def GetStatus(self, request: pb.GetStatusRequest, context: _Context) -> pb.GetStatusResponse:  # noqa: N802
        """What is configured, what is on, how much is going on."""
        await self._authenticate(context)
        engine, rollout = self._engine, self._engine.rollout
        defenses = [
            pb.DefenseStatus(
                defense=layer.name,
                risk=RISK_TO_PROTO[layer.risk],
                mode=MODE_TO_PROTO[layer.mode],
                weight=layer.weight,
                killed=layer.name in rollout.killed,
            )
            for layer in engine.layers
        ]
        tap = engine.tap
        tap_status = (
            pb.TapStatus(connected=tap.connected, offered=tap.offered, dropped=tap.dropped) if tap else None
        )
        return pb.GetStatusResponse(
            version=product_version(),
            epoch=rollout.epoch,
            defenses=defenses,
            models=engine.models,
            tap=tap_status,
            active=engine.active,
        )

    async def SetKillSwitch(  # noqa: N802
        self, request: pb.SetKillSwitchRequest, context: _Context
    ) -> pb.SetKillSwitchResponse:
        """Holds from the next exchange on."""
        await self._authenticate(context)
        try:
            epoch = self._engine.set_kill_switch(request.defense, request.killed, request.reason)
        except InvalidRequestError as error:
            refusal = str(error)
        else:
            return pb.SetKillSwitchResponse(epoch=epoch)
        await context.abort(grpc.StatusCode.INVALID_ARGUMENT, refusal)
        raise AssertionError("abort always raises")

    async def _authenticate(self, context: _Context) -> None:
        given = dict(context.invocation_metadata() or ()).get("authorization", "")
        given_bytes = given if isinstance(given, bytes) else str(given).encode()
        if not hmac.compare_digest(given_bytes, self._expected):
            await context.abort(
                grpc.StatusCode.UNAUTHENTICATED, "send metadata `authorization: Bearer <token>`"
            )


@asynccontextmanager
async def control_server(engine: Engine, socket: Path, token: str) -> AsyncIterator[None]:
    """Serve on `socket` (mode 0600) for as long as the context lasts."""
    claim_socket(socket)
    server = grpc.aio.server()
    control_pb2_grpc.add_ControlServiceServicer_to_server(ControlServicer(engine, token), server)  # type: ignore[no-untyped-call]
    bind(server, f"unix:{socket}", "run")
    socket.chmod(0o600)
    await server.start()
    try:
        yield
    finally:
        await server.stop(1)
        socket.unlink(missing_ok=True)
