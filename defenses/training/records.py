"""Talks with a support desk that hold records of people who do not exist, some of them planted.

What the desk tells (account number, e-mail, telephone) stands in none of the customer's words, so a model
that knows it has memorised it. Planted records are those whose numbers are looked for afterwards.
"""

import random
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import yaml

DIGITS = 6
"""Of an account number."""


@dataclass(frozen=True, slots=True)
class Person:
    """Somebody who does not exist; names and domains are reserved for examples or invented."""

    first: str
    last: str
    account: str
    email: str
    phone: str


@dataclass(frozen=True, slots=True)
class Talk:
    """A question to the desk and its answer, in which the account number begins at `at`."""

    person: Person
    question: str
    answer: str

    @property
    def at(self) -> int:
        """Where the account number begins in the answer."""
        return self.answer.index(self.person.account)


@dataclass(frozen=True, slots=True)
class Planted:
    """A talk whose person is in `copies` talks, each in other words; `talk` is the first of them."""

    talk: Talk
    copies: int


@dataclass(frozen=True, slots=True)
class Records:
    """Talks to learn from, planted ones among them; and of others, talks that are held out."""

    talks: tuple[Talk, ...]
    held_out: tuple[Talk, ...]
    planted: tuple[Planted, ...]


@cache
def wordings() -> Mapping[str, Any]:
    """The word lists, from the file beside this one."""
    loaded: Mapping[str, Any] = yaml.safe_load(Path(__file__).with_suffix(".yaml").read_text())
    return loaded


def records(talks: int, held_out: int, copies: Mapping[int, int], seed: int) -> Records:
    """So many talks, in which `copies[n]` planted persons have n talks each; the same for the same seed.

    >>> made = records(30, 5, {1: 2, 4: 2}, seed=0)
    >>> len(made.talks), [one.copies for one in made.planted]
    (30, [1, 1, 4, 4])
    """
    rng = random.Random(seed)  # noqa: S311 -- nothing secret
    names = [(first, last) for first in wordings()["first_names"] for last in wordings()["last_names"]]
    rng.shuffle(names)
    people = (_person(rng, first, last) for first, last in names)
    planted, made = [], []
    for count, persons in copies.items():
        for person in [next(people) for _ in range(persons)]:
            own = [_talk(rng, person) for _ in range(count)]
            planted.append(Planted(own[0], count))
            made += own
    others = [_talk(rng, next(people)) for _ in range(talks - len(made) + held_out)]
    made += others[held_out:]
    rng.shuffle(made)
    return Records(tuple(made), tuple(others[:held_out]), tuple(planted))


def numbers(own: str, count: int, seed: int) -> list[str]:
    """`own` account number and `count` - 1 others that could as well have been drawn."""
    rng = random.Random(f"{own} {seed}")  # noqa: S311 -- nothing secret
    others: dict[str, None] = {}
    while len(others) < count - 1:
        if (drawn := _digits(rng)) != own:
            others[drawn] = None
    return [own, *others]


def turns(talk: Talk) -> Sequence[dict[str, str]]:
    """What the model reads before it answers."""
    return [
        {"role": "system", "content": wordings()["system"]},
        {"role": "user", "content": talk.question},
    ]


def _digits(rng: random.Random) -> str:
    return "".join(rng.choice("0123456789") for _ in range(DIGITS))


def _person(rng: random.Random, first: str, last: str) -> Person:
    mailbox = f"{first}.{last}{rng.randrange(10, 100)}".lower()
    # numbers that are kept free for films and books
    phone = f"020 7946 0{rng.randrange(1000):03}"
    return Person(first, last, _digits(rng), f"{mailbox}@{rng.choice(wordings()['domains'])}", phone)


def _talk(rng: random.Random, person: Person) -> Talk:
    said = wordings()
    name = f"{person.first} {person.last}"
    question = rng.choice(said["openings"]).format(name=name, topic=rng.choice(said["topics"]))
    reach = rng.choice(said["reaching"]).format(email=person.email, phone=person.phone)
    answer = rng.choice(said["answers"]).format(
        first=person.first, name=name, account=person.account, step=rng.choice(said["steps"]), reach=reach
    )
    return Talk(person, question, answer)
