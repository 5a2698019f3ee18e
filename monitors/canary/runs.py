"""Runs: which run each plan has, when a new one may begin, and what they are read from."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

from gateway.canary_settings import Plan
from gateway.errors import RolloutRefusedError, UpstreamError
from gateway.types import Risk
from monitors.canary.course import Course, baseline, course
from monitors.canary.reading import roles
from monitors.canary.store import Opened, Store
from monitors.canary.table import InForce
from monitors.effects.ledger import Ledger


@dataclass(slots=True)
class Runs:
    """The latest run of each plan. process: who writes; the rest as `Controller` has it."""

    plans: Mapping[str, Plan]
    measures: Mapping[str, Risk]
    ledger: Callable[[], Ledger]
    store: Store
    saved: Callable[[], object]
    clock: Callable[[], float]
    process: str
    courses: dict[str, Course] = field(default_factory=dict)

    def load(self) -> None:
        """Read everything anew from the store."""
        latest = {one.defense: one for one in self.store.runs()}
        for plan in self.plans.values():
            if plan.defense in latest:
                self.courses[plan.defense] = self._course(plan, latest[plan.defense])

    def prepare(self, plan: Plan, inforce: InForce) -> Course | None:
        """Open a run where there is none of this configuration; the run that has to end first, if any."""
        run = self.courses.get(plan.defense)
        if run is None or (run.state.ended and run.opened.digest != plan.digest):
            self.open(plan, inforce)
            return None
        fits = run.opened.digest == plan.digest and run.state.fits(plan.settings)
        return None if fits or run.state.ended else run

    def open(self, plan: Plan, inforce: InForce) -> None:
        """Begin a run; raises UpstreamError where the gateway does not know the defense."""
        row = inforce.rows.get(plan.defense)
        if row is None:
            raise UpstreamError(
                f"the gateway has no defense {plan.defense!r}; start it with the same configuration"
            )
        self.saved()  # the baseline must not be ahead of the counts that a restart begins with
        before = baseline(self.ledger(), plan.defense)
        opened = self.store.open(self.process, plan.defense, plan.digest, row.epoch + 1, before, self.clock())
        self.courses[plan.defense] = self._course(plan, opened)

    def reopen(self, plan: Plan, inforce: InForce, override: bool) -> None:
        """Begin a run where the last one has ended, if nothing speaks against it."""
        run = self.courses.get(plan.defense)
        if not override:
            self.check_past(plan)
        if run is None or run.state.ended:
            self.open(plan, inforce)

    def check_past(self, plan: Plan) -> None:
        """Raise RolloutRefusedError where this configuration was rolled back, or any of late."""
        for opened in self.store.runs():
            if opened.defense != plan.defense or not (history := self.store.history(opened.run)):
                continue
            last = history[-1]
            if last.transition.after.stage != "rolled_back":
                continue
            if opened.digest == plan.digest:
                raise RolloutRefusedError(
                    f"this configuration of {plan.defense} ({plan.digest}) was rolled back in run "
                    f"{opened.run} ({last.words}); change it, or override"
                )
            left = last.at + plan.settings.cool_down - self.clock()
            if left > 0:
                raise RolloutRefusedError(
                    f"{plan.defense} was rolled back; it cools down for {left:.0f} s more; wait, or override"
                )

    def cooling(self, plan: Plan) -> bool:
        """Whether it has to wait before it begins by itself."""
        try:
            self.check_past(plan)
        except RolloutRefusedError:
            return True
        return False

    def history_of(self, defense: str) -> Sequence[Opened]:
        """All runs of a defense, the oldest first."""
        return [one for one in self.store.runs() if one.defense == defense]

    def _course(self, plan: Plan, opened: Opened) -> Course:
        return course(
            plan,
            opened,
            self.store.history(opened.run),
            self.store.noted(opened.run),
            list(self.measures),
            roles(self.measures, plan.risk, plan.settings),
            self.clock(),
        )
