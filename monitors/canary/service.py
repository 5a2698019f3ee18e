"""CanaryService: tells how each canary stands, and takes orders."""

from collections.abc import Awaitable, Callable
from typing import Any, TypeAlias, TypeVar

import grpc

from gateway.errors import GatewayError, InvalidRequestError
from gateway.rollout import check_words
from gateway.servers.status import log_failure, public_message, status_of
from gateway.servers.token import Token
from gateway.wire import RISK_TO_PROTO
from monitors.canary.controller import Controller
from monitors.canary.course import Course
from monitors.canary.orders import ACTIONS, Action
from monitors.canary.prospect import prospect
from monitors.canary.state import State
from monitors.canary.store import Logged
from monitors.v1 import canary_pb2 as pb
from monitors.v1 import canary_pb2_grpc

_Context: TypeAlias = "grpc.aio.ServicerContext[Any, Any]"
_Request = TypeVar("_Request")
_Response = TypeVar("_Response")
_ACTIONS: dict[int, Action] = {
    pb.CanaryAction.Value(f"CANARY_ACTION_{action.upper()}"): action for action in ACTIONS
}


class CanaryServicer(canary_pb2_grpc.CanaryServiceServicer):
    """Every call is checked for the token before it is looked at."""

    def __init__(self, controller: Controller, token: Token) -> None:
        self._controller = controller
        self._token = token

    async def GetCanaries(  # noqa: N802
        self, request: pb.GetCanariesRequest, context: _Context
    ) -> pb.GetCanariesResponse:
        """All of them as they stand."""
        return await self._answer(self._canaries, request, context)

    async def SteerCanary(  # noqa: N802
        self, request: pb.SteerCanaryRequest, context: _Context
    ) -> pb.SteerCanaryResponse:
        """Have something done."""
        return await self._answer(self._steer, request, context)

    async def GetCanaryHistory(  # noqa: N802
        self, request: pb.GetCanaryHistoryRequest, context: _Context
    ) -> pb.GetCanaryHistoryResponse:
        """What was decided, and on what."""
        return await self._answer(self._history, request, context)

    async def _canaries(self, request: pb.GetCanariesRequest) -> pb.GetCanariesResponse:
        controller = self._controller
        return pb.GetCanariesResponse(
            canaries=[_canary(run, controller.now()) for run in controller.courses.values()],
            leading=controller.leading,
            leader="" if controller.leading else controller.leader(),
            problem=controller.problem,
        )

    async def _steer(self, request: pb.SteerCanaryRequest) -> pb.SteerCanaryResponse:
        action = _ACTIONS.get(request.action)
        if action is None:
            raise InvalidRequestError(f"action: must be one of {', '.join(ACTIONS)}", "action")
        check_words(request.actor, request.reason)
        transition = await self._controller.order(
            request.defense, action, request.actor, request.reason, request.override
        )
        return pb.SteerCanaryResponse(state=_state(transition.after))

    async def _history(self, request: pb.GetCanaryHistoryRequest) -> pb.GetCanaryHistoryResponse:
        if request.defense not in self._controller.plans:
            known = ", ".join(self._controller.plans) or "none"
            raise InvalidRequestError(f"{request.defense!r} is no canary; known: {known}", "defense")
        logged = self._controller.history(request.defense)
        return pb.GetCanaryHistoryResponse(transitions=map(_transition, logged))

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


def _canary(run: Course, now: float) -> pb.Canary:
    settings, facts = run.plan.settings, run.facts
    step = min(run.state.step, len(settings.steps) - 1)
    open_question = prospect(run.state, settings, facts, now)
    canary = pb.Canary(
        defense=run.plan.defense,
        risk=RISK_TO_PROTO[run.plan.risk],
        digest=run.opened.digest,
        run=run.opened.run,
        state=_state(run.state),
        weights=[one.weight for one in settings.steps],
        progress=_progress(run, now),
        readings=[
            pb.CanaryReading(
                measure=one.measure,
                role=one.role,
                log_harm=one.log_harm,
                log_harm_ever=one.log_harm_ever,
                log_unharmed=one.log_unharmed,
                log_mismatch=one.log_mismatch,
                treated=one.treated,
                control=one.control,
                treated_violations=one.treated_violations,
                control_violations=one.control_violations,
                margin=settings.margin(step, one.measure),
            )
            for one in facts.readings
        ],
        disagreements=[
            pb.Disagreement(
                stratum=place.stratum,
                label=place.label,
                candidate=place.candidate,
                production=place.production,
                count=row.count,
                exchanges=row.exchanges,
            )
            for place, row in run.shadow
        ],
    )
    if open_question is not None:
        canary.prospect.CopyFrom(
            pb.CanaryProspect(
                measure=open_question.measure,
                violations=open_question.violations,
                exchanges=open_question.exchanges,
                seconds=open_question.seconds,
            )
        )
    return canary


def _progress(run: Course, now: float) -> pb.CanaryProgress:
    tally, settings = run.tally, run.plan.settings
    progress = pb.CanaryProgress(
        exchanges=tally.exchanges,
        units=len(tally.units),
        seconds=max(now - run.state.since, 0.0),
        treated=tally.treated,
        failed=tally.failed,
        shadowed=tally.shadowed,
        p99_seconds=tally.p99 or None,
    )
    if run.state.stage == "step":
        step = settings.steps[run.state.step]
        progress.exchanges_floor, progress.units_floor = step.exchanges, step.units
        progress.seconds_floor, progress.seconds_most = step.least, step.most
    elif run.state.stage == "shadow":
        progress.exchanges_floor = settings.shadow_exchanges
        progress.seconds_floor, progress.seconds_most = settings.shadow, settings.shadow_most
    return progress


def _state(state: State) -> pb.CanaryState:
    told = pb.CanaryState(
        stage=state.stage, step=state.step, weight=state.weight, held=state.held, paused=state.paused
    )
    told.since.FromNanoseconds(int(state.since * 1e9))
    return told


def _transition(logged: Logged) -> pb.CanaryTransition:
    transition = logged.transition
    told = pb.CanaryTransition(
        number=logged.number,
        run=logged.run,
        decision=transition.decision,
        reason=transition.reason,
        about=transition.about,
        actor=logged.actor,
        words=logged.words,
        before=_state(transition.before),
        after=_state(transition.after),
        done=logged.done,
        evidence_json=logged.evidence.decode(),
    )
    told.at.FromNanoseconds(int(logged.at * 1e9))
    return told
