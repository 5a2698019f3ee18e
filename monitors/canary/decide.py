"""Decide: the rules by which a canary goes on, waits or goes back; pure, so that they can be tried out.

In this order: harm that is proven, or a tripwire, ends the run; data that cannot be believed stop it, and
end it after a grace; a person's pause, or the kill switch, keeps it where it is; and only then may it go on.
"""

from collections.abc import Callable
from dataclasses import replace

from gateway.canary_settings import CanarySettings
from monitors.canary.facts import Facts, Reading
from monitors.canary.state import WATCHED, Decision, Reason, Stage, State, Transition, entered
from monitors.effects.interval import threshold
from monitors.effects.many import e_holm
from monitors.effects.srm import ALPHA

LEAST = 20
"""Exchanges with the defense before a share of them may end it."""
PATIENCE = 4
"""Times the longest time of a step for which it goes on with a measure that looks harmed."""
LEAST_SLOW = 100
"""The same for the 99th percentile of its time."""


def decide(state: State, settings: CanarySettings, facts: Facts, now: float) -> Transition | None:
    """What to do now; None: nothing. Time is in Unix seconds.

    >>> decide(State("draft"), CanarySettings(), Facts(), 0.0).decision
    'start'
    """
    if state.stage == "draft":
        return _begin(state, settings, now) if settings.begin == "auto" and not state.paused else None
    if state.stage not in WATCHED:
        return None
    found = _harmed(settings, facts) or _tripped(settings, facts)
    if found is not None:
        reason, about = found
        return _moved(state, settings, "rolled_back", "roll_back", reason, now, about)
    problem = _problem(settings, facts)
    if problem is not None:
        return _hold(state, settings, *problem, now)
    if state.held:
        return Transition("release", "mended", state, replace(state, held="", held_since=0.0), state.held)
    if state.paused:
        return None
    stages: dict[Stage, Callable[[State, CanarySettings, Facts, float], Transition | None]] = {
        "shadow": _shadow, "step": _step, "full": _full, "holdback": _holdback,
    }  # fmt: skip
    rule = stages.get(state.stage)
    return rule(state, settings, facts, now) if rule is not None else None


def started(state: State, settings: CanarySettings, reason: Reason, now: float) -> Transition:
    """Out of the draft: into shadow, or where that is left out into the first step."""
    stage: Stage = "shadow" if settings.shadow or settings.shadow_exchanges else "step"
    return Transition("start", reason, state, entered(stage, 0, state, settings, now))


def forward(
    state: State, settings: CanarySettings, decision: Decision, reason: Reason, now: float
) -> Transition:
    """To the next step, or past the last one."""
    if state.stage == "shadow":
        return Transition(decision, reason, state, entered("step", 0, state, settings, now))
    more = state.stage == "step" and state.step + 1 < len(settings.steps)
    stage: Stage = "step" if more else "full"
    return Transition(decision, reason, state, entered(stage, state.step + more, state, settings, now))


def rejected(settings: CanarySettings, facts: Facts) -> frozenset[str]:
    """Measures that are harmed for sure: e-Holm over all that decide, by the most that was ever seen."""
    ever = {one.measure: one.log_harm_ever for one in facts.readings if one.role != "dry_run"}
    return e_holm(ever, settings.alpha)


def unproven(settings: CanarySettings, facts: Facts) -> list[Reading]:
    """Measures of other risks that may still be as bad as the margin of this step."""
    proof = threshold(settings.alpha)
    return [one for one in facts.readings if one.role == "guard" and one.log_unharmed < proof]


def _begin(state: State, settings: CanarySettings, now: float) -> Transition | None:
    return started(state, settings, "new", now) if settings.open(now) else None


def _harmed(settings: CanarySettings, facts: Facts) -> tuple[Reason, str] | None:
    harmed = rejected(settings, facts)
    if not harmed:
        return None
    worst = max((one for one in facts.readings if one.measure in harmed), key=lambda one: one.log_harm_ever)
    return ("target" if worst.role == "target" else "harm"), worst.measure


def _tripped(settings: CanarySettings, facts: Facts) -> tuple[Reason, str] | None:
    if facts.failed.beyond(settings.failures, LEAST):
        return "failures", "failed exchanges"
    if facts.slow.beyond(0.01, LEAST_SLOW):
        return "slow", "added latency"
    if facts.refused.beyond(settings.over_refusal, LEAST):
        return "over_refusal", "over_refusal"
    return None


