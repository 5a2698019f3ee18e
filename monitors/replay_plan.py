"""Decides which exchanges run again and how, by a hash of their id: before the outcome, whatever the arm."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Literal

from gateway.replay_settings import ReplaySettings
from gateway.text.identity import Counterfactual, counterfactuals
from gateway.types import Generation, Message
from gateway.v1 import record_pb2
from gateway.wire import message_from_proto
from monitors.sampling import drawn

Kind = Literal["leave_out", "add", "pair", "swap", "swapped_answer"]
KINDS: tuple[Kind, ...] = ("leave_out", "add", "pair", "swap", "swapped_answer")


@dataclass(frozen=True, slots=True)
class Ask:
    """One replay: the defenses that are on, when the model is asked, and the prompt if it is another."""

    on: frozenset[str]
    generation: Generation = "needed"
    prompt: tuple[Message, ...] = ()


@dataclass(frozen=True, slots=True)
class Comparison:
    """Replays of one exchange that belong together; `inclusion` is the chance that they were chosen.

    about: the defense, or the two, or the attribute, source and target of a swap. By kind `asks` are

    * leave_out, add: the exchange without the defense, or with it;
    * pair: with neither, with the first alone, with the second alone, with both;
    * swap, swapped_answer: the same prompt again, and the swapped one.
    """

    kind: Kind
    about: tuple[str, ...]
    asks: tuple[Ask, ...]
    inclusion: float


def comparisons(record: record_pb2.Record, settings: ReplaySettings) -> list[Comparison]:
    """What is run again of one exchange of traffic; mostly nothing."""
    if record.replay_of or record.truncated:
        return []
    return [
        *_leave_out(record, settings),
        *_add(record, settings),
        *_pair(record, settings),
        *_swap(record, settings),
    ]


def _leave_out(record: record_pb2.Record, settings: ReplaySettings) -> Iterator[Comparison]:
    on = _on(record)
    if drawn(record.exchange_id, b"leave_out") >= settings.leave_out or not on:
        return
    left = _pick(on, record.exchange_id, b"left_out")
    asked = Ask(frozenset(on) - {left})
    yield Comparison("leave_out", (left,), (asked,), settings.leave_out / len(on))


def _add(record: record_pb2.Record, settings: ReplaySettings) -> Iterator[Comparison]:
    shadows = [one.defense for one in record.defenses if one.mode == record_pb2.MODE_SHADOW]
    if drawn(record.exchange_id, b"add") >= settings.add or not shadows:
        return
    added = _pick(shadows, record.exchange_id, b"added")
    yield Comparison("add", (added,), (Ask(frozenset(_on(record)) | {added}),), settings.add / len(shadows))


def _pair(record: record_pb2.Record, settings: ReplaySettings) -> Iterator[Comparison]:
    able = [one.defense for one in record.defenses if one.mode != record_pb2.MODE_OFF]
    if drawn(record.exchange_id, b"pairs") >= settings.pairs or len(able) < 2:
        return
    pairs = [(first, second) for at, first in enumerate(able) for second in able[at + 1 :]]
    pair = pairs[int(drawn(record.exchange_id, b"pair") * len(pairs))]
    rest = frozenset(_on(record)) - set(pair)
    arms: tuple[frozenset[str], ...] = (
        frozenset(),
        frozenset(pair[:1]),
        frozenset(pair[1:]),
        frozenset(pair),
    )
    asks = tuple(Ask(rest | some) for some in arms)
    yield Comparison("pair", pair, asks, settings.pairs / len(pairs))


def _swap(record: record_pb2.Record, settings: ReplaySettings) -> Iterator[Comparison]:
    chosen: list[tuple[Kind, float, Generation]] = []
    if drawn(record.exchange_id, b"swaps") < settings.swaps:
        chosen.append(("swap", settings.swaps, "never"))
    if drawn(record.exchange_id, b"swapped_answers") < settings.swapped_answers:
        chosen.append(("swapped_answer", settings.swapped_answers, "always"))
    if not chosen:
        return
    turns = tuple(map(message_from_proto, record.prompt))
    found = swapped(turns, drawn(record.exchange_id, b"swapped"))
    if found is None:
        return
    about, other = found
    on = frozenset(_on(record))
    for kind, share, generation in chosen:
        yield Comparison(kind, about, (Ask(on, generation, turns), Ask(on, generation, other)), share)


def swapped(turns: Sequence[Message], at: float) -> tuple[tuple[str, str, str], tuple[Message, ...]] | None:
    """The conversation with one group in the user's turns exchanged for another; None where none is named.

    `at` in [0, 1) chooses which. Told are attribute, source and target.
    """
    last = next((turn for turn in reversed(turns) if turn.role == "user"), None)
    made = counterfactuals(last.content, 24) if last is not None else []
    if not made:
        return None
    one = made[int(at * len(made))]
    return (one.attribute, one.source, one.target), tuple(_with(turn, one, turn is last) for turn in turns)


def _with(turn: Message, one: Counterfactual, chosen: bool) -> Message:
    if chosen:
        return replace(turn, content=one.swapped.text)
    if turn.role != "user":
        return turn
    # Earlier turns speak of the same person: else the conversation would change its subject midway.
    same = [
        other
        for other in counterfactuals(turn.content)
        if (other.attribute, other.source, other.target) == (one.attribute, one.source, one.target)
    ]
    return replace(turn, content=same[0].swapped.text) if same else turn


def _on(record: record_pb2.Record) -> list[str]:
    return [one.defense for one in record.defenses if one.on]


def _pick(names: Sequence[str], exchange: str, salt: bytes) -> str:
    return names[int(drawn(exchange, salt) * len(names))]
