"""Placeholders: nothing personal reaches the model, and the answer has it all back."""

import json
import random
import re
from collections.abc import Sequence
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from defenses.pii_redaction import PiiRedaction
from gateway.pseudonyms import GARBLED, Vault
from gateway.text.personal import PERSONAL
from gateway.text.rules import Rule
from gateway.types import Deltas, Exchange, Finding, Finish, Message, Text, ToolCall, ToolCallPart
from tests import contract
from tests.gateway.text.samples import embedded, valid

MAIL, CARD = "ana.lopez@example.org", "4539 1488 0343 6467"
PROMPT = f"Write to {MAIL} that the card {CARD} was charged. Copy {MAIL} in the footer."


class Echo(contract.Listed):
    """A model that answers with what it was told, changed by `change` and cut at `edges`."""

    def __init__(self, change: object = None, edges: Sequence[int] = ()) -> None:
        super().__init__([])
        self.change = change
        self.edges = edges

    async def __call__(self, exchange: Exchange) -> Deltas:
        self.seen.append(exchange)
        text = exchange.messages[-1].content
        if callable(self.change):
            text = self.change(text)
        edges = [0, *sorted({edge % (len(text) + 1) for edge in self.edges}), len(text)]
        for begin, end in pairwise(edges):
            yield Text(text[begin:end])
        yield Finish("stop")


def prompt_of(upstream: contract.Listed) -> str:
    return json.dumps(
        [
            (turn.content, turn.name, [(call.name, call.arguments) for call in turn.tool_calls])
            for turn in upstream.seen[0].messages
        ],
        ensure_ascii=False,
    )


async def test_the_contract() -> None:
    await contract.check_defense(PiiRedaction())
    await contract.check_closes(PiiRedaction())


@given(edges=st.lists(st.integers(0, 400), max_size=30))
@settings(max_examples=60, deadline=None)
async def test_all_comes_back_however_the_answer_is_cut(edges: list[int]) -> None:
    upstream = Echo(edges=edges)
    deltas = await contract.collect([PiiRedaction()], upstream, contract.exchange(PROMPT))
    sent = upstream.seen[0].messages[-1].content
    assert MAIL not in sent
    assert CARD not in sent
    assert len(set(re.findall(r"\[EMAIL_\w{8}\]", sent))) == 1, "one value, one placeholder"
    assert contract.text_of(deltas) == PROMPT
    found = [delta for delta in deltas if isinstance(delta, Finding)]
    assert [(one.label, one.action, one.side) for one in found] == [
        ("email", "redact", "input"), ("card", "redact", "input"), ("email", "redact", "input")
    ]  # fmt: skip


@pytest.mark.parametrize(
    "change",
    [str.lower, str.title, lambda t: t.replace("[", "").replace("]", ""), lambda t: t.replace("_", " "),
     lambda t: t.replace("_", "-"), lambda t: t.replace("[", "**[").replace("]", "]**"),
     lambda t: t.replace("]", "]."), lambda t: t.replace("_", "\\_")],
)  # fmt: skip
async def test_what_the_model_does_to_a_placeholder_does_not_matter(change: object) -> None:
    upstream = Echo(change)
    deltas = await contract.collect([PiiRedaction()], upstream, contract.exchange(PROMPT))
    text = contract.text_of(deltas)
    assert text.count(MAIL) == 2
    assert text.count(CARD) == 1
    assert not re.search(r"(?i)(email|card)[ _-]\w{8}", text)


async def test_a_garbled_placeholder_stays_and_is_flagged() -> None:
    def garbled(text: str) -> str:
        at = text.index("[EMAIL_") + len("[EMAIL_")
        return text[:at] + ("A" if text[at] != "A" else "B") + text[at + 1 :]

    upstream = Echo(garbled, edges=range(0, 200, 3))
    deltas = await contract.collect([PiiRedaction()], upstream, contract.exchange(PROMPT))
    text = contract.text_of(deltas)
    assert text.count(MAIL) == 1, "the second one was whole"
    flagged = [d for d in deltas if isinstance(d, Finding) and d.side == "output"]
    assert [(one.label, one.action) for one in flagged] == [(GARBLED, "flag")]
    sent = upstream.seen[0].messages[-1].content
    place = garbled(sent)[flagged[0].start : flagged[0].end]
    assert place in text


