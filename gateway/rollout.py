"""The rollout table: a value that says when each defense is on, and the rules by which it changes."""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace

from gateway.errors import InvalidRequestError, RolloutRefusedError, StaleRolloutError
from gateway.types import Mode

SALT = re.compile(r"[A-Za-z0-9._-]{1,64}")
MAX_LEASE = 24 * 3600.0
"""Longest lease, in seconds: whoever renews more seldom is not watching."""
MAX_WORDS = 500
"""Longest actor, reason or holder, in characters."""


@dataclass(frozen=True, slots=True)
class Lease:
    """Somebody's promise to watch a canary; `until` is on the clock of `time.monotonic`, in seconds."""

    holder: str
    seconds: float
    until: float


@dataclass(frozen=True, slots=True)
class Row:
    """When one defense is on.

    weight: share of units that a canary is on for, in [0, 1]. holdback: share of units that stay without
    an enforced defense, in [0, 1). salt and epoch name the draw of the units: another of either draws them
    anew, the same keeps each where it is. lease: of a canary that somebody has to watch.
    """

    mode: Mode
    salt: str
    weight: float = 0.0
    holdback: float = 0.0
    epoch: int = 1
    lease: Lease | None = None

    @property
    def share(self) -> float:
        """Probability with which the defense is on for a unit."""
        if self.mode == "enforce":
            return 1.0 - self.holdback
        return self.weight if self.mode == "canary" else 0.0

    @property
    def drawn(self) -> bool:
        """Whether some units have the defense and others not."""
        return 0.0 < self.share < 1.0

    def says(self, other: "Row") -> bool:
        """Whether both say the same, whatever their draw and lease."""
        return (self.mode, self.weight, self.holdback) == (other.mode, other.weight, other.holdback)


@dataclass(frozen=True, slots=True)
class Rollout:
    """One version of the table; every change makes the next.

    configured: the rows as the configuration file has them; rows: those in force, of the same defenses.
    killed: defenses that are on for nobody, whatever their rows say.
    """

    configured: Mapping[str, Row]
    rows: Mapping[str, Row]
    killed: frozenset[str] = frozenset()
    version: int = 1

    def share(self, defense: str) -> float:
        """Probability with which `defense` is on where the route lets it be off."""
        return 0.0 if defense in self.killed else self.rows[defense].share

    def takes_away(self, defense: str) -> bool:
        """Whether the row needs the route's permission."""
        return takes_away(self.rows[defense], self.configured[defense])


def takes_away(row: Row, configured: Row) -> bool:
    """Whether `row` leaves a user without a defense that the operator promised: one that is held back, or
    that the configuration enforces and the row does not."""
    return row.holdback > 0 or (configured.mode == "enforce" and row.share < 1)


@dataclass(frozen=True, slots=True)
class Change:
    """What somebody wants of the table that has version `expected`.

    rows: in a row an empty salt and epoch 0 mean the present ones. reset: defenses that go back to what
    the configuration says. holder, seconds: of the lease for the canaries among the rows; 0 seconds: none.
    redraw: units may change their arms. Who and why: `actor`, `reason`.
    """

    expected: int
    actor: str
    reason: str
    rows: Sequence[tuple[str, Row]] = ()
    reset: Sequence[str] = ()
    holder: str = ""
    seconds: float = 0.0
    redraw: bool = False


@dataclass(frozen=True, slots=True)
class Renewal:
    """The table after somebody has renewed, and whose leases those were."""

    rollout: Rollout
    defenses: Sequence[str] = field(default_factory=tuple)


def changed(rollout: Rollout, change: Change, may_be_off: frozenset[str], now: float) -> Rollout:
    """The next version; `may_be_off`: what any route lets be off.

    Raises InvalidRequestError, StaleRolloutError or RolloutRefusedError, and then nothing has changed.
    """
    _check_change(rollout, change)
    lease = Lease(change.holder, change.seconds, now + change.seconds) if change.seconds else None
    rows = dict(rollout.rows)
    for number, (defense, wanted) in enumerate(change.rows):
        place = f"rows[{number}]"
        row = _kept(wanted, rollout.rows[defense])
        _check_row(place, row, rollout.rows[defense])
        _check_allowed(place, defense, row, rollout, change.redraw, may_be_off)
        _check_free(place, defense, rollout.rows[defense].lease, change.holder, now)
        rows[defense] = replace(row, lease=lease if row.mode == "canary" else None)
    for defense in change.reset:
        present = rollout.rows[defense]
        rows[defense] = replace(rollout.configured[defense], salt=present.salt, epoch=present.epoch)
    return replace(rollout, rows=rows, version=rollout.version + 1)


def switched(rollout: Rollout, defense: str, killed: bool) -> Rollout:
    """The next version, with the kill switch of `defense` on or off; raises InvalidRequestError."""
    _check_known(rollout, defense, "defense")
    names = rollout.killed | {defense} if killed else rollout.killed - {defense}
    return replace(rollout, killed=names, version=rollout.version + 1)


