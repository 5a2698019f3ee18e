"""Orders: what an operator may have done, and what the rules say to it."""

from dataclasses import replace
from typing import Literal

from gateway.canary_settings import CanarySettings
from gateway.errors import RolloutRefusedError
from monitors.canary.decide import started
from monitors.canary.state import Stage, State, Transition, entered

Action = Literal["start", "pause", "resume", "promote", "abort"]
ACTIONS: tuple[Action, ...] = ("start", "pause", "resume", "promote", "abort")


def ordered(state: State, settings: CanarySettings, action: Action, now: float) -> Transition:
    """What comes of an order; raises RolloutRefusedError where it means nothing."""
    if action == "start":
        if state.stage != "draft":
            raise RolloutRefusedError(f"it is in {state.stage} already; abort it first, or resume it")
        return started(state, settings, "operator", now)
    if state.ended or state.stage == "draft":
        raise RolloutRefusedError(f"it is in {state.stage}, so there is nothing to {action}; start it")
    if action == "abort":
        return Transition("abort", "operator", state, _at("rolled_back", state, settings, now))
    if action == "pause":
        if state.paused or state.stage == "paused_inconclusive":
            raise RolloutRefusedError("it is paused already")
        return Transition("pause", "operator", state, replace(state, paused=True))
    if action == "resume":
        return _resumed(state, settings, now)
    over = state.stage in ("full", "holdback")
    return Transition("promote", "operator", state, _at("promoted" if over else "full", state, settings, now))


def _resumed(state: State, settings: CanarySettings, now: float) -> Transition:
    if state.stage == "paused_inconclusive":
        stage: Stage = "step" if state.weight else "shadow"
        return Transition("resume", "operator", state, _at(stage, state, settings, now))
    if not state.paused and not state.held:
        raise RolloutRefusedError("it is not paused")
    return Transition("resume", "operator", state, replace(state, paused=False, held="", held_since=0.0))


def _at(stage: Stage, state: State, settings: CanarySettings, now: float) -> State:
    return entered(stage, state.step, state, settings, now)
