"""State: where a canary stands, and the one way it changes."""

from dataclasses import dataclass
from typing import Literal

from gateway.canary_settings import CanarySettings

Stage = Literal[
    "draft", "shadow", "step", "full", "holdback", "promoted", "rolled_back", "paused_inconclusive", "invalid"
]
STAGES: tuple[Stage, ...] = (
    "draft", "shadow", "step", "full", "holdback", "promoted", "rolled_back",
    "paused_inconclusive", "invalid",
)  # fmt: skip
ENDED: frozenset[Stage] = frozenset({"promoted", "rolled_back", "invalid"})
"""Stages that only a new run leaves."""
WATCHED: frozenset[Stage] = frozenset({"shadow", "step", "full", "holdback", "paused_inconclusive"})
"""Stages in which evidence may end the run."""

Decision = Literal[
    "start", "advance", "promote", "roll_back", "hold", "release", "give_up", "invalidate",
    "pause", "resume", "abort",
]  # fmt: skip
DECISIONS: tuple[Decision, ...] = (
    "start", "advance", "promote", "roll_back", "hold", "release", "give_up", "invalidate",
    "pause", "resume", "abort",
)  # fmt: skip
Reason = Literal[
    "operator", "new", "proof", "exposure", "time", "harm", "target", "failures", "slow", "over_refusal",
    "mismatch", "stale", "missing", "unproven", "signal", "traffic", "kill_switch", "table", "configuration",
    "mended",
]  # fmt: skip
REASONS: tuple[Reason, ...] = (
    "operator", "new", "proof", "exposure", "time", "harm", "target", "failures", "slow", "over_refusal",
    "mismatch", "stale", "missing", "unproven", "signal", "traffic", "kill_switch", "table", "configuration",
    "mended",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class State:
    """step counts from 0 and keeps its value after the ramp; weight: share of units that have the defense;
    since: when the stage or step began.

    held: why nothing advances by itself, empty where nothing stands in the way, since `held_since`.
    paused: an operator's word. All times are Unix seconds.
    """

    stage: Stage = "draft"
    step: int = 0
    weight: float = 0.0
    since: float = 0.0
    held: Reason | Literal[""] = ""
    held_since: float = 0.0
    paused: bool = False

    @property
    def ended(self) -> bool:
        """Whether only a new run goes on."""
        return self.stage in ENDED

    def place(self, settings: CanarySettings) -> str:
        """In words, as `step 2 of 4 (5 %)`."""
        if self.stage != "step":
            return self.stage
        return f"step {self.step + 1} of {len(settings.steps)} ({100 * self.weight:g} %)"

    def fits(self, settings: CanarySettings) -> bool:
        """Whether the settings, which may have changed since, still have this step."""
        if self.stage not in ("step", "paused_inconclusive") or not self.weight:
            return self.step < len(settings.steps)
        return self.step < len(settings.steps) and settings.steps[self.step].weight == self.weight


def entered(stage: Stage, step: int, before: State, settings: CanarySettings, now: float) -> State:
    """The state at the begin of a stage."""
    if stage == "step":
        weight = settings.steps[step].weight
    elif stage in ("full", "holdback", "promoted"):
        weight = 1 - settings.holdback
    else:
        weight = before.weight if stage == "paused_inconclusive" else 0.0
    return State(stage, step, weight, now)


@dataclass(frozen=True, slots=True)
class Transition:
    """A decision and what comes of it; about: the measure, or whatever else it is about, in a word."""

    decision: Decision
    reason: Reason
    before: State
    after: State
    about: str = ""
