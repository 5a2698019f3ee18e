"""EffectsService on a Unix socket: the matrix of effects, where it comes from, and what it still needs."""

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, TypeAlias

import grpc

from gateway.errors import InvalidRequestError
from gateway.paths import claim_socket
from gateway.servers.grpc import bind
from gateway.servers.status import public_message, status_of
from gateway.servers.token import Token
from gateway.wire import RISK_TO_PROTO
from monitors.canary.controller import Controller
from monitors.canary.service import CanaryServicer
from monitors.correcting import Correction
from monitors.effects import cell as cells
from monitors.effects.cell import Cell
from monitors.effects.drift import Alarm, Statistic
from monitors.effects.interval import Interval, threshold
from monitors.effects.joint import Interaction, Sides
from monitors.effects.ledger import Column, Counts
from monitors.effects.prospect import violations_needed
from monitors.evidence import Evidence
from monitors.v1 import canary_pb2_grpc, effects_pb2_grpc
from monitors.v1 import effects_pb2 as pb

EFFECTS_SOCKET = "effects.sock"
SECONDS = 5.0
"""Between two matrices of a watch, unless the client says otherwise."""
LEAST_SECONDS = 0.5
FARTHEST = 100.0
"""The largest ratio that is planned with; one arm without violations has an infinite one."""
_Context: TypeAlias = "grpc.aio.ServicerContext[Any, Any]"


