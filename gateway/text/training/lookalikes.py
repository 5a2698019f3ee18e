"""Requests that look alike and differ in what they want: benign ones in harmful words, and their opposites.

A filter that learns words refuses to help somebody kill a process. What follows teaches the other
half: what is done to whom, in which world, and why. All of it is written for this purpose.
"""

import hashlib
import random
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any

from gateway.text.training.examples import words

WORDS: Mapping[str, Any] = words("lookalikes")
"""`on_things`: a verb that sounds bad, and what it is done to without anybody being harmed."""


@dataclass(frozen=True, slots=True)
class Request:
    """What somebody asks for; `personal` says whether it is somebody else's data, None where nobody asks."""

    text: str
    harmful: bool
    personal: bool | None = None


def request(rng: random.Random) -> Request:
    """A request, harmful about as often as not."""
    makers = _makers()
    make, harmful, _ = rng.choices(makers, [weight for _, _, weight in makers])[0]
    personal = harmful if make in {_private, _public, _figure, _celebrity} else None
    return Request(varied(rng, make(rng)), harmful, personal)


def _makers() -> Sequence[tuple[Callable[[random.Random], str], bool, int]]:
    """How a request is made, whether it is harmful, and its weight."""
    return (
        (_thing, False, 8),
        (_person, True, 6),
        (_crime, True, 5),
        (_world, False, 3),
        (_about, False, 4),
        (_apology, True, 2),
        (_event, False, 2),
        (_for_event, True, 1),
        (_figure, False, 2),
        (_public, False, 2),
        (_private, True, 5),
        (_unfair, True, 3),
        (_nonsense, False, 2),
        (_impossible, False, 3),
        (_no_person, False, 2),
        (_celebrity, False, 2),
        (_denial, True, 1),
        (_insult, True, 2),
    )


class Choice(random.Random):
    """Chance that takes a tenth of all words only when `held_back`, and the others only when not."""

    def __init__(self, seed: int, held_back: bool = False) -> None:
        super().__init__(seed)
        self.held_back = held_back


def one(rng: random.Random, words: Sequence[str]) -> str:
    """One of `words`; what is held back never stands in what is learned from."""
    held_back = getattr(rng, "held_back", False)
    return rng.choice([word for word in words if _is_held_back(word) == held_back] or words)


@cache
def _is_held_back(word: str) -> bool:
    return hashlib.blake2b(word.encode(), digest_size=1).digest()[0] % 10 == 0


def varied(rng: random.Random, text: str) -> str:
    """`text` as somebody in a hurry types it, now and then."""
    if rng.random() < 0.15:
        text = text.lower()
    if rng.random() < 0.1:
        text = text.rstrip("?.")
    if rng.random() < 0.08:
        text = rng.choice(("Hi, ", "Quick question: ", "Hey! ", "Hello there. ", "ok so ")) + text
    return text


def _thing(rng: random.Random) -> str:
    verb = (
        one(rng, tuple(WORDS["on_things"])) if rng.random() < 0.5 else rng.choice(tuple(WORDS["on_things"]))
    )
    thing = one(rng, WORDS["on_things"][verb])
    return one(rng, WORDS["asking"]).format(f"{verb} {thing}")


def _person(rng: random.Random) -> str:
    act = one(rng, WORDS["on_people"]).format(one(rng, WORDS["people"]))
    return one(rng, WORDS["asking"]).format(act + one(rng, WORDS["quietly"]))


def _crime(rng: random.Random) -> str:
    return one(rng, WORDS["asking"]).format(one(rng, WORDS["crimes"]))


def _world(rng: random.Random) -> str:
    return one(rng, WORDS["worlds"]).format(one(rng, WORDS["in_worlds"]))


def _about(rng: random.Random) -> str:
    return one(rng, WORDS["about"]).format(one(rng, WORDS["topics"]))


def _apology(rng: random.Random) -> str:
    return one(rng, WORDS["apologies"]).format(one(rng, WORDS["topics"]))


def _event(rng: random.Random) -> str:
    return one(rng, WORDS["on_events"]).format(one(rng, WORDS["events"]))


def _for_event(rng: random.Random) -> str:
    return one(rng, WORDS["for_events"]).format(one(rng, WORDS["events"]))


def _figure(rng: random.Random) -> str:
    return one(rng, WORDS["on_figures"]).format(
        who=one(rng, WORDS["fictional"]), what=one(rng, WORDS["private"])
    )


def _public(rng: random.Random) -> str:
    return one(rng, WORDS["of_whom"]).format(who=one(rng, WORDS["public"]), what=one(rng, WORDS["open"]))


def _private(rng: random.Random) -> str:
    return one(rng, WORDS["of_whom"]).format(who=one(rng, WORDS["known"]), what=one(rng, WORDS["private"]))


def _unfair(rng: random.Random) -> str:
    return one(rng, WORDS["unfair"]).format(one(rng, WORDS["groups"]), one(rng, WORDS["denials"]))


def _nonsense(rng: random.Random) -> str:
    whom, what = rng.choice(
        (
            (WORDS["no_group"], WORDS["denials"]),
            (WORDS["no_group"], WORDS["no_denials"]),
            (WORDS["groups"], WORDS["no_denials"]),
        )
    )
    return one(rng, WORDS["unfair"]).format(one(rng, whom), one(rng, what))


def _impossible(rng: random.Random) -> str:
    whom = one(rng, WORDS[rng.choice(("groups", "groups", "no_persons"))])
    return one(rng, WORDS["why_not"]).format(whom, one(rng, WORDS["impossible"]))


def _no_person(rng: random.Random) -> str:
    frames = WORDS[rng.choice(("why_not", "unfair"))]
    return one(rng, frames).format(one(rng, WORDS["no_persons"]), one(rng, WORDS["no_offices"]))


def _celebrity(rng: random.Random) -> str:
    return one(rng, WORDS["facts"]).format(one(rng, WORDS["celebrities"]))


def _denial(rng: random.Random) -> str:
    return one(rng, WORDS["denying"]).format(one(rng, WORDS["events"]))


def _insult(rng: random.Random) -> str:
    return one(rng, WORDS["insults"]).format(one(rng, WORDS["groups"]), one(rng, WORDS["traits"]))
