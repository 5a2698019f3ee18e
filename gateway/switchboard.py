"""The one place where the rollout table of a gateway is read and changed."""

import asyncio
import logging
import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace

from gateway.arm import Arm, Draw
from gateway.chain import Layer
from gateway.errors import ConfigError, NotSavedError
from gateway.rollout import Change, Renewal, Rollout, Row, changed, check_words, expired, renewed, switched
from gateway.rollout_file import RolloutFile, adopted

log = logging.getLogger(__name__)
GRACE = 30.0
"""Seconds that a canary outlives its lease, unless configured otherwise."""
LOOK = 0.1
"""Seconds between two looks at the leases, and at the file where another process writes it."""


class Switchboard:
    """Holds the table in force. A change is checked, noted in the audit, saved, and then in force.

    may_be_off: what each route lets be off. file: where the table is kept; without one it is forgotten.
    grace: seconds that a canary outlives its lease. follows: another process makes the changes, and this
    one reads them from the file. clock: monotonic, in seconds.

    Raises ConfigError when the saved table is unreadable.
    """

    def __init__(
        self,
        layers: Iterable[Layer],
        may_be_off: Sequence[frozenset[str]] = (),
        file: RolloutFile | None = None,
        grace: float = GRACE,
        follows: bool = False,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.grace = grace
        self.expired: dict[str, int] = {}
        self._may_be_off = frozenset[str]().union(*may_be_off)
        self._file = file
        self._follows = follows
        self._clock = clock
        self._changing = asyncio.Lock()
        self._read: bytes | None = None
        self._draws: dict[frozenset[str], Draw] = {}
        configured = {
            layer.name: Row(layer.mode, layer.name, layer.weight, layer.holdback) for layer in layers
        }
        self._rollout = Rollout(configured, configured)
        self._begin()

    @property
    def rollout(self) -> Rollout:
        """The table in force."""
        return self._rollout

    def arm(self, unit: bytes, may_be_off: frozenset[str]) -> Arm:
        """The arm of a unit (its keyed hash) on a route that lets `may_be_off` be off."""
        return self._draw(may_be_off).arm(unit)

    def given(self, on: frozenset[str]) -> Arm:
        """The arm with just `on`, which nobody drew."""
        return self._draw(frozenset()).given(on)

    def now(self) -> float:
        """Seconds on the clock that leases run by."""
        return self._clock()

    async def apply(self, change: Change) -> Rollout:
        """Change rows of the table, all or none; raises what `gateway.rollout.changed` raises."""
        return await asyncio.shield(self._apply(change))

    async def switch(self, defense: str, killed: bool, actor: str, reason: str) -> Rollout:
        """Take `defense` out of every exchange from now on, or put it back; raises InvalidRequestError."""
        check_words(actor, reason)
        return await asyncio.shield(self._switch(defense, killed, actor, reason))

    async def renew(self, holder: str, seconds: float) -> Renewal:
        """Move the ends of this holder's leases; raises InvalidRequestError or RolloutRefusedError."""
        return await asyncio.shield(self._renew(holder, seconds))

    async def run(self) -> None:
        """Watch the leases, and the file where another process writes it, for ever."""
        while True:
            await asyncio.sleep(LOOK)
            try:
                if not self._changing.locked():
                    self._expire()
                if self._follows:
                    self.follow()
            except Exception as error:  # whatever it is, the next look may find it gone
                log.error("the rollout table cannot be looked after: %s", type(error).__name__)

    # Shielded above: a client that goes away between the file and the table must not leave them apart.

    async def _apply(self, change: Change) -> Rollout:
        async with self._changing:
            self._expire()
            before = self._rollout
            after = changed(before, change, self._may_be_off, self._clock())
            await self._keep(after, before, "apply", change.actor, change.reason)
            self._install(after)
            return after

    async def _switch(self, defense: str, killed: bool, actor: str, reason: str) -> Rollout:
        async with self._changing:
            before = self._rollout
            after = switched(before, defense, killed)
            # In force first: a full disk is no reason to go on with what somebody wants stopped.
            self._install(after)
            try:
                await self._keep(after, before, "kill" if killed else "restore", actor, reason)
            except NotSavedError as error:
                raise NotSavedError(f"{error}; it holds in this process until it ends") from error
            return after

    async def _renew(self, holder: str, seconds: float) -> Renewal:
        async with self._changing:
            self._expire()
            renewal = renewed(self._rollout, holder, seconds, self._clock())
            await self._keep(renewal.rollout, None, "renew", holder, "")
            self._install(renewal.rollout)
            return renewal

    async def _keep(self, after: Rollout, before: Rollout | None, event: str, actor: str, why: str) -> None:
        """Note and save a change; a renewal is only saved. Raises NotSavedError."""
        try:
            if before is not None:
                log.warning("rollout version %d: %s by %s: %s", after.version, event, actor, why)
            if self._file is not None:
                await asyncio.to_thread(self._file.write, after, before, event, actor, why)
        except OSError as error:
            raise NotSavedError(
                f"rollout version {after.version} cannot be saved: {error.strerror}"
            ) from error

    def follow(self) -> None:
        """Read the file if it was written since; a broken one is told, and the present table stays."""
        if self._file is None or (text := self._file.read()) is None or text == self._read:
            return
        self._read = text
        try:
            self._install(adopted(self._file.parse(text), self._rollout.configured))
        except ConfigError as error:
            log.error("%s; version %d stays in force", error, self._rollout.version)

    def _begin(self) -> None:
        if self._file is None:
            return
        self._read = self._file.read()
        saved = None if self._read is None else self._file.parse(self._read)
        if saved is not None:
            self._install(adopted(saved, self._rollout.configured))
        if self._follows:
            return
        if saved is None:
            self._save(self._rollout, Rollout({}, {}), "start", "the first table")
        elif self._rollout != saved:
            self._save(self._rollout, saved, "configure", "the configuration file has changed")
        self._withdraw()
        self._expire()

    def _withdraw(self) -> None:
        """Put back what no route lets be off any more."""
        rollout = self._rollout
        lost = [
            name
            for name, row in rollout.rows.items()
            if rollout.takes_away(name)
            and name not in self._may_be_off
            and not row.says(rollout.configured[name])
        ]
        if lost:
            rows = {
                name: replace(rollout.configured[name], salt=row.salt, epoch=row.epoch)
                if name in lost
                else row
                for name, row in rollout.rows.items()
            }
            self._install(replace(rollout, rows=rows, version=rollout.version + 1))
            self._save(self._rollout, rollout, "configure", "no route lets it be off any more")

    def _expire(self) -> None:
        before = self._rollout
        after = expired(before, self._clock(), self.grace)
        if after is before:
            return
        # In force first: nothing that goes wrong below may keep a canary alive that nobody watches.
        self._install(after)
        for name in after.rows:
            if after.rows[name] != before.rows[name]:
                self.expired[name] = self.expired.get(name, 0) + 1
        if not self._follows:
            self._save(after, before, "expire", "the lease ran out")

    def _save(self, after: Rollout, before: Rollout, event: str, why: str) -> None:
        """Keep a change of our own; where that fails it holds all the same, and the log tells."""
        if before.rows:
            log.warning("rollout version %d: %s: %s", after.version, event, why)
        try:
            if self._file is not None:
                self._file.write(after, before, event, "gateway", why)
        except OSError as error:
            log.error("rollout version %d is in force but not saved: %s", after.version, error.strerror)

    def _install(self, rollout: Rollout) -> None:
        self._rollout = rollout
        self._draws = {}

    def _draw(self, may_be_off: frozenset[str]) -> Draw:
        if may_be_off not in self._draws:
            self._draws[may_be_off] = Draw(self._rollout, may_be_off)
        return self._draws[may_be_off]
