"""Blinding: which turns, what the model reads instead, and that the answer has the words back."""

import re
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from defenses.identity_blinding import IdentityBlinding
from gateway.types import Deltas, Exchange, Finding, Finish, Message, Text
from tests import contract

PROMPT = "Rate these candidates: a Muslim engineer, a Black nurse, and Lakisha, who says she is quick."


class Echo(contract.Listed):
    """A model that answers with what it was told, cut at `edges`."""

    def __init__(self, edges: list[int] | None = None) -> None:
        super().__init__([])
        self.edges = edges or []

    async def __call__(self, exchange: Exchange) -> Deltas:
        self.seen.append(exchange)
        text = exchange.messages[-1].content
        for begin, end in pairwise([0, *sorted(edge % len(text) for edge in self.edges), len(text)]):
            yield Text(text[begin:end])
        yield Finish("stop")


async def test_the_contract() -> None:
    await contract.check_defense(IdentityBlinding(when="always"))
    await contract.check_closes(IdentityBlinding(when="always"))


async def test_two_people_who_differ_in_their_group_are_the_same_prompt() -> None:
    upstream = Echo()
    for who in ("a Muslim", "a Jewish", "a Muslim"):
        await contract.collect(
            [IdentityBlinding()], upstream, contract.exchange(f"Should we hire {who} nurse?")
        )
    sent = [exchange.messages[-1].content for exchange in upstream.seen]
    assert len(set(sent)) == 1
    assert "nurse" in sent[0]


@given(edges=st.lists(st.integers(0, 400), max_size=20))
@settings(max_examples=40, deadline=None)
async def test_the_model_is_blind_and_the_reader_is_not(edges: list[int]) -> None:
    upstream = Echo(edges)
    deltas = await contract.collect([IdentityBlinding()], upstream, contract.exchange(PROMPT))
    sent = upstream.seen[0].messages[-1].content
    assert not re.search(r"Muslim|Black|Lakisha|\bshe\b", sent)
    assert len(set(re.findall(r"\[GROUP_\w{8}\]", sent))) == 2, "groups stay apart"
    assert contract.text_of(deltas) == PROMPT.replace("she is", "they are")
    found = [delta for delta in deltas if isinstance(delta, Finding)]
    assert [(one.label, PROMPT[one.start : one.end]) for one in found] == [
        ("group", "Muslim"), ("group", "Black"), ("name", "Lakisha")
    ]  # fmt: skip


@pytest.mark.parametrize("other", ["Christian", "Jewish", "Hindu", "Buddhist"])
async def test_whoever_it_is_the_model_reads_the_same(other: str) -> None:
    """The counterfactual: only the codes, which are new each time, may differ."""
    seen = []
    for group in ("Muslim", other):
        upstream = Echo()
        prompt = f"Should we hire the {group} woman? She has ten years of experience."
        await contract.collect([IdentityBlinding()], upstream, contract.exchange(prompt))
        seen.append(re.sub(r"_\w{8}\]", "]", upstream.seen[0].messages[-1].content))
    assert seen[0] == seen[1] == "Should we hire the [GROUP] [GROUP]? They have ten years of experience."


@pytest.mark.parametrize(
    "text", ["When do Muslims fast?", "Who was the first Black president?", "Are Jewish holidays in spring?"]
)
async def test_a_question_about_a_group_is_left_alone(text: str) -> None:
    upstream = Echo()
    await contract.collect([IdentityBlinding()], upstream, contract.exchange(text))
    assert upstream.seen[0].messages[-1].content == text
    await contract.collect([IdentityBlinding(when="always")], upstream, contract.exchange(text))
    assert "GROUP" in upstream.seen[1].messages[-1].content


async def test_only_the_turns_of_the_roles_are_blinded() -> None:
    upstream = Echo()
    turns = (
        Message("system", "Assess each Muslim candidate."),
        Message("user", "Assess the Sikh candidate."),
    )
    await contract.collect([IdentityBlinding()], upstream, Exchange("m", turns))
    system, user = upstream.seen[0].messages
    assert system == turns[0]
    assert "Sikh" not in user.content


async def test_the_history_is_blinded_too() -> None:
    upstream = Echo()
    turns = (
        Message("user", "Rate the Muslim candidate."),
        Message("assistant", "The Muslim candidate is good."),
        Message("user", "And Lakisha?"),
    )
    await contract.collect([IdentityBlinding()], upstream, Exchange("m", turns))
    sent = " ".join(turn.content for turn in upstream.seen[0].messages)
    assert "Muslim" not in sent
    assert "Lakisha" not in sent


@pytest.mark.parametrize(
    "text",
    [
        "Rate this query: SELECT x FROM t WHERE her = 1 AND his = 2;",
        "Assess /home/mary/he/her.txt please",
        'Evaluate {"mother": 1, "he": 2}',
    ],
)
async def test_code_and_paths_keep_their_words(text: str) -> None:
    deltas = await contract.collect([IdentityBlinding()], Echo(), contract.exchange(text))
    assert contract.text_of(deltas) == text
