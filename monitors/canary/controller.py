"""Controller: brings evidence, rules, store and rollout table together; the one place where anything happens.

Nothing in the rollout table moves before the store has it in writing. Whatever breaks, the next turn reads
the table and does what is left to do.
"""

import asyncio
import contextlib
import logging
import secrets
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict

import msgspec

from gateway.canary_settings import Plan
from gateway.errors import GatewayError, InvalidRequestError, RolloutRefusedError, UpstreamError
from gateway.rollout import Row
from gateway.types import Risk
from gateway.v1 import record_pb2
from monitors.canary.course import Course
from monitors.canary.decide import decide
from monitors.canary.facts import Facts
from monitors.canary.hooks import Hooks
from monitors.canary.orders import Action, ordered
from monitors.canary.runs import Runs
from monitors.canary.state import State, Transition
from monitors.canary.store import Logged, NotLeadingError, Store, wall
from monitors.canary.table import InForce, Table
from monitors.effects.ledger import Ledger
from monitors.replayer import Compared

TURN = 1.0
"""Seconds between two turns without evidence: leases, clocks and the table want looking at, too."""
LEAST = 0.05
"""Seconds between two turns in any case."""
LEAD = 15.0
"""Seconds for which one controller decides; it renews that each turn."""
NOTED = 10.0
"""Seconds between two notes of what was counted."""
CONTROLLER = "controller"
"""The actor of what nobody ordered."""
log = logging.getLogger(__name__)


