"""ControlService on a Unix socket: status, rollout table, leases and kill switch, behind a bearer token."""

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, TypeAlias, TypeVar

import grpc

from gateway.engine import Engine
from gateway.errors import GatewayError, InvalidRequestError
from gateway.paths import claim_socket
from gateway.record import MODE_TO_PROTO
from gateway.replays import Replays
from gateway.rollout import Change, Row
from gateway.servers.grpc import bind
from gateway.servers.replay import ReplayServicer
from gateway.servers.state import state
from gateway.servers.status import log_failure, public_message, status_of
from gateway.servers.token import Token
from gateway.types import Mode
from gateway.v1 import control_pb2 as pb
from gateway.v1 import control_pb2_grpc, replay_pb2_grpc

MAX_RECORD_BYTES = 16 * 1024 * 1024
"""Largest record that comes back to be replayed."""
_Context: TypeAlias = "grpc.aio.ServicerContext[Any, Any]"
_Request = TypeVar("_Request")
_Response = TypeVar("_Response")

PROTO_TO_MODE: dict[int, Mode] = {number: mode for mode, number in MODE_TO_PROTO.items()}


class ControlServicer(control_pb2_grpc.ControlServiceServicer):
    """Every call is checked for the token before it is looked at."""

    def __init__(self, engine: Engine, token: Token) -> None:
        self._engine = engine
        self._switchboard = engine.switchboard
        self._token = token

    async def GetStatus(self, request: pb.GetStatusRequest, context: _Context) -> pb.GetStatusResponse:  # noqa: N802
        """What is configured, what is on, how much is going on."""
        return await self._answer(self._status, request, context)

    async def SetKillSwitch(  # noqa: N802
        self, request: pb.SetKillSwitchRequest, context: _Context
    ) -> pb.SetKillSwitchResponse:
        """Holds from the next exchange on."""
        return await self._answer(self._switch, request, context)

    async def ApplyRollout(  # noqa: N802
        self, request: pb.ApplyRolloutRequest, context: _Context
    ) -> pb.ApplyRolloutResponse:
        """All rows or none, and only over the version that the caller has seen."""
        return await self._answer(self._apply, request, context)

    async def RenewLease(  # noqa: N802
        self, request: pb.RenewLeaseRequest, context: _Context
    ) -> pb.RenewLeaseResponse:
        """Moves the ends of all leases of one holder."""
        return await self._answer(self._renew, request, context)

    async def _status(self, request: pb.GetStatusRequest) -> pb.GetStatusResponse:
        return state(self._engine)

    async def _switch(self, request: pb.SetKillSwitchRequest) -> pb.SetKillSwitchResponse:
        actor = request.actor or "unnamed"
        after = await self._switchboard.switch(request.defense, request.killed, actor, request.reason)
        return pb.SetKillSwitchResponse(rollout_version=after.version)

    async def _apply(self, request: pb.ApplyRolloutRequest) -> pb.ApplyRolloutResponse:
        leased = request.HasField("lease")
        if leased and not request.lease.seconds:
            raise InvalidRequestError("lease.seconds: must be above 0", "lease.seconds")
        change = Change(
            expected=request.expected_version,
            actor=request.actor,
            reason=request.reason,
            rows=[(row.defense, _row(number, row)) for number, row in enumerate(request.rows)],
            reset=list(request.reset),
            holder=request.lease.holder if leased else "",
            seconds=request.lease.seconds if leased else 0.0,
            redraw=request.redraw,
        )
        after = await self._switchboard.apply(change)
        return pb.ApplyRolloutResponse(rollout_version=after.version)

    async def _renew(self, request: pb.RenewLeaseRequest) -> pb.RenewLeaseResponse:
        renewal = await self._switchboard.renew(request.holder, request.seconds)
        return pb.RenewLeaseResponse(defenses=renewal.defenses, rollout_version=renewal.rollout.version)

    async def _answer(
        self, handler: Callable[[_Request], Awaitable[_Response]], request: _Request, context: _Context
    ) -> _Response:
        await self._token.check(context)
        try:
            return await handler(request)
        except Exception as error:
            if not isinstance(error, GatewayError):
                log_failure(error)
            failure = status_of(error).grpc, public_message(error)
        await context.abort(*failure)
        raise AssertionError("abort always raises")


def _row(number: int, row: pb.RolloutRow) -> Row:
    mode = PROTO_TO_MODE.get(row.mode)
    if mode is None:
        raise InvalidRequestError(
            f"rows[{number}].mode: must be one of {', '.join(PROTO_TO_MODE.values())}", f"rows[{number}].mode"
        )
    return Row(mode, row.salt, row.weight, row.holdback, row.epoch)


@asynccontextmanager
async def control_server(
    engine: Engine, socket: Path, token: str, replays: Replays | None = None
) -> AsyncIterator[None]:
    """Serve on `socket` (mode 0600) for as long as the context lasts."""
    claim_socket(socket)
    server = grpc.aio.server(options=[("grpc.max_receive_message_length", MAX_RECORD_BYTES)])
    checked = Token(token)
    control_pb2_grpc.add_ControlServiceServicer_to_server(ControlServicer(engine, checked), server)  # type: ignore[no-untyped-call]
    if replays is not None:
        replay_pb2_grpc.add_ReplayServiceServicer_to_server(ReplayServicer(replays, checked), server)  # type: ignore[no-untyped-call]
    bind(server, f"unix:{socket}", "run")
    socket.chmod(0o600)
    await server.start()
    try:
        yield
    finally:
        await server.stop(1)
        socket.unlink(missing_ok=True)