def _problem(settings: CanarySettings, facts: Facts) -> tuple[Reason, str] | None:
    """Why the evidence, or the table, is not to be gone by."""
    if facts.killed:
        return "kill_switch", ""
    if facts.moved:
        return "table", ""
    deciding = [one for one in facts.readings if one.role != "dry_run"]
    for one in deciding:
        # One split for each measure, so that each may be wrong by chance that many times more seldom.
        if one.log_mismatch >= threshold(ALPHA / len(deciding)):
            return "mismatch", one.measure
    if facts.silent:
        return "stale", "monitors"
    names = {one.measure for one in deciding}
    return next((("stale", name) for name in facts.stale if name in names), None)


def _hold(
    state: State, settings: CanarySettings, reason: Reason, about: str, now: float
) -> Transition | None:
    if state.held != reason:
        return Transition("hold", reason, state, replace(state, held=reason, held_since=now), about)
    # A kill switch and a changed row are a person's word, which nothing overrules.
    person = reason in ("kill_switch", "table")
    if person or now - state.held_since < settings.grace:
        return None
    return _moved(state, settings, "invalid", "invalidate", reason, now, about)


def _shadow(state: State, settings: CanarySettings, facts: Facts, now: float) -> Transition | None:
    if now - state.since < settings.shadow or facts.shadowed < settings.shadow_exchanges:
        if now - state.since < max(settings.shadow_most, settings.shadow):
            return None
        return _moved(state, settings, "paused_inconclusive", "give_up", "missing", now, "replays")
    return forward(state, settings, "advance", "time", now) if settings.open(now) else None


def _step(state: State, settings: CanarySettings, facts: Facts, now: float) -> Transition | None:
    step = settings.steps[state.step]
    waited, over = now - state.since >= step.least, now - state.since >= step.most
    if facts.units < step.units or facts.exchanges < step.exchanges or not waited:
        return _moved(state, settings, "paused_inconclusive", "give_up", "traffic", now) if over else None
    guards = [one for one in facts.readings if one.role == "guard"]
    missing = [one.measure for one in guards if not (one.treated and one.control)]
    doubtful = unproven(settings, facts)
    if guards and not missing and not doubtful:
        return forward(state, settings, "advance", "proof", now) if settings.open(now) else None
    if not over:
        return None
    if not guards or missing:
        return _moved(state, settings, "paused_inconclusive", "give_up", "missing", now, ", ".join(missing))
    if state.step + 1 == len(settings.steps):
        return _moved(state, settings, "paused_inconclusive", "give_up", "unproven", now, doubtful[0].measure)
    return _without_proof(state, settings, facts, now)


def _without_proof(state: State, settings: CanarySettings, facts: Facts, now: float) -> Transition | None:
    suspect = next((one.measure for one in facts.readings if _suspicious(settings, one)), "")
    if suspect:
        # Nobody more is exposed while more evidence tells chance from harm; a person is asked in the end.
        if now - state.since < PATIENCE * settings.steps[state.step].most:
            return None
        return _moved(state, settings, "paused_inconclusive", "give_up", "signal", now, suspect)
    if facts.treated > settings.exposure:
        return _moved(state, settings, "paused_inconclusive", "give_up", "exposure", now)
    return forward(state, settings, "advance", "exposure", now) if settings.open(now) else None


def _suspicious(settings: CanarySettings, one: Reading) -> bool:
    """Whether a measure would be harmed for sure if it were the only one."""
    return one.role != "dry_run" and one.log_harm >= threshold(settings.alpha)


def _full(state: State, settings: CanarySettings, facts: Facts, now: float) -> Transition | None:
    if now - state.since < settings.full:
        return None
    if settings.holdback:
        return _moved(state, settings, "holdback", "advance", "time", now)
    return _moved(state, settings, "promoted", "promote", "time", now)


def _holdback(state: State, settings: CanarySettings, facts: Facts, now: float) -> Transition | None:
    if now - state.since < settings.holdback_seconds:
        return None
    return _moved(state, settings, "promoted", "promote", "time", now)


def _moved(
    state: State,
    settings: CanarySettings,
    stage: Stage,
    decision: Decision,
    reason: Reason,
    now: float,
    about: str = "",
) -> Transition:
    after = entered(stage, state.step, state, settings, now)
    return Transition(decision, reason, state, after, about)