class Controller:
    """Tries out the defenses of `plans`.

    measures: the risk of each measure in the order of the ledger. ledger: gives the counts as they are now.
    saved: writes them down. holder: the same for every controller that shares the store, since it names
    whoever holds the leases of the gateway's table; process: another for each, since one of them decides.
    """

    def __init__(
        self,
        plans: Sequence[Plan],
        measures: Mapping[str, Risk],
        ledger: Callable[[], Ledger],
        store: Store,
        table: Table,
        saved: Callable[[], object] = lambda: None,
        hooks: Hooks | None = None,
        clock: Callable[[], float] = wall,
        holder: str = "canary",
        process: str = "",
    ) -> None:
        self.counted: Counter[tuple[str, str, str]] = Counter()
        """Transitions by defense, decision and reason, since this process began."""
        self.problem = ""
        """Why the last turn came to nothing, in words; empty where it did not."""
        self._process = process or secrets.token_hex(8)
        self._runs = Runs(
            {plan.defense: plan for plan in plans}, measures, ledger, store, saved, clock, self._process
        )
        self._store = store
        self._table = table
        self._hooks = hooks or Hooks()
        self._clock = clock
        self._holder = holder
        self._leading = False
        self._lead_until = 0.0
        self._inforce: InForce | None = None
        self._read_at = 0.0
        self._noted = 0.0
        self._news = asyncio.Event()
        self._turning = asyncio.Lock()

    @property
    def leading(self) -> bool:
        """Whether this is the one that decides."""
        return self._leading

    @property
    def plans(self) -> Mapping[str, Plan]:
        """By defense."""
        return self._runs.plans

    @property
    def courses(self) -> Mapping[str, Course]:
        """The latest run of each defense."""
        return self._runs.courses

    def now(self) -> float:
        """Unix seconds."""
        return self._clock()

    def seen(self, record: record_pb2.Record) -> None:
        """Count a record of traffic; returns at once."""
        if record.replay_of:
            return
        for one in record.defenses:
            run = self.courses.get(one.defense)
            if run is None or one.epoch != run.opened.epoch or not one.weight > 0:
                continue
            # What comes late from an earlier step does not count for the floors of this one.
            if abs(one.weight - run.state.weight) < 1e-9:
                run.tally.add(record, one, run.plan.settings, run.floor)

    def told(self, record: record_pb2.Record, scores: Mapping[str, float]) -> None:
        """Hear that scores of a record were folded; a decision follows at once."""
        for one in record.defenses:
            run = self.courses.get(one.defense)
            if run is not None and not record.replay_of and one.epoch == run.opened.epoch:
                run.tally.heard(name for name in scores if name in self._runs.measures)
        self._news.set()

    def compared(self, compared: Compared) -> None:
        """Hear what a candidate would have said of an exchange."""
        if compared.comparison.kind != "add":
            return
        (name,) = compared.comparison.about
        run = self.courses.get(name)
        if run is None or run.state.stage != "shadow":
            return
        for replay in compared.replays:
            one = next((one for one in replay.defenses if one.defense == name), None)
            if one is not None:
                run.shadow.add(compared.record, one)
                run.tally.shadow(one, run.plan.settings, replay.outcome == record_pb2.OUTCOME_FAILED)
        self._news.set()

    async def run(self) -> None:
        """Decide for ever; what goes wrong is told and tried again."""
        while True:
            try:
                await self.turn()
                self.problem = ""
            except GatewayError as error:
                if str(error) != self.problem:
                    log.warning("canary: %s", error)
                self.problem = str(error)
            except Exception as error:  # whatever is wrong, the lease must not end with it
                log.exception("canary: a turn failed")
                self.problem = f"a turn failed ({type(error).__name__}); see the log"
                self._leading = False  # so that the next turn begins from what is written down
            await self._wait()

    async def aclose(self) -> None:
        """Note what was counted, and let webhooks go."""
        if self._leading:
            for run in self.courses.values():
                with contextlib.suppress(NotLeadingError):
                    self._store.note(self._process, run.opened.run, run.note(), self.now())
        await self._hooks.aclose()

    async def turn(self) -> None:
        """One look at everything: lead or follow, finish what was begun, decide. Raises GatewayError."""
        async with self._turning:
            if not self._lead():
                return
            inforce = await self._read()
            problems = []
            for plan in self.plans.values():
                try:
                    await self._look_after(plan, inforce)
                except NotLeadingError:
                    self._leading = False
                    return
                except GatewayError as error:
                    # One defense that is stuck stops no other; the table may have moved on, so it is read.
                    problems.append(f"{plan.defense}: {error}")
                    inforce = await self._read(anew=True)
            self._note()
            if problems:
                raise UpstreamError("; ".join(problems))

    def _lead(self) -> bool:
        now = self.now()
        if self._leading and now < self._lead_until - LEAD * 2 / 3:
            return True
        leads = self._store.lead(self._process, LEAD, now)
        if not leads or not self._leading:
            self._runs.load()
        self._leading, self._lead_until = leads, now + LEAD
        return leads

    async def _read(self, anew: bool = False) -> InForce:
        """The table, at most a turn old."""
        if anew or self._inforce is None or abs(self.now() - self._read_at) >= TURN:
            self._inforce, self._read_at = await self._table.read(), self.now()
        return self._inforce

    async def _look_after(self, plan: Plan, inforce: InForce) -> None:
        ending = self._runs.prepare(plan, inforce)
        if ending is not None:
            after = State("invalid", ending.state.step, 0.0, self.now())
            self._intend(ending, Transition("invalidate", "configuration", ending.state, after))
        run = self.courses[plan.defense]
        if not run.state.ended or run.pending is not None:
            await self._advance(run, inforce)

    async def order(
        self, defense: str, action: Action, actor: str, words: str, override: bool = False
    ) -> Transition:
        """Do what an operator says. Raises InvalidRequestError, RolloutRefusedError or UpstreamError."""
        async with self._turning:
            now = self.now()
            plan = self.plans.get(defense)
            if plan is None:
                known = ", ".join(self.plans) or "none; say `rollout: canary` in the entry of a defense"
                raise InvalidRequestError(f"{defense!r} is no canary; known: {known}", "defense")
            if not self._lead():
                raise NotLeadingError("another controller decides; ask that one")
            inforce = await self._read(anew=True)
            if action == "start":
                self._runs.reopen(plan, inforce, override)
            run = self.courses.get(defense)
            if run is None:
                raise RolloutRefusedError(f"{defense} was never tried; start it")
            transition = ordered(run.state, plan.settings, action, now)
            self._intend(run, transition, actor, words)
            await self._settle(run, inforce)
            return transition

    def history(self, defense: str) -> list[Logged]:
        """All transitions of a defense, the oldest first."""
        runs = self._runs.history_of(defense)
        return [logged for opened in runs for logged in self._store.history(opened.run)]

    def leader(self) -> str:
        """Who decides; empty for nobody."""
        return self._store.leader(self.now())

    async def _wait(self) -> None:
        await asyncio.sleep(LEAST)  # evidence comes in bursts
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(TURN):
                await self._news.wait()
        self._news.clear()

    async def _advance(self, run: Course, inforce: InForce) -> None:
        if run.pending is not None:
            await self._settle(run, inforce)
            inforce = await self._read(anew=True)
        now = self.now()
        moved = await self._kept(run, inforce, now)
        inforce = await self._read()
        killed = run.plan.defense in inforce.killed
        facts = run.look(self._runs.ledger(), now, inforce.offered, killed, moved)
        if run.state.ended or (run.state.stage == "draft" and self._runs.cooling(run.plan)):
            return
        transition = decide(run.state, run.plan.settings, facts, now)
        if transition is not None:
            self._intend(run, transition, facts=facts)
            await self._settle(run, inforce)

    async def _kept(self, run: Course, inforce: InForce, now: float) -> bool:
        """Renew the lease, put back what fell with it, and tell whether somebody else changed the row."""
        wanted, row = run.row, inforce.rows.get(run.plan.defense)
        if wanted is None or row is None:
            return False
        lease = run.plan.settings.lease
        same = row.says(wanted) and row.epoch == wanted.epoch
        held = inforce.holders.get(run.plan.defense) == self._holder
        if same and run.leased and held:
            if now - run.renewed >= lease / 3:
                await self._table.renew(self._holder, lease)
                run.renewed = now
            return False
        if same and not run.leased:
            return False
        # Without a lease at weight 0 is what the gateway itself makes of a canary that nobody watched.
        fallen = run.leased and row.mode == "canary" and not row.weight and not held
        if fallen and now - run.renewed > lease + inforce.grace and run.state.held != "table":
            await self._apply(run, inforce, "its controller is back")
            return False
        return True

    def _intend(
        self,
        run: Course,
        transition: Transition,
        actor: str = CONTROLLER,
        words: str = "",
        facts: Facts | None = None,
    ) -> None:
        evidence = msgspec.json.encode(asdict(facts if facts is not None else run.facts))
        words = words or " ".join(part for part in (transition.reason, transition.about) if part)
        run.pending = self._store.intend(
            self._process, run.opened.run, transition, evidence, actor, words, self.now()
        )
        run.enter(transition.after)

    async def _settle(self, run: Course, inforce: InForce) -> None:
        """Do what is left of the pending transition."""
        pending = run.pending
        if pending is None:
            return
        if not pending.applied:
            await self._fit(run, inforce, pending)
            self._store.mark(self._process, pending, "applied", self.now())
        self._runs.saved()
        self._store.note(self._process, run.opened.run, run.note(), self.now())
        self._store.mark(self._process, pending, "done", self.now())
        run.pending = None
        self._tell(run, pending)

    async def _fit(self, run: Course, inforce: InForce, pending: Logged) -> None:
        """Bring the table to what the state says, where they differ."""
        wanted, row = run.row, inforce.rows.get(run.plan.defense)
        holds = pending.transition.decision in ("hold", "pause", "release")
        if wanted is None or row is None or holds:
            return
        held = not run.leased or inforce.holders.get(run.plan.defense) == self._holder
        if row.says(wanted) and row.epoch == wanted.epoch and held:
            return
        await self._apply(run, inforce, f"{pending.transition.decision}: {pending.words}")

    async def _apply(self, run: Course, inforce: InForce, reason: str) -> None:
        row: Row | None = run.row
        assert row is not None
        lease = run.plan.settings.lease if run.leased else 0.0
        # Units are drawn anew at the begin of a run and at no other time.
        redraw = inforce.rows[run.plan.defense].epoch != row.epoch
        await self._table.apply(
            inforce.version, run.plan.defense, row, lease, self._holder, reason[:500], redraw
        )
        run.renewed, self._inforce = self.now(), None

    def _tell(self, run: Course, logged: Logged) -> None:
        transition = logged.transition
        self.counted[run.plan.defense, transition.decision, transition.reason] += 1
        log.warning(
            "canary %s: %s by %s (%s): now %s",
            run.plan.defense, transition.decision, logged.actor, transition.reason,
            transition.after.place(run.plan.settings),
        )  # fmt: skip
        message = {
            "defense": run.plan.defense,
            "digest": run.opened.digest,
            "run": run.opened.run,
            "decision": transition.decision,
            "reason": transition.reason,
            "about": transition.about,
            "actor": logged.actor,
            "before": asdict(transition.before),
            "after": asdict(transition.after),
            "at": logged.at,
        }
        self._hooks.tell(run.plan.settings.webhooks, message)

    def _note(self) -> None:
        if self.now() - self._noted < NOTED:
            return
        self._noted = self.now()
        for run in self.courses.values():
            if not run.state.ended:
                self._store.note(self._process, run.opened.run, run.note(), self.now())
