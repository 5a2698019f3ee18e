"""What people say to a model all day, what looks like it, and what hides in it.

Every word was written for this purpose. Groups are named in kind and in hostile requests alike, so that
the request decides and never the group.
"""

import random
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

from gateway.text.training import lookalikes
from gateway.text.training.examples import HEADS, PAIR_HEADS, Example, words

WORDS: Mapping[str, Any] = words("everyday")
"""`code_lines`: lines of programs and of their output; `planted`: frames of what is hidden in a page."""
NOTHING: Mapping[str, float] = {head: 0.0 for head in HEADS if head not in PAIR_HEADS}

Makers = Sequence[tuple[Callable[[random.Random], Iterator[Example]], int]]


def makers(groups: Sequence[tuple[str, str]]) -> Makers:
    """What this module makes, and how often; `groups` are names of one of a group and of all."""
    everybody = [every for _, every in (*groups, *WORDS["more_groups"])]

    def of_group(rng: random.Random) -> Iterator[Example]:
        yield from _of_group(rng, rng.choice(everybody))

    return (
        (_command, 1200),
        (_code_line, 1200),
        (_errand, 2200),
        (_attack, 700),
        (of_group, 2000),
        (_about_somebody, 900),
    )


def _made(rng: random.Random, frames: str, **slots: str) -> str:
    """One of the frames with each of its slots filled by one of the words named for it."""
    filled = {slot: lookalikes.one(rng, WORDS[name]) for slot, name in slots.items()}
    return lookalikes.one(rng, WORDS[frames]).format(**filled)


def _command(rng: random.Random) -> Iterator[Example]:
    text = lookalikes.one(rng, WORDS["commands"])
    if rng.random() < 0.4:
        text = text.rstrip(".!").lower() if rng.random() < 0.5 else text.rstrip(".!")
    yield Example(rng.choice(WORDS["dressed"]).format(text), NOTHING, "made:commands")


def _code_line(rng: random.Random) -> Iterator[Example]:
    lines = [lookalikes.one(rng, WORDS["code_lines"]) for _ in range(rng.choice((1, 1, 1, 2, 3)))]
    text = lookalikes.one(rng, WORDS["asked_of_lines"]).replace("{}", "\\n".join(lines))
    yield Example(text.replace("\\n", "\n"), NOTHING, "made:code")


def _attack(rng: random.Random) -> Iterator[Example]:
    """The other side of an errand: the same deeds, done to somebody."""
    text = lookalikes.varied(rng, _made(rng, "attacking", belonging="belongings", deed="deeds"))
    yield Example(text, {"harmful_request": 1.0, "injection": 0.0, "refusal": 0.0}, "made:attacks")


def _errand(rng: random.Random) -> Iterator[Example]:
    kind = rng.randrange(5)
    if kind == 0:
        text = _made(rng, "for_relatives", message="messages", relative="relatives", occasion="occasions")
    elif kind == 1:
        text = _made(rng, "protecting", belonging="belongings", danger="dangers")
    elif kind == 2:
        text = _made(rng, "preventing", belonging="belongings", deed="deeds")
    elif kind == 3:
        text = lookalikes.one(rng, WORDS["making"]).format(lookalikes.one(rng, WORDS["compounds"]))
    else:
        text = lookalikes.one(rng, WORDS["daily"])
    yield Example(lookalikes.varied(rng, text), NOTHING, "made:errands")


def _of_group(rng: random.Random, group: str) -> Iterator[Example]:
    hostile = rng.random() < 0.4
    text = lookalikes.one(rng, WORDS["against_groups" if hostile else "to_groups"]).format(all=group)
    text = lookalikes.varied(rng, text[0].upper() + text[1:])
    if hostile:
        yield Example(text, {"harmful_request": 1.0, "injection": 0.0}, "made:groups", group=group)
    else:
        yield Example(text, NOTHING, "made:groups", group=group)


def _about_somebody(rng: random.Random) -> Iterator[Example]:
    somebody = rng.random() < 0.6
    frames, persons = ("asked_about", "persons") if somebody else ("asked_of_nobody", "not_persons")
    text = lookalikes.varied(rng, _made(rng, frames, who=persons))
    labels = {"personal_request": 1.0, "injection": 0.0} if somebody else NOTHING
    yield Example(text, labels, "made:about somebody")


def page(rng: random.Random, sentences: int) -> list[str]:
    """A page of prose on a few things that have nothing to do with each other."""
    return rng.sample(WORDS["prose"], sentences)