class EffectsServicer(effects_pb2_grpc.EffectsServiceServicer):
    """Every call is checked for the token before it is looked at."""

    def __init__(self, evidence: Evidence, token: Token) -> None:
        self._evidence = evidence
        self._token = token

    async def GetEffects(  # noqa: N802
        self, request: pb.GetEffectsRequest, context: _Context
    ) -> pb.GetEffectsResponse:
        """The matrix now."""
        await self._token.check(context)
        return pb.GetEffectsResponse(matrix=self._matrix())

    async def WatchEffects(  # noqa: N802
        self, request: pb.WatchEffectsRequest, context: _Context
    ) -> AsyncIterator[pb.WatchEffectsResponse]:
        """The matrix now, and again whenever something was folded."""
        await self._token.check(context)
        pause, folded = max(request.seconds or SECONDS, LEAST_SECONDS), -1
        while True:
            if folded != self._evidence.folded:
                folded = self._evidence.folded
                yield pb.WatchEffectsResponse(matrix=self._matrix())
            await asyncio.sleep(pause)

    async def ExplainEffect(  # noqa: N802
        self, request: pb.ExplainEffectRequest, context: _Context
    ) -> pb.ExplainEffectResponse:
        """Strata of one effect, and what would settle it."""
        await self._token.check(context)
        try:
            return self._explained(request.defense, request.measure)
        except InvalidRequestError as error:
            failure = status_of(error).grpc, public_message(error)
        await context.abort(*failure)
        raise AssertionError("abort always raises")

    def _matrix(self) -> pb.Matrix:
        evidence = self._evidence
        matrix = pb.Matrix(
            effects=[self._effect(cell) for cell in evidence.matrix()],
            alarms=[_alarm(alarm) for alarm in evidence.drift.alarms],
            alpha=evidence.effects.settings.alpha,
            tolerance=evidence.effects.settings.tolerance,
            folded=evidence.folded,
            seconds=time.time() - evidence.began,
            statistics=[_statistic(one) for one in evidence.statistics()],
        )
        matrix.interactions.extend(map(self._interaction, evidence.interactions()))
        matrix.asymmetries.extend(map(_asymmetry, evidence.asymmetries()))
        if evidence.last is not None:
            matrix.last_fold.FromNanoseconds(int(evidence.last * 1e9))
        matrix.at.GetCurrentTime()
        return matrix

    def _effect(self, cell: Cell) -> pb.Effect:
        return pb.Effect(
            defense=cell.defense,
            risk=RISK_TO_PROTO[self._evidence.measures[cell.measure].risk],
            measure=cell.measure,
            treatment=_arm(cell.treatment),
            control=_arm(cell.control),
            replayed_pairs=cell.pairs,
            ratio=_interval(cell.ratio),
            difference=_interval(cell.difference),
            score_difference=_interval(cell.score),
            replayed_ratio=_interval(cell.replayed_ratio),
            replayed_difference=_interval(cell.replayed_difference),
            log_harm=cell.log_harm,
            log_harm_ever=cell.log_harm_ever,
            log_help=cell.log_help,
            log_noninferior=cell.log_noninferior,
            log_mismatch=cell.log_mismatch,
            valid=cell.valid,
            decided=cell.decided,
            shown=cell.shown,
        )

    def _interaction(self, one: Interaction) -> pb.Interaction:
        kept = one.retention
        return pb.Interaction(
            first=one.defenses[0],
            second=one.defenses[1],
            risk=RISK_TO_PROTO[self._evidence.measures[one.measure].risk],
            measure=one.measure,
            units=one.units,
            ratio=_interval(one.ratio),
            difference=_interval(one.difference),
            log_evidence=one.log_evidence,
            alone=_interval(kept.alone) if kept else None,
            joined=_interval(kept.joined) if kept else None,
            log_lost=kept.log_lost if kept else 0.0,
            retained=_interval(kept.retained) if kept else None,
            replayed=_interval(one.replayed),
            sure=one.sure(self._evidence.effects.settings.alpha),
        )

    def _explained(self, defense: str, measure: str) -> pb.ExplainEffectResponse:
        found = [cell for cell in self._evidence.matrix() if cell.defense == defense]
        if not found:
            known = sorted({cell.defense for cell in self._evidence.matrix()})
            raise InvalidRequestError(
                f"nothing is known of a defense {defense!r}; known: {', '.join(known) or 'none yet'}",
                "defense",
            )
        cell = next((one for one in found if one.measure == measure), None)
        if cell is None:
            known = sorted(one.measure for one in found)
            raise InvalidRequestError(
                f"nothing is known of {measure!r} under {defense}; known: {', '.join(known)}", "measure"
            )
        return pb.ExplainEffectResponse(
            effect=self._effect(cell),
            strata=self._strata(defense, measure),
            prospects=self._prospects(cell),
            correction=_correction(self._evidence.corrected(cell)),
        )

    def _strata(self, defense: str, measure: str) -> list[pb.Stratum]:
        ledger = self._evidence.effects.ledger
        place = ledger.measures.index(measure)
        return [
            stratum
            for name in ledger.strata((defense,))
            for stratum in _stratum(name, ledger.counts((defense,), name), place)
        ]

    def _prospects(self, cell: Cell) -> list[pb.Prospect]:
        settings = self._evidence.effects.settings
        weight, estimate = _weight(cell), _ratio(cell)
        asked = (
            ("harm", settings.tolerance, cell.log_harm_ever, cell.decided),
            ("noninferior", settings.margin_of(cell.measure), cell.log_noninferior, False),
        )
        return [self._prospect(cell, weight, estimate, *one) for one in asked]

    def _prospect(
        self,
        cell: Cell,
        weight: float | None,
        ratio: float,
        question: str,
        null: float,
        log: float,
        sure: bool,
    ) -> pb.Prospect:
        alpha = self._evidence.effects.settings.alpha
        prospect = pb.Prospect(question=question, settled=sure or log >= threshold(alpha))
        wrong_side = ratio <= null if question == "harm" else ratio >= null
        if prospect.settled or wrong_side or weight is None:
            return prospect
        needed = violations_needed(weight, ratio, null, log, alpha)
        if needed is None:
            return prospect
        prospect.violations = needed
        seen = cell.treatment.violations + cell.control.violations
        scored = cell.treatment.scored + cell.control.scored
        if seen:
            prospect.exchanges = needed * scored / seen
            elapsed = time.time() - self._evidence.began
            if self._evidence.folded and elapsed > 0:
                # What was folded before a restart came at another time, so only the rate of late counts.
                prospect.seconds = prospect.exchanges * elapsed / self._evidence.folded
        return prospect


