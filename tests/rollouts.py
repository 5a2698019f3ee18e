"""Defenses, tables and statistics for the tests of arms and rollouts."""

import hashlib
from collections.abc import Iterable, Mapping, Sequence
from contextlib import aclosing
from dataclasses import dataclass, replace
from typing import ClassVar

from gateway.chain import Layer
from gateway.rollout import Change, Rollout, Row
from gateway.types import Deltas, Exchange, Message, Risk, Text, Upstream

# The value that chi-square with so many degrees of freedom exceeds once in ten thousand times.
CRITICAL: Mapping[int, float] = {1: 15.14, 3: 21.11, 7: 29.88, 9: 33.72, 81: 138.1}


@dataclass(frozen=True, slots=True)
class Sign:
    """Puts its letter in front of the answer, so that an answer tells its arm."""

    letter: str
    risk: ClassVar[Risk] = "safety"
    labels: ClassVar[frozenset[str]] = frozenset()

    async def __call__(self, exchange: Exchange, upstream: Upstream) -> Deltas:
        yield Text(self.letter)
        async with aclosing(upstream(exchange)) as deltas:
            async for delta in deltas:
                yield delta


def signs(**rows: Row) -> list[Layer]:
    """Layers by name, configured as their rows say."""
    return [Layer(name, Sign(name[0]), row.mode, row.weight, row.holdback) for name, row in rows.items()]


def canary(weight: float, salt: str = "s", epoch: int = 1) -> Row:
    return Row("canary", salt, weight, epoch=epoch)


def enforce(holdback: float = 0.0, salt: str = "s", epoch: int = 1) -> Row:
    return Row("enforce", salt, holdback=holdback, epoch=epoch)


def keep(row: Row) -> Row:
    """The row as a change that keeps the draw."""
    return replace(row, salt="", epoch=0)


def table(**rows: Row) -> Rollout:
    """A first version that says what is configured."""
    return Rollout(rows, rows)


def change(expected: int, *rows: tuple[str, Row], **more: object) -> Change:
    return replace(Change(expected, "ana", "a test", rows), **more)  # type: ignore[arg-type]


def unit(number: int) -> bytes:
    return hashlib.blake2b(str(number).encode(), digest_size=16).digest()


def ask(prompt: str = "hello", user: str = "") -> Exchange:
    return Exchange("m", (Message("user", prompt),), user=user)


def chi_square(counts: Sequence[Sequence[float]]) -> float:
    """Of a table of counts, against rows and columns that know nothing of each other."""
    total = sum(map(sum, counts))
    columns = [sum(row[index] for row in counts) for index in range(len(counts[0]))]
    return sum(
        (seen - sum(row) * column / total) ** 2 / (sum(row) * column / total)
        for row in counts
        for seen, column in zip(row, columns, strict=True)
    )


def evenness(counts: Iterable[int]) -> float:
    """Chi-square of counts that should all be the same."""
    seen = list(counts)
    mean = sum(seen) / len(seen)
    return sum((count - mean) ** 2 / mean for count in seen)
