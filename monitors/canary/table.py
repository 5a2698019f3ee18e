"""Table: the rollout table of the gateway, read and changed over ControlService."""

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import grpc

from gateway.errors import GatewayError, RolloutRefusedError, StaleRolloutError, UpstreamError
from gateway.record import MODE_TO_PROTO
from gateway.rollout import Row
from gateway.types import Mode
from gateway.v1 import control_pb2 as pb
from gateway.v1 import control_pb2_grpc

PATIENCE = 10.0
"""Seconds that the gateway may take to answer."""
_MODES: Mapping[int, Mode] = {number: mode for mode, number in MODE_TO_PROTO.items()}


@dataclass(frozen=True, slots=True)
class InForce:
    """The table as it is. rows: without leases; holders: of those that have one; offered: records so far."""

    version: int
    rows: Mapping[str, Row]
    holders: Mapping[str, str]
    killed: frozenset[str]
    offered: int
    grace: float


class Table(Protocol):
    """What a controller needs of it. Errors: RolloutRefusedError, StaleRolloutError, UpstreamError."""

    async def read(self) -> InForce:
        """The table now."""
        ...

    async def apply(
        self, expected: int, defense: str, row: Row, lease: float, holder: str, reason: str, redraw: bool
    ) -> int:
        """Change one row of the version `expected`, with a lease of so many seconds; the new version."""
        ...

    async def renew(self, holder: str, seconds: float) -> None:
        """Move the ends of the leases of `holder`."""
        ...


class ControlTable:
    """Over the control socket; the gateway may come and go."""

    def __init__(self, channel: grpc.aio.Channel, token: str) -> None:
        self._stub: Any = control_pb2_grpc.ControlServiceStub(channel)  # type: ignore[no-untyped-call]
        self._metadata = (("authorization", f"Bearer {token}"),)

    async def read(self) -> InForce:
        status = await self._ask(self._stub.GetStatus, pb.GetStatusRequest())
        rows = {
            one.defense: Row(_MODES[one.mode], one.salt, one.weight, one.holdback, one.epoch)
            for one in status.defenses
        }
        holders = {one.defense: one.lease.holder for one in status.defenses if one.HasField("lease")}
        killed = frozenset(one.defense for one in status.defenses if one.killed)
        return InForce(
            status.rollout_version, rows, holders, killed, status.tap.offered, status.lease_grace_seconds
        )

    async def apply(
        self, expected: int, defense: str, row: Row, lease: float, holder: str, reason: str, redraw: bool
    ) -> int:
        request = pb.ApplyRolloutRequest(
            expected_version=expected,
            rows=[
                pb.RolloutRow(
                    defense=defense,
                    mode=MODE_TO_PROTO[row.mode],
                    weight=row.weight,
                    holdback=row.holdback,
                    epoch=row.epoch,
                )
            ],
            lease=pb.Lease(holder=holder, seconds=lease) if lease else None,
            actor=holder,
            reason=reason,
            redraw=redraw,
        )
        answer = await self._ask(self._stub.ApplyRollout, request)
        return int(answer.rollout_version)

    async def renew(self, holder: str, seconds: float) -> None:
        await self._ask(self._stub.RenewLease, pb.RenewLeaseRequest(holder=holder, seconds=seconds))

    async def _ask(self, call: Any, request: Any) -> Any:
        try:
            return await call(request, metadata=self._metadata, timeout=PATIENCE)
        except grpc.aio.AioRpcError as error:
            raise _translated(error) from error


@asynccontextmanager
async def control_table(socket: Path, token: str) -> AsyncIterator[ControlTable]:
    """The table behind a control socket."""
    options = [("grpc.max_reconnect_backoff_ms", 2000)]
    async with grpc.aio.insecure_channel(f"unix:{socket}", options=options) as channel:
        yield ControlTable(channel, token)


def _translated(error: grpc.aio.AioRpcError) -> GatewayError:
    code, told = error.code(), error.details() or ""
    if code is grpc.StatusCode.ABORTED:
        return StaleRolloutError(told)
    if code in (grpc.StatusCode.FAILED_PRECONDITION, grpc.StatusCode.INVALID_ARGUMENT):
        return RolloutRefusedError(told)
    return UpstreamError(f"the gateway answers {code.name}: {told}")
