"""The last exchanges that were blocked: which, by what, how long the span; never its text."""

from collections import deque
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from time import time

from gateway.types import Side

KEPT = 50
"""Exchanges that are remembered."""
SPANS = 4
"""Spans told of one exchange."""


@dataclass(frozen=True, slots=True)
class BlockedSpan:
    """What a defense blocked for; length: in code points."""

    defense: str
    label: str
    side: Side
    length: int


@dataclass(frozen=True, slots=True)
class BlockedExchange:
    """id: as the client has it; at: when it ended, in seconds."""

    id: str
    at: float
    spans: tuple[BlockedSpan, ...]


class Blocked:
    """Remembers the newest and forgets the rest."""

    def __init__(self) -> None:
        self._exchanges: deque[BlockedExchange] = deque(maxlen=KEPT)

    def note(self, exchange_id: str, spans: Iterable[BlockedSpan]) -> None:
        """One exchange was blocked, for these spans."""
        # Layers pass the same finding on and detectors overlap: told once is enough.
        distinct = tuple(dict.fromkeys(spans))[:SPANS]
        self._exchanges.append(BlockedExchange(exchange_id, time(), distinct))

    def __iter__(self) -> Iterator[BlockedExchange]:
        """The newest last."""
        return iter(tuple(self._exchanges))