def _asymmetry(sides: Sides) -> pb.Asymmetry:
    told = sides.asymmetry
    return pb.Asymmetry(
        first=RISK_TO_PROTO[sides.first],
        second=RISK_TO_PROTO[sides.second],
        first_on_second=_interval(told.first_on_second),
        second_on_first=_interval(told.second_on_first),
        difference=_interval(told.difference),
        effects=told.cells,
        missing=told.missing,
    )


def _ratio(cell: Cell) -> float:
    """What the ratio seems to be, live before replayed, bounded to what one can plan with; 1 if unknown."""
    told = [cell.ratio.estimate, cell.replayed_ratio.estimate if cell.replayed_ratio else None]
    known = next((one for one in told if one is not None), 1.0)
    return min(max(known, 1 / FARTHEST), FARTHEST)


def _correction(told: Correction | None) -> pb.Correction | None:
    if told is None:
        return None
    return pb.Correction(
        ratio=_interval(told.ratio.value),
        difference=_interval(told.difference.value),
        refused=told.ratio.refused,
        source=told.source,
        by_arm=told.by_arm,
    )


def _weight(cell: Cell) -> float | None:
    """The share of units with the defense; a half for pairs, of which each has one of both."""
    units = cell.treatment.units + cell.control.units
    if cell.treatment.units and cell.control.units:
        return cell.treatment.units / units
    return 0.5 if cell.pairs else None


def _interval(interval: Interval | None) -> pb.Interval | None:
    if interval is None:
        return None
    return pb.Interval(estimate=interval.estimate, lower=interval.lower, upper=interval.upper)


def _arm(arm: cells.Arm) -> pb.Arm:
    return pb.Arm(scored=arm.scored, units=arm.units, violations=arm.violations)


def _stratum(name: str, counts: Counts, place: int) -> list[pb.Stratum]:
    columns = (Column.SCORED, Column.UNITS, Column.UNIT_VIOLATIONS)
    arms = [[counts.column(column, arm)[place] for column in columns] for arm in (1, 0)]
    return [
        pb.Stratum(
            stratum=name,
            weight=float(weight),
            treatment=pb.Arm(**_counted(arms[0], step)),
            control=pb.Arm(**_counted(arms[1], step)),
        )
        for step, weight in enumerate(counts.weights[:, 0])
    ]


def _counted(columns: list[Any], step: int) -> dict[str, int]:
    names = ("scored", "units", "violations")
    return {name: int(column[step]) for name, column in zip(names, columns, strict=True)}


def _statistic(one: Statistic) -> pb.Statistic:
    return pb.Statistic(
        kind=one.kind,
        measure=one.measure,
        defense=one.defense,
        method=one.method,
        direction=one.direction,
        value=one.value,
        threshold=one.threshold,
    )


def _alarm(alarm: Alarm) -> pb.Alarm:
    found = alarm.found
    told = pb.Alarm(
        kind=alarm.kind,
        measure=alarm.measure,
        defense=alarm.defense,
        method=found.method,
        direction=found.direction,
        statistic=found.statistic,
        threshold=found.threshold,
        moved=[
            pb.Moved(stratum=one.stratum, observed=one.observed, expected=one.expected) for one in found.moved
        ],
    )
    told.since.FromNanoseconds(int(found.since * 1e9))
    told.at.FromNanoseconds(int(alarm.at * 1e9))
    return told


@asynccontextmanager
async def effects_server(
    evidence: Evidence, socket: Path, token: str, controller: Controller | None = None
) -> AsyncIterator[None]:
    """Serve on `socket` (mode 0600) for as long as the context lasts; CanaryService where there is one."""
    claim_socket(socket)
    server, checked = grpc.aio.server(), Token(token)
    effects_pb2_grpc.add_EffectsServiceServicer_to_server(EffectsServicer(evidence, checked), server)  # type: ignore[no-untyped-call]
    if controller is not None:
        canaries = CanaryServicer(controller, checked)
        canary_pb2_grpc.add_CanaryServiceServicer_to_server(canaries, server)  # type: ignore[no-untyped-call]
    bind(server, f"unix:{socket}", "run")
    socket.chmod(0o600)
    await server.start()
    try:
        yield
    finally:
        await server.stop(1)
        socket.unlink(missing_ok=True)
