"""The arm of an exchange: which defenses are on for it, drawn by a stable salted hash of its unit."""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass

from gateway.rollout import Rollout, Row
from gateway.types import Mode

POSITIONS = 2**64
"""A unit stands on one of so many positions; the defense is on for those below its share of them."""


@dataclass(frozen=True, slots=True)
class Chance:
    """What the table said of one defense: `weight` is the probability with which it was on."""

    mode: Mode
    weight: float
    epoch: int


@dataclass(frozen=True, slots=True)
class Arm:
    """The defenses that are on for one exchange, and what the table of that version said of all."""

    version: int
    on: frozenset[str]
    chances: Mapping[str, Chance]


def position(salt: str, epoch: int, unit: bytes) -> int:
    """Where a unit (its keyed hash, 16 bytes) stands for one salt and epoch: 0 to 2**64 - 1, uniformly.

    >>> position("leak_filter", 1, bytes(16)) == position("leak_filter", 1, bytes(16))
    True
    """
    return _position(_draw_name(salt, epoch), unit)


def _draw_name(salt: str, epoch: int) -> bytes:
    # No two draws share a name: an epoch has no colon.
    return f"{salt}:{epoch}:".encode()


def _position(draw: bytes, unit: bytes) -> int:
    return int.from_bytes(hashlib.blake2b(draw + unit, digest_size=8).digest(), "big")


class Draw:
    """One version of the table as one route has it, ready to draw.

    Each defense has a salt of its own, so their arms are independent of each other. A larger share keeps
    everybody whom a smaller one had. What the route does not let be off is on for all, as configured.
    """

    def __init__(self, rollout: Rollout, may_be_off: frozenset[str]) -> None:
        self._version = rollout.version
        self._chances: dict[str, Chance] = {}
        self._drawn: list[tuple[str, bytes, float]] = []
        always: list[str] = []
        for name, row in rollout.rows.items():
            chance = _chance(rollout, name, row, may_be_off)
            self._chances[name] = chance
            if chance.weight >= 1:
                always.append(name)
            elif chance.weight > 0:
                self._drawn.append((name, _draw_name(row.salt, row.epoch), chance.weight * POSITIONS))
        self._always = frozenset(always)

    def arm(self, unit: bytes) -> Arm:
        """The arm of a unit, by its keyed hash."""
        on = self._always
        if self._drawn:
            on = on.union(name for name, draw, below in self._drawn if _position(draw, unit) < below)
        return Arm(self._version, on, self._chances)

    def given(self, on: frozenset[str]) -> Arm:
        """The arm with just these defenses on, which was not drawn."""
        chances = {
            name: Chance(chance.mode, float(name in on), chance.epoch)
            for name, chance in self._chances.items()
        }
        return Arm(self._version, on, chances)


def _chance(rollout: Rollout, name: str, row: Row, may_be_off: frozenset[str]) -> Chance:
    if name not in rollout.killed and rollout.takes_away(name) and name not in may_be_off:
        return Chance("enforce", 1.0, row.epoch)
    return Chance(row.mode, rollout.share(name), row.epoch)
