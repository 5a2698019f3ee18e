"""Brings the console's two sides together: the gateway, and the monitors, asked over their socket."""

import asyncio
import contextlib
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

import grpc

from gateway.commands.effect_words import flag_of, is_known, is_live, needed_for, question_of, told_of
from gateway.console.board import (
    Change,
    Counted,
    Detector,
    Effect,
    Explained,
    Flag,
    Matrix,
    Prospect,
    Source,
    Span,
    Stratum,
)
from gateway.console.hub import TIMELINE, Hub
from gateway.engine import Engine
from gateway.errors import InvalidRequestError, UpstreamError
from gateway.paths import control_token
from gateway.servers.state import state
from gateway.wire import RISK_FROM_PROTO
from monitors.effects_server import EFFECTS_SOCKET
from monitors.v1 import effects_pb2 as pb
from monitors.v1.effects_pb2_grpc import EffectsServiceStub

if TYPE_CHECKING:
    from gateway.commands.gateway import Worker
PATIENCE = 10.0
"""Seconds that the monitors may take to answer."""
_UNKNOWN = Span(None, 0.0, float("inf"))


@asynccontextmanager
async def console(engine: Engine, folder: Path, worker: "Worker | None") -> AsyncIterator[Hub]:
    """A hub that looks for as long as the context lasts; the first of several workers keeps the timeline."""
    file = folder / TIMELINE if worker is None or worker.index == 0 else None
    process = f", worker {worker.index}" if worker is not None else ""
    async with effects_source(folder) as source:
        hub = Hub(lambda: state(engine), source, file, process)
        looking = asyncio.create_task(hub.run())
        try:
            yield hub
        finally:
            looking.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await looking


@asynccontextmanager
async def effects_source(folder: Path) -> AsyncIterator[Source]:
    """Who asks the monitors that keep their socket in `folder`; they may come and go."""
    options = [("grpc.max_reconnect_backoff_ms", 2000), ("grpc.max_receive_message_length", -1)]
    async with grpc.aio.insecure_channel(f"unix:{folder / EFFECTS_SOCKET}", options=options) as channel:
        yield _Monitors(EffectsServiceStub(channel), control_token(folder))  # type: ignore[no-untyped-call]


class _Monitors:
    """The monitors' EffectsService as a source."""

    def __init__(self, stub: Any, token: str) -> None:
        self._stub = stub
        self._metadata = (("authorization", f"Bearer {token}"),)

    async def matrix(self) -> Matrix:
        answer = await self._asked(self._stub.GetEffects, pb.GetEffectsRequest())
        return matrix_of(answer.matrix)

    async def explain(self, defense: str, measure: str) -> Explained:
        request = pb.ExplainEffectRequest(defense=defense, measure=measure)
        return explained_of(await self._asked(self._stub.ExplainEffect, request))

    async def _asked(self, method: Any, request: Any) -> Any:
        try:
            return await method(request, metadata=self._metadata, timeout=PATIENCE)
        except grpc.aio.AioRpcError as error:
            if error.code() is grpc.StatusCode.INVALID_ARGUMENT:
                raise InvalidRequestError(str(error.details())) from error
            raise UpstreamError(f"the monitors do not answer ({error.code().name.lower()})") from error


def matrix_of(told: pb.Matrix) -> Matrix:
    """What the monitors tell, as the console shows it."""
    return Matrix(
        effects=tuple(map(_effect, told.effects)),
        changes=tuple(map(_change, told.alarms)),
        detectors=tuple(map(_detector, told.statistics)),
        at=told.at.ToNanoseconds() / 1e9,
        alpha=told.alpha,
        tolerance=told.tolerance,
        folded=told.folded,
        seconds=told.seconds,
        last_fold=told.last_fold.ToNanoseconds() / 1e9 if told.HasField("last_fold") else None,
    )


def explained_of(told: pb.ExplainEffectResponse) -> Explained:
    """One effect in full, as the console shows it."""
    return Explained(
        effect=_effect(told.effect),
        strata=tuple(
            Stratum(one.stratum, one.weight, _counted(one.treatment), _counted(one.control))
            for one in told.strata
        ),
        prospects=tuple(Prospect(question_of(one), needed_for(one), one.settled) for one in told.prospects),
    )


def _effect(one: pb.Effect) -> Effect:
    live = is_live(one)
    ratio, points = (one.ratio, one.difference) if live else (one.replayed_ratio, one.replayed_difference)
    return Effect(
        defense=one.defense,
        risk=RISK_FROM_PROTO.get(one.risk, "utility"),
        measure=one.measure,
        flag=cast("Flag", flag_of(one)),
        told="live" if live else "replays" if one.replayed_pairs else "nothing",
        known=is_known(one),
        ratio=_span(ratio),
        points=_span(points),
        treatment=_counted(one.treatment),
        control=_counted(one.control),
        pairs=one.replayed_pairs,
        evidence={"harm": one.log_harm, "help": one.log_help, "no worse": one.log_noninferior},
    )


def _span(one: pb.Interval) -> Span:
    if not one.HasField("estimate"):
        return _UNKNOWN if not (one.lower or one.upper) else Span(None, one.lower, one.upper)
    return Span(one.estimate, one.lower, one.upper)


def _counted(one: pb.Arm) -> Counted:
    return Counted(one.scored, one.units, one.violations)


def _change(one: pb.Alarm) -> Change:
    return Change(
        key=f"{one.defense}/{one.measure}",
        words=told_of(one),
        since=one.since.ToNanoseconds() / 1e9,
        at=one.at.ToNanoseconds() / 1e9,
        statistic=one.statistic,
        threshold=one.threshold,
        moved=tuple(moved.stratum for moved in one.moved),
    )


def _detector(one: pb.Statistic) -> Detector:
    what = " of ".join(part for part in (one.measure, one.defense) if part) or "mix of traffic"
    return Detector(what, one.kind, one.method, one.direction, one.value, one.threshold)
