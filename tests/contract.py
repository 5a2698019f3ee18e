"""Checks that every defense passes, whatever it does; import them and give them your defense."""

from collections.abc import Iterable, Sequence
from contextlib import aclosing
from itertools import pairwise

from gateway.chain import Layer, chain, recorded
from gateway.types import (
    ConnectedUpstream,
    Defense,
    Delta,
    Deltas,
    Exchange,
    Finding,
    Finish,
    Message,
    Text,
    ToolCallPart,
    Usage,
)

PROSE = "The river otter sleeps by day, hunts at dusk and raises its young in a den by the bank. "


class Listed(ConnectedUpstream):
    """An upstream that says what it is told, and remembers how it was treated."""

    def __init__(self, deltas: Iterable[Delta], error: Exception | None = None) -> None:
        self.deltas = list(deltas)
        self.error = error
        self.seen: list[Exchange] = []
        self.opened = 0
        self.closed = 0

    async def __call__(self, exchange: Exchange) -> Deltas:
        self.seen.append(exchange)
        self.opened += 1
        try:
            for delta in self.deltas:
                yield delta
            if self.error is not None:
                raise self.error
        finally:
            self.closed += 1

    async def ready(self) -> bool:
        return True


def exchange(prompt: str = "Tell me about otters.") -> Exchange:
    return Exchange(model="listed", messages=(Message("user", prompt),))


def answer(*pieces: str) -> list[Delta]:
    return [*(Text(piece) for piece in pieces), Usage(3, 4), Finish("stop")]


async def collect(
    defenses: Sequence[Defense], upstream: Listed, asked: Exchange | None = None
) -> list[Delta]:
    layers = [Layer(f"defense_{index}", defense) for index, defense in enumerate(defenses)]

    async def leaf(inner: Exchange) -> Deltas:
        async with aclosing(recorded(inner, upstream)) as deltas:
            async for delta in deltas:
                yield delta

    async with aclosing(chain(layers, leaf)(asked or exchange())) as deltas:
        return [delta async for delta in deltas]


def text_of(deltas: Iterable[Delta], channel: str = "content") -> str:
    return "".join(delta.text for delta in deltas if isinstance(delta, Text) and delta.channel == channel)


def arguments_of(deltas: Iterable[Delta]) -> str:
    return "".join(delta.arguments for delta in deltas if isinstance(delta, ToolCallPart))


def names_of(deltas: Iterable[Delta]) -> list[str]:
    return [delta.name for delta in deltas if isinstance(delta, ToolCallPart) and delta.name]


def verdict_of(deltas: Iterable[Delta]) -> list[tuple[str, int, int, str, str]]:
    # Sorted: what only flags looks at text once it is released, so it may report later than others.
    found = [(d.location, d.start, d.end, d.label, d.defense) for d in deltas if isinstance(d, Finding)]
    return sorted(found)


async def check_defense(defense: Defense) -> None:
    """Clean text passes unchanged, the end is one finish, everything below is closed."""
    upstream = Listed(answer(PROSE, PROSE))
    deltas = await collect([defense], upstream)
    assert text_of(deltas) == PROSE * 2
    assert [delta for delta in deltas if isinstance(delta, Usage)] == [Usage(3, 4)]
    assert [position for position, delta in enumerate(deltas) if isinstance(delta, Finish)] == [
        len(deltas) - 1
    ]
    assert upstream.opened == upstream.closed == 1


async def check_closes(defense: Defense) -> None:
    """A client that leaves after the first delta closes every generator up to the model."""
    upstream = Listed(answer(*[PROSE] * 50))
    async with aclosing(chain([Layer("defense", defense)], upstream)(exchange())) as deltas:
        async for _ in deltas:
            break
    assert upstream.opened == upstream.closed


async def check_cutting(
    defenses: Defense | Sequence[Defense], text: str, cuts: Sequence[Sequence[int]]
) -> None:
    """However `text` is cut, the same bytes leave and the same verdict falls."""
    chained = defenses if isinstance(defenses, Sequence) else [defenses]
    whole = await collect(chained, Listed(answer(text)))
    for cut in cuts:
        edges = [0, *sorted({edge for edge in cut if 0 <= edge <= len(text)}), len(text)]
        pieces = [text[start:end] for start, end in pairwise(edges)]
        parts = await collect(chained, Listed(answer(*pieces)))
        assert text_of(parts) == text_of(whole), cut
        assert verdict_of(parts) == verdict_of(whole), cut
