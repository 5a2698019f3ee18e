"""Course: one run as the controller has it in hand, and the row of the table that goes with its state."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import msgspec

from gateway.canary_settings import Plan
from gateway.rollout import Row
from monitors.canary.counted import Counted, Saved
from monitors.canary.facts import Facts, Role, Share
from monitors.canary.reading import Readings
from monitors.canary.shadow import Disagreements
from monitors.canary.state import State
from monitors.canary.store import Logged, Opened
from monitors.canary.tally import Tally
from monitors.effects.ledger import Ledger

REFUSAL = "over_refusal"
"""The measure that the tripwire on refusals goes by."""


class Baseline(msgspec.Struct):
    """What was counted before the run began, and of which measures."""

    measures: list[str]
    counts: Saved


class Note(msgspec.Struct):
    """What changes with every exchange; `renewed`: when the lease was last renewed, in Unix seconds."""

    tally: Tally
    ever: dict[str, float]
    renewed: float = 0.0


@dataclass(slots=True)
class Course:
    """A run. pending: the transition that is not done yet. heard: when an exchange was last counted, and
    `offered` what the gateway had offered by then. facts: as of the last look."""

    plan: Plan
    opened: Opened
    state: State
    readings: Readings
    baseline: Counted
    tally: Tally = field(default_factory=Tally)
    shadow: Disagreements = field(default_factory=Disagreements)
    facts: Facts = field(default_factory=Facts)
    pending: Logged | None = None
    renewed: float = 0.0
    heard: float = 0.0
    offered: int = -1
    counted: int = 0

    @property
    def row(self) -> Row | None:
        """What the table has to say while the run is in this state; None where that is not its business."""
        state, epoch = self.state, self.opened.epoch
        if state.stage == "draft":
            return None
        if state.stage in ("holdback", "promoted"):
            holdback = self.plan.settings.holdback
            return Row("enforce", "", holdback=holdback, epoch=epoch)
        if state.stage == "shadow" or (state.stage == "paused_inconclusive" and not state.weight):
            return Row("shadow", "", epoch=epoch)
        return Row("canary", "", state.weight, epoch=epoch)

    @property
    def leased(self) -> bool:
        """Whether somebody has to watch the row."""
        row = self.row
        return row is not None and row.mode == "canary" and row.weight > 0

    @property
    def floor(self) -> int:
        """Units that the step needs."""
        steps = self.plan.settings.steps
        return steps[min(self.state.step, len(steps) - 1)].units

    def enter(self, state: State) -> None:
        """Take the next state; what is counted of a stage begins anew with it."""
        if (state.stage, state.step, state.since) != (
            self.state.stage,
            self.state.step,
            self.state.since,
        ):
            self.tally = self.tally.begin()
            self.heard = state.since
        self.state = state

    def look(self, ledger: Ledger, now: float, offered: int, killed: bool, moved: bool) -> Facts:
        """The facts now; offered: records that the gateway has offered so far."""
        if self.tally.exchanges != self.counted or self.offered < 0:
            self.counted, self.heard, self.offered = self.tally.exchanges, now, offered
        self.offered = min(self.offered, offered)  # a gateway that was restarted begins at 0
        readings = self.readings.read(
            Counted.of(ledger, self.plan.defense).since(self.baseline), self.state.step
        )
        refusal = next((one for one in readings if one.measure == REFUSAL), None)
        tally, settings = self.tally, self.plan.settings
        self.facts = Facts(
            readings,
            tally.exchanges,
            tally.treated,
            len(tally.units),
            tally.shadowed,
            tally.failures,
            Share(tally.slow, tally.treated),
            Share(refusal.treated_violations, refusal.treated, refusal.control_violations, refusal.control)
            if refusal is not None
            else Share(),
            silent=self.state.weight > 0 and offered > self.offered and now - self.heard > settings.stale,
            stale=tally.stale,
            killed=killed,
            moved=moved,
        )
        return self.facts

    def note(self) -> bytes:
        """To be kept."""
        return msgspec.json.encode(Note(self.tally, self.readings.ever, self.renewed))


def course(
    plan: Plan,
    opened: Opened,
    history: Sequence[Logged],
    noted: bytes,
    measures: Sequence[str],
    roles: Mapping[str, Role],
    now: float,
) -> Course:
    """The run as it was left, for a process that begins at `now`."""
    state = history[-1].transition.after if history else State(since=opened.opened)
    baseline = msgspec.json.decode(opened.baseline, type=Baseline)
    counts = baseline.counts if baseline.measures == list(measures) else Saved([], [], [])
    made = Course(
        plan,
        opened,
        state,
        Readings(measures, roles, plan.settings),
        Counted.restored(counts, len(measures)),
        heard=now,
    )
    if noted:
        note = msgspec.json.decode(noted, type=Note)
        made.tally, made.readings.ever, made.renewed = note.tally, note.ever, note.renewed
        made.counted = note.tally.exchanges
    if history and not history[-1].done:
        made.pending = history[-1]
        if not history[-1].applied:
            made.tally = made.tally.begin()
    return made


def baseline(ledger: Ledger, defense: str) -> bytes:
    """What is counted of a defense now, to be kept."""
    counts = Counted.of(ledger, defense).saved()
    return msgspec.json.encode(Baseline(list(ledger.measures), counts))
