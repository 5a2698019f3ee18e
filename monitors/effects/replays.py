"""Replays: brings a replayed exchange together with the one it replays, whichever was scored first."""

from collections.abc import Iterator
from dataclasses import dataclass

KEPT = 20_000
"""Exchanges kept in each of two generations; a replay that is scored later than that finds no partner."""


@dataclass(slots=True)
class Side:
    """One answer, in bits: the defenses that were on, the measures that applied, those violated."""

    on: int
    eligible: int = 0
    violated: int = 0


@dataclass(frozen=True, slots=True)
class Match:
    """Two answers to one prompt that differ in `defenses`, and both have a score of `measures` (bits)."""

    defenses: int
    measures: int
    violated_with: int
    violated_without: int


@dataclass(slots=True)
class _Prompt:
    live: Side | None = None
    replays: dict[str, Side] | None = None


class Replays:
    """Remembers recent exchanges by their id, in bounded memory."""

    def __init__(self, kept: int = KEPT) -> None:
        self._kept = kept
        self._younger: dict[str, _Prompt] = {}
        self._older: dict[str, _Prompt] = {}

    def live(self, exchange: str, on: int, eligible: int, violated: int) -> Iterator[Match]:
        """Note scores of a live exchange, and yield the pairs that they complete."""
        prompt = self._prompt(exchange)
        if prompt.live is None:
            prompt.live = Side(on)
        _note(prompt.live, eligible, violated)
        for replay in (prompt.replays or {}).values():
            yield from _match(prompt.live, replay, eligible)

    def replay(self, exchange: str, original: str, on: int, eligible: int, violated: int) -> Iterator[Match]:
        """Note scores of a replay, and yield the pair that they complete."""
        prompt = self._prompt(original)
        if prompt.replays is None:
            prompt.replays = {}
        side = prompt.replays.setdefault(exchange, Side(on))
        _note(side, eligible, violated)
        if prompt.live is not None:
            yield from _match(prompt.live, side, eligible)

    def _prompt(self, exchange: str) -> _Prompt:
        prompt = self._younger.get(exchange)
        if prompt is None:
            if len(self._younger) >= self._kept:
                self._older, self._younger = self._younger, {}
            prompt = self._older.get(exchange) or _Prompt()
            self._younger[exchange] = prompt
        return prompt


def _note(side: Side, eligible: int, violated: int) -> None:
    side.eligible |= eligible
    side.violated |= violated


def _match(live: Side, replay: Side, new: int) -> Iterator[Match]:
    measures, differ = new & live.eligible & replay.eligible, live.on ^ replay.on
    if not measures or not differ:
        return
    # Pairs tell what defenses do only where one side has all of those in which the two differ.
    if differ & live.on == differ:
        yield Match(differ, measures, live.violated, replay.violated)
    elif differ & replay.on == differ:
        yield Match(differ, measures, replay.violated, live.violated)
