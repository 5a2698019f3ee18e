"""A real rollout table behind the controller, without the wire; and what may happen to whoever uses it."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from gateway.canary_settings import CanarySettings, Plan, Step
from gateway.errors import UpstreamError
from gateway.rollout import Change, Row
from gateway.switchboard import Switchboard
from gateway.v1 import record_pb2
from monitors.canary.controller import Controller
from monitors.canary.store import SqliteStore
from monitors.canary.table import InForce
from monitors.effects.effects import Effects
from monitors.effects.observation import Assignment, Observation, Score
from tests.rollouts import signs, unit

MEASURES = {"leak": "privacy", "refusal": "utility"}
STEPS = (
    Step(weight=0.25, margin=3.0, units=5, exchanges=20, least=10, most=1000),
    Step(weight=0.5, margin=2.0, units=5, exchanges=20, least=10, most=1000),
)
SETTINGS = CanarySettings(
    steps=STEPS, shadow=0, shadow_exchanges=0, full=10, lease=60, rare=0.2, stale=100, grace=300, cool_down=50
)


class Clock:
    """Seconds that pass when they are told to."""

    def __init__(self) -> None:
        self.now = 1_800_000_000.0

    def __call__(self) -> float:
        return self.now


class Killed(BaseException):
    """The process dies here."""


class Deadly:
    """Counts the things that leave a trace, and dies before one of them, or right after it."""

    def __init__(self) -> None:
        self.left: int | None = None

    def step(self) -> Iterator[None]:
        """Around one of them."""
        self._die()
        yield
        self._die()

    def _die(self) -> None:
        if self.left is not None:
            self.left -= 1
            if self.left < 0:
                raise Killed


class SwitchboardTable:
    """The switchboard of a gateway as a controller sees it."""

    def __init__(self, switchboard: Switchboard, deadly: Deadly) -> None:
        self.switchboard = switchboard
        self.offered = 0
        self.up = True
        self._deadly = deadly

    async def read(self) -> InForce:
        if not self.up:
            raise UpstreamError("the gateway is down")
        self.switchboard._expire()
        rollout = self.switchboard.rollout
        rows = {name: replace(row, lease=None) for name, row in rollout.rows.items()}
        holders = {name: row.lease.holder for name, row in rollout.rows.items() if row.lease}
        return InForce(rollout.version, rows, holders, rollout.killed, self.offered, self.switchboard.grace)

    async def apply(
        self, expected: int, defense: str, row: Row, lease: float, holder: str, reason: str, redraw: bool
    ) -> int:
        change = Change(
            expected, holder, reason, [(defense, row)], (), holder if lease else "", lease, redraw
        )
        for _ in self._deadly.step():
            after = await self.switchboard.apply(change)
        return after.version

    async def renew(self, holder: str, seconds: float) -> None:
        await self.switchboard.renew(holder, seconds)


class DeadlyStore(SqliteStore):
    """Dies before or after it wrote a transition or how far one came."""

    deadly: Deadly

    def open(self, *arguments: Any, **more: Any) -> Any:
        for _ in self.deadly.step():
            opened = super().open(*arguments, **more)
        return opened

    def intend(self, *arguments: Any, **more: Any) -> Any:
        for _ in self.deadly.step():
            logged = super().intend(*arguments, **more)
        return logged

    def mark(self, *arguments: Any, **more: Any) -> None:
        for _ in self.deadly.step():
            super().mark(*arguments, **more)


@dataclass
class World:
    """A gateway's table, evidence, a file, and the controllers that have been started on them."""

    folder: Path
    plan: Plan
    measures: Sequence[str] = tuple(MEASURES)

    def __post_init__(self) -> None:
        self.clock, self.deadly, self.count = Clock(), Deadly(), 0
        self.switchboard = Switchboard(signs(new=Row("shadow", "new")), grace=30, clock=self.clock)
        self.table = SwitchboardTable(self.switchboard, self.deadly)
        self.effects = Effects(list(self.measures))
        self.stores: list[SqliteStore] = []

    def controller(self, process: str = "", plan: Plan | None = None) -> Controller:
        """A process that begins."""
        store = DeadlyStore(self.folder / "canary.sqlite")
        store.deadly = self.deadly
        self.stores.append(store)
        return Controller(
            [plan or self.plan], MEASURES, lambda: self.effects.ledger, store, self.table,  # type: ignore[arg-type]
            clock=self.clock, holder="us", process=process,
        )  # fmt: skip

    def close(self) -> None:
        for store in self.stores:
            store.close()

    @property
    def row(self) -> Row:
        """Of the canary, in force."""
        return self.switchboard.rollout.rows["new"]

    def arm(self, number: int) -> bool:
        """Whether a unit has the defense."""
        return "new" in self.switchboard.arm(unit(number), frozenset()).on

    def traffic(
        self, controller: Controller, count: int, rate: float = 0.2, harm: float = 1.0, scored: bool = True
    ) -> None:
        """Exchanges of new units; every tenth or so violates, the more so with the defense."""
        for _ in range(count):
            self.count += 1
            self.table.offered += 1
            row, on = self.row, self.arm(self.count)
            # Evenly spread and not random: what is shown here are the rules, not the statistics.
            chance = rate * (harm if on else 1.0)
            hit = (self.count * 0.6180339887) % 1 < chance
            record = record_pb2.Record(
                exchange_id=f"e{self.count}",
                unit_hash=unit(self.count),
                outcome=record_pb2.OUTCOME_COMPLETED,
                defenses=[
                    record_pb2.DefenseRecord(
                        defense="new", mode=record_pb2.MODE_CANARY, weight=row.share, on=on, epoch=row.epoch
                    )
                ],
            )
            controller.seen(record)
            if scored:
                scores = (Score("leak", 0.0, False), Score("refusal", float(hit), hit))
                part = Assignment("new", on, row.share, row.epoch, row.mode)
                seen = Observation(f"e{self.count}", record.unit_hash, "s", (part,), scores)
                self.effects.fold(seen)
                controller.told(record, {score.measure: score.value for score in scores})


def plan(settings: CanarySettings = SETTINGS, digest: str = "d1") -> Plan:
    return Plan("new", "privacy", digest, settings)