def renewed(rollout: Rollout, holder: str, seconds: float, now: float) -> Renewal:
    """The same version with later ends; raises InvalidRequestError, without a lease RolloutRefusedError."""
    _check_words(holder, "holder")
    _check_seconds(seconds, "seconds")
    lease = Lease(holder, seconds, now + seconds)
    held = [name for name, row in rollout.rows.items() if row.lease and row.lease.holder == holder]
    if not held:
        raise RolloutRefusedError(
            f"{holder!r} holds no lease in version {rollout.version}: it ran out or somebody else changed "
            "the rows; read the status and apply anew"
        )
    rows = {**rollout.rows, **{name: replace(rollout.rows[name], lease=lease) for name in held}}
    return Renewal(replace(rollout, rows=rows), held)


def expired(rollout: Rollout, now: float, grace: float) -> Rollout:
    """The next version, with every canary at weight 0 whose lease has run out `grace` seconds ago; where
    there is none, `rollout` itself."""
    over = {
        name: replace(row, weight=0.0, lease=None)
        for name, row in rollout.rows.items()
        if row.lease is not None and now > row.lease.until + grace
    }
    if not over:
        return rollout
    return replace(rollout, rows={**rollout.rows, **over}, version=rollout.version + 1)


def check_words(actor: str, reason: str) -> None:
    """Raise InvalidRequestError unless both are there, in a reasonable length."""
    _check_words(actor, "actor")
    _check_words(reason, "reason")


def _check_change(rollout: Rollout, change: Change) -> None:
    check_words(change.actor, change.reason)
    named = [*(name for name, _ in change.rows), *change.reset]
    if not named:
        raise InvalidRequestError("rows: there is nothing to change; name a defense", "rows")
    for place, name in _places(change):
        _check_known(rollout, name, place)
        if named.count(name) > 1:
            raise InvalidRequestError(f"{place}: {name!r} is named twice", place)
    if change.holder or change.seconds:
        _check_words(change.holder, "lease.holder")
        _check_seconds(change.seconds, "lease.seconds")
    if change.expected != rollout.version:
        raise StaleRolloutError(
            f"expected_version is {change.expected}, the version in force {rollout.version}: "
            "read the status and decide anew"
        )


def _places(change: Change) -> Iterator[tuple[str, str]]:
    for number, (name, _) in enumerate(change.rows):
        yield f"rows[{number}].defense", name
    for number, name in enumerate(change.reset):
        yield f"reset[{number}]", name


def _kept(wanted: Row, present: Row) -> Row:
    return replace(wanted, salt=wanted.salt or present.salt, epoch=wanted.epoch or present.epoch)


def _check_row(place: str, row: Row, present: Row) -> None:
    # Written so that NaN fails too.
    if not 0 <= row.weight <= 1 or (row.weight and row.mode != "canary"):
        raise _wrong(place, "weight", "must be in [0, 1], and 0 unless the mode is canary")
    if not 0 <= row.holdback < 1 or (row.holdback and row.mode != "enforce"):
        raise _wrong(place, "holdback", "must be in [0, 1), and 0 unless the mode is enforce")
    if not SALT.fullmatch(row.salt):
        raise _wrong(place, "salt", "must be at most 64 letters, digits, `.`, `_` and `-`")
    if row.epoch < present.epoch:
        raise _wrong(place, "epoch", f"must not be lower than {present.epoch}, the present one")


def _check_allowed(
    place: str, defense: str, row: Row, rollout: Rollout, redraw: bool, may_be_off: frozenset[str]
) -> None:
    present, configured = rollout.rows[defense], rollout.configured[defense]
    if configured.mode == "off" and row.mode != "off":
        raise RolloutRefusedError(
            f"{place}.mode: the configuration says `mode: off`, so {defense} was not made ready; "
            "say `mode: shadow` there and start again"
        )
    if takes_away(row, configured) and defense not in may_be_off:
        raise RolloutRefusedError(
            f"{place}: no route lets {defense} be off for a user; the operator can allow it by "
            f"`may_be_off: [{defense}]` in the entry of an upstream"
        )
    if (row.salt, row.epoch) != (present.salt, present.epoch) and present.drawn and not redraw:
        raise RolloutRefusedError(
            f"{place}: another salt or epoch draws anew which users have {defense}, who would notice; "
            "set `redraw` if that is wanted"
        )


def _check_free(place: str, defense: str, lease: Lease | None, holder: str, now: float) -> None:
    """Whoever wants a lease waits for the end of another's; a change without one is a person's word."""
    if lease is not None and holder not in ("", lease.holder) and now <= lease.until:
        raise RolloutRefusedError(
            f"{place}: {defense} is leased to {lease.holder!r} for {lease.until - now:.0f} s more; wait, or "
            "change it without a lease"
        )


def _wrong(place: str, name: str, problem: str) -> InvalidRequestError:
    return InvalidRequestError(f"{place}.{name}: {problem}", f"{place}.{name}")


def _check_known(rollout: Rollout, defense: str, place: str) -> None:
    if defense not in rollout.rows:
        known = ", ".join(rollout.rows) or "none"
        raise InvalidRequestError(
            f"{place}: there is no defense {defense[:100]!r}; configured: {known}", place
        )


def _check_words(words: str, place: str) -> None:
    if not words.strip() or len(words) > MAX_WORDS or not words.isprintable():
        raise InvalidRequestError(
            f"{place}: is required, on one line of at most {MAX_WORDS} characters", place
        )


def _check_seconds(seconds: float, place: str) -> None:
    if not 0 < seconds <= MAX_LEASE:
        raise InvalidRequestError(f"{place}: must be above 0 and at most {MAX_LEASE:.0f}", place)