@pytest.mark.parametrize("rule", PERSONAL.rules, ids=lambda rule: f"{rule.label}-{hash(rule.pattern) % 9999}")
async def test_nothing_of_any_kind_reaches_the_model(rule: Rule) -> None:
    rng = random.Random(rule.pattern)
    value = valid(rule, rng)
    text = embedded(rule, value, rng)
    one = next((found for found in PERSONAL.find(text) if found.label == rule.label), None)
    assert one is not None
    secret = text[one.start : one.end]
    call = ToolCall("1", "save", json.dumps({"note": text}))
    asked = Exchange(
        model="m",
        messages=(
            Message("system", f"Notes. {text}"),
            Message("user", f"Bitte schicken Sie das: {text}"),
            Message("assistant", f"D'accord, {text}", tool_calls=(call,)),
            Message("tool", json.dumps({"rows": [text, "मेरा फ़ोन"]}), tool_call_id="1"),
            Message("user", f"もう一度: {text}"),
        ),
    )  # fmt: skip
    upstream = Echo(edges=[40, 60])
    deltas = await contract.collect([PiiRedaction()], upstream, asked)
    sent = prompt_of(upstream)
    assert secret not in sent
    assert json.dumps(secret)[1:-1] not in sent
    for turn in upstream.seen[0].messages:
        for call in turn.tool_calls:
            assert json.loads(call.arguments)
    assert contract.text_of(deltas) == asked.messages[-1].content


async def test_calls_of_tools_get_the_values_and_stay_json() -> None:
    class Calls(Echo):
        async def __call__(self, exchange: Exchange) -> Deltas:
            self.seen.append(exchange)
            [mail] = re.findall(r"\[EMAIL_\w{8}\]", exchange.messages[-1].content)[:1]
            arguments = json.dumps({"to": mail, "note": f"for {mail.lower()}, soon"})
            yield ToolCallPart(0, "1", "send")
            for at in range(0, len(arguments), 3):
                yield ToolCallPart(0, arguments=arguments[at : at + 3])
            yield Finish("tool_calls")

    deltas = await contract.collect([PiiRedaction()], Calls(), contract.exchange(PROMPT))
    assert json.loads(contract.arguments_of(deltas)) == {"to": MAIL, "note": f"for {MAIL}, soon"}


async def test_only_what_was_asked_for_is_hidden() -> None:
    upstream = Echo()
    defense = PiiRedaction(kinds=("email",), allow=("*@example.org",))
    asked = contract.exchange(PROMPT + " Or bob@example.com.")
    await contract.collect([defense], upstream, asked)
    sent = upstream.seen[0].messages[-1].content
    assert MAIL in sent
    assert CARD in sent
    assert "bob@example.com" not in sent


def test_no_two_exchanges_share_a_placeholder() -> None:
    for key in (b"", b"k"):
        vault = Vault(key)
        codes = [vault.hide("email", str(number)) for number in range(200)]
        assert len(set(codes)) == 200
        assert all(vault.show("email", code) == str(number) for number, code in enumerate(codes))
    assert Vault(b"k").hide("email", "a") == Vault(b"k").hide("email", "b") != Vault(b"l").hide("email", "a")
    one, other = Vault(), Vault()
    placeholder = one.hide("email", MAIL)
    assert placeholder != other.hide("email", MAIL)
    assert not other.knows(placeholder)


async def test_words_that_look_like_a_placeholder_are_none() -> None:
    said = "The email rejected us; the phone standard, card business. See [EMAIL_ABCDEFGH]?"
    upstream = Echo(lambda _: said)
    deltas = await contract.collect([PiiRedaction()], upstream, contract.exchange(PROMPT))
    assert contract.text_of(deltas) == said
    assert not [delta for delta in deltas if isinstance(delta, Finding) and delta.side == "output"]


async def test_brackets_that_are_not_its_own_stay() -> None:
    def linked(text: str) -> str:
        [mail] = re.findall(r"\[(EMAIL_\w{8})\]", text)[:1]
        return f"[{mail}](mailto:{mail}) and [{mail}, x]"

    deltas = await contract.collect([PiiRedaction()], Echo(linked), contract.exchange(PROMPT))
    assert contract.text_of(deltas) == f"{MAIL}(mailto:{MAIL}) and [{MAIL}, x]"


async def test_an_answer_in_json_stays_json() -> None:
    def as_json(text: str) -> str:
        [note] = re.findall(r"\[PASSWORD_\w{8}\]", text)
        return json.dumps({"password": note})

    secret = 'pa\\ss"w0rd!'
    asked = Exchange(
        "m", (Message("user", f"my password is {secret}"),), {"response_format": {"type": "json_object"}}
    )
    upstream = Echo(as_json, edges=range(0, 40, 3))
    deltas = await contract.collect([PiiRedaction()], upstream, asked)
    told = json.loads(contract.text_of(deltas))["password"]
    assert told
    assert told in secret
