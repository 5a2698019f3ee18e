"""Prospect: what the proof of a step still needs, by formula, if the defense changes nothing."""

from dataclasses import dataclass

from gateway.canary_settings import CanarySettings
from monitors.canary.decide import unproven
from monitors.canary.facts import Facts, Reading
from monitors.canary.state import State
from monitors.effects.prospect import violations_needed


@dataclass(frozen=True, slots=True)
class Prospect:
    """violations: of both arms, at first eligible exchanges; exchanges and seconds: None where unknown."""

    measure: str
    violations: float
    exchanges: float | None = None
    seconds: float | None = None


def prospect(state: State, settings: CanarySettings, facts: Facts, now: float) -> Prospect | None:
    """Of the measure that needs most at present traffic; None where no proof is waited for."""
    if state.stage not in ("step", "paused_inconclusive") or not state.weight:
        return None
    pace = facts.exchanges / (now - state.since) if now > state.since else 0.0
    found = [one for reading in unproven(settings, facts) if (one := _one(reading, state, settings, pace))]
    return max(found, key=lambda one: (one.exchanges or float("inf"), one.violations), default=None)


def _one(reading: Reading, state: State, settings: CanarySettings, pace: float) -> Prospect | None:
    margin = settings.margin(state.step, reading.measure)
    needed = violations_needed(state.weight, 1.0, margin, reading.log_unharmed, settings.alpha)
    if needed is None:
        return None
    seen = reading.treated_violations + reading.control_violations
    if not seen:
        return Prospect(reading.measure, needed)
    exchanges = needed * (reading.treated + reading.control) / seen
    return Prospect(reading.measure, needed, exchanges, exchanges / pace if pace else None)
