"""Firsts: which scores count, so that a unit's exchanges are not taken for independent evidence.

All exchanges of a unit share its arm, so one unit that violates often would speak for its arm many times:
at the level of exchanges the chance of a false alarm is 0.14 to 0.67 instead of 0.05. Two exact ways out:

* **harm** counts the first *violation* of each unit in an epoch. When the defense changes nothing, which
  unit violates is independent of its arm. When the defense is harmless or helps, treated units violate no
  sooner than they would have, so the evidence is no more than under "no change". It is *not* a count for a
  ratio away from 1: units of the worse arm are used up sooner.
* **non-inferiority and intervals** count the first *eligible exchange* of each unit in an epoch.

Memory is bounded by two generations: when the younger holds `capacity` units it becomes the older, and the
older is forgotten. A unit is forgotten only after `capacity` others came since it was last seen; if it comes
back within its epoch it counts as new. The error: for a share f of units that come back so, one exchange
more is counted for each, in the same arm as before, so variances are understated by at most 1 + f.
"""

from array import array
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from hashlib import blake2b

CAPACITY = 150_000
"""Units (and exchanges) in one generation; two generations of each take about 80 MB."""
MAX_MEASURES = 64
"""Measures that the masks below have bits for."""


_MASK = (1 << MAX_MEASURES) - 1


@dataclass(frozen=True, slots=True)
class Fresh:
    """Measures, as bits, for which an exchange is a unit's first: eligible one, violation."""

    eligible: int
    violated: int


class Generations:
    """A map from hashes to bits that keeps what was lately used.

    >>> seen = Generations(capacity=2)
    >>> seen.add(1, 5), seen.add(1, 6), seen.get(1)
    (5, 2, 7)
    """

    __slots__ = ("_capacity", "_older", "_younger", "forgotten")

    def __init__(self, capacity: int = CAPACITY) -> None:
        self._capacity = capacity
        self._younger: dict[int, int] = {}
        self._older: dict[int, int] = {}
        self.forgotten = 0
        """Keys dropped so far."""

    def __len__(self) -> int:
        return len(self._younger) + sum(key not in self._younger for key in self._older)

    def get(self, key: int) -> int:
        """The bits of `key`, 0 where it is unknown."""
        return self._younger.get(key) or self._older.get(key, 0)

    def add(self, key: int, bits: int) -> int:
        """Set `bits` of `key`; those of them that were not set before."""
        known = self._younger.get(key)
        if known is None:
            known = self._older.get(key, 0)
            if len(self._younger) >= self._capacity:
                self.forgotten += sum(old not in self._younger for old in self._older)
                self._older, self._younger = self._younger, {}
            self._younger[key] = known | bits
        elif bits & ~known:
            self._younger[key] = known | bits
        return bits & ~known

    def pack(self) -> bytes:
        """Everything, oldest first, 24 bytes a key."""
        entries = array("Q")
        for key, bits in self.items():
            entries.extend((key, bits & _MASK, bits >> MAX_MEASURES))
        return entries.tobytes()

    def unpack(self, packed: bytes, places: Sequence[int | None]) -> None:
        """Add what was packed, bit i now at `places[i]`; raises ValueError where it was cut."""
        entries = array("Q")
        entries.frombytes(packed)
        for key, low, high in zip(entries[::3], entries[1::3], entries[2::3], strict=True):
            self.add(key, _moved(low, places) | _moved(high, places) << MAX_MEASURES)

    def items(self) -> Iterator[tuple[int, int]]:
        """Keys and bits, oldest first; a key in both generations comes twice, at last with all its bits."""
        yield from self._older.items()
        yield from self._younger.items()


class Firsts:
    """Tells, exchange by exchange, what is new of it."""

    __slots__ = ("exchanges", "units")

    def __init__(self, capacity: int = CAPACITY) -> None:
        self.exchanges = Generations(capacity)
        self.units = Generations(capacity)

    def undelivered(self, exchange: str, measures: int) -> int:
        """Of `measures`, those whose score of this exchange has not been counted yet; now they have."""
        return self.exchanges.add(_digest(exchange.encode()), measures)

    def of(self, unit: bytes, epoch: int, eligible: int, violated: int) -> Fresh:
        """What this exchange is the first of, for its unit in this epoch."""
        key = _digest(unit + epoch.to_bytes(8, "big", signed=True))
        new = self.units.add(key, eligible | violated << MAX_MEASURES)
        return Fresh(new & _MASK, new >> MAX_MEASURES)


def _moved(bits: int, places: Sequence[int | None]) -> int:
    if all(place == at for at, place in enumerate(places)):
        return bits
    return sum(1 << place for at, place in enumerate(places) if place is not None and bits >> at & 1)


def _digest(data: bytes) -> int:
    return int.from_bytes(blake2b(data, digest_size=8).digest(), "big")
