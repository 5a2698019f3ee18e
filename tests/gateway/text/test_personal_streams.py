"""Personal data in pieces: no cutting lets out what the whole text would not."""

import random

import pytest

from defenses.leak_filter import LeakFilter
from gateway.text.personal import PERSONAL
from tests import contract
from tests.gateway.text.samples import embedded, released, valid

EVERY = list(range(len(PERSONAL.rules)))


def said(number: int) -> str:
    """A sentence with what rule `number` is for."""
    rule, rng = PERSONAL.rules[number], random.Random(number)
    for _ in range(3):  # a lead that is drawn at random may be read in another way, and then lead elsewhere
        text = embedded(rule, valid(rule, rng), rng)
        if rule.label in {found.label for found in PERSONAL.find(text)}:
            break
    return text


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


@pytest.mark.parametrize("number", EVERY[::6], ids=lambda number: f"{PERSONAL.rules[number].label}-{number}")
async def test_every_cutting_gives_the_same_text(number: int) -> None:
    text, rng = said(number), random.Random(number)
    halves = [[edge] for edge in range(1, len(text), max(len(text) // 40, 1))]
    tokens = [[at for at in range(len(text)) if rng.random() < 0.25] for _ in range(3)]
    await contract.check_cutting(LeakFilter(), text, [*halves, *tokens, list(range(len(text)))])
