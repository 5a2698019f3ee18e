"""Personal data in pieces: no cutting lets out what the whole text would not."""

import random

import pytest

from defenses.leak_filter import LeakFilter
from gateway.chain import Layer, chain
from gateway.text.personal import PERSONAL
from gateway.types import Deltas, Exchange, Finish, Message, Text
from tests.gateway.text.samples import embedded, released, valid

EVERY = list(range(len(PERSONAL.rules)))


def said(number: int) -> str:
    """A sentence with what rule `number` is for."""
    rule, rng = PERSONAL.rules[number], random.Random(number)
    return embedded(rule, valid(rule, rng), rng)


@pytest.mark.parametrize("number", EVERY, ids=lambda number: f"{PERSONAL.rules[number].label}-{number}")
def test_no_place_to_stop_is_within_what_is_found(number: int) -> None:
    text = said(number)
    whole = PERSONAL.find(text)
    assert PERSONAL.rules[number].label in {found.label for found in whole}
    for size in (1, 4, 7):
        for out in released(PERSONAL, text, [size] * (len(text) // size + 1)):
            for found in whole:
                assert not (found.since or 0) < out < found.end, text[:out]
    for first in range(1, len(text)):
        [out] = released(PERSONAL, text, [first])
        assert not [found for found in whole if (found.since or 0) < out < found.end], text[:first]


async def through(text: str, sizes: list[int]) -> str:
    """What a client gets of `text` in pieces."""

    async def upstream(exchange: Exchange) -> Deltas:
        at = 0
        for size in sizes:
            yield Text(text[at : at + size])
            at += size
        yield Text(text[at:])
        yield Finish("stop")

    asked = Exchange(model="", messages=(Message("user", "Go on."),))
    deltas = chain([Layer("leaks", LeakFilter())], upstream)(asked)
    return "".join([delta.text async for delta in deltas if isinstance(delta, Text)])


@pytest.mark.parametrize("number", EVERY[::6])
async def test_every_cutting_gives_the_same_text(number: int) -> None:
    text = said(number)
    expected = await through(text, [])
    assert expected != text
    rng = random.Random(number)
    for first in range(1, len(text), max(len(text) // 40, 1)):
        assert await through(text, [first]) == expected
    for _ in range(3):
        assert await through(text, [rng.randint(1, 6) for _ in range(len(text))]) == expected
