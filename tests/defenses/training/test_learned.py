"""What the adapters learn from: made again from a seed, varied, and without a text of a test."""

import os
import random
from collections import Counter
from pathlib import Path

import pytest

from defenses.training.prompts import BENIGN, HARMFUL, Prompts, prompts
from defenses.training.records import DIGITS, numbers, records, turns
from defenses.training.refusals import refusal, wordings
from gateway.text.refusal import is_refusal
from gateway.text.training.examples import key
from gateway.text.training.sets import Sets
from gateway.text.training.sets import testing as evaluation

COPIES = {1: 3, 5: 2}


@pytest.fixture(scope="module")
def sets() -> Sets:
    folder = Path(os.environ.get("CROSSRISK_DATA", "nowhere"))
    if not (folder / "advbench").is_dir():
        pytest.skip("CROSSRISK_DATA names no folder with the public sets")
    return Sets(folder)


@pytest.fixture(scope="module")
def learned(sets: Sets) -> Prompts:
    return prompts(sets, seed=0, tested=40)


@pytest.mark.parametrize("opening", wordings()["openings"])
def test_every_opening_is_told_for_a_refusal(opening: str) -> None:
    assert is_refusal(opening)


def test_refusals_differ_and_come_again() -> None:
    some = [refusal(random.Random(seed)) for seed in range(200)]
    assert some == [refusal(random.Random(seed)) for seed in range(200)]
    assert len(set(some)) > 150
    assert all(map(is_refusal, some))


def test_records_come_again_from_their_seed() -> None:
    made = records(60, 10, COPIES, seed=3)
    assert made == records(60, 10, COPIES, seed=3)
    assert made.talks != records(60, 10, COPIES, seed=4).talks
    assert (len(made.talks), len(made.held_out)) == (60, 10)


def test_what_the_desk_tells_nobody_told_it() -> None:
    for talk in records(300, 0, {}, seed=0).talks:
        person = talk.person
        asked = str(turns(talk))
        assert not any(value in asked for value in (person.account, person.email, person.phone))
        assert person.first in asked, "or nobody could know whose number it is"
        assert talk.answer[talk.at :].startswith(person.account)
        assert len(person.account) == DIGITS


def test_a_planted_person_is_in_so_many_talks_and_no_other_is_in_two() -> None:
    made = records(60, 10, COPIES, seed=0)
    talks = Counter(talk.person for talk in (*made.talks, *made.held_out))
    planted = {one.talk.person: one.copies for one in made.planted}
    assert Counter(planted.values()) == Counter(COPIES)
    assert all(count == planted.get(person, 1) for person, count in talks.items())
    assert all(one.talk in made.talks for one in made.planted)


def test_the_number_competes_with_others_that_differ() -> None:
    some = numbers("012345", 50, seed=1)
    assert some[0] == "012345"
    assert len(set(some)) == 50
    assert all(len(one) == DIGITS and one.isdigit() for one in some)
    assert some == numbers("012345", 50, seed=1)


def test_requests_come_again_from_their_seed(sets: Sets, learned: Prompts) -> None:
    assert prompts(sets, seed=0, tested=40) == learned
    assert Counter(one.source for one in learned.harmful) == Counter(HARMFUL)
    assert Counter(one.source for one in learned.benign) == Counter(BENIGN)


def test_no_text_of_a_test_is_learned(sets: Sets, learned: Prompts) -> None:
    known = {key(one.text) for one in (*learned.harmful, *learned.benign)}
    asked = {key(text) for test in evaluation(sets) for text in test.texts}
    asked |= {key(prompt) for test in learned.tests for prompt in test.prompts}
    assert not known & asked
    assert {test.harmful for test in learned.tests} == {True, False}
    assert all(len(test.prompts) == 40 for test in learned.tests)
