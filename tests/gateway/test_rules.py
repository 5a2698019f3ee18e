"""Prefix forms and rules, against the plain definition of a prefix."""

import pytest
import re2
from hypothesis import given, settings
from hypothesis import strategies as st

from gateway.errors import ConfigError
from gateway.text.personal import PERSONAL
from gateway.text.prefix import max_length, prefix_form
from gateway.text.rules import NEAR, Rule, RuleSet
from tests.gateway.text.samples import released

PATTERNS = [
    r"\bab?c\b",
    r"(?:ab|cd){1,3}e",
    r"[ab]{2,4}c?",
    r"a[^b]{0,3}d",
    r"\b\d{2}(?:-\d{2}){1,2}\b",
    r"x\B",
]


def cut_of(rules: RuleSet, text: str) -> int:
    """Where a window would cut `text`: before what is pending, and never through a match."""
    cut = len(text) - rules.pending(text)
    for found in reversed(rules.find(text)):
        cut = found.start if found.start < cut < found.end else cut
    return cut


@pytest.mark.parametrize("pattern", PATTERNS)
@settings(max_examples=200, deadline=None)
@given(text=st.text(alphabet="abcdex1-2 ", max_size=12), more=st.text(alphabet="abcdex1-2 ", max_size=6))
def test_what_is_released_no_later_text_can_claim(pattern: str, text: str, more: str) -> None:
    """A match of the longer text that was not one before must begin in what was pending."""
    rules = RuleSet([Rule("x", pattern)])
    safe = cut_of(rules, text)
    before = {(d.start, d.end) for d in rules.find(text) if d.end <= safe}
    after = {(d.start, d.end) for d in rules.find(text + more) if d.start < safe}
    assert after == before


@pytest.mark.parametrize("pattern", PATTERNS)
@settings(max_examples=200, deadline=None)
@given(released=st.text(alphabet="abcdex1-2 é", max_size=9), text=st.text(alphabet="abcdex1-2 é", max_size=9))
def test_a_glance_says_what_the_long_way_says(pattern: str, released: str, text: str) -> None:
    rules = RuleSet([Rule("x", pattern)])
    start = cut_of(rules, released)
    text = released + text
    pending = rules.glance(text, start)
    found = rules.find(text, start)
    if pending is None:
        assert found
        return
    assert not [detection for detection in found if detection.end <= len(text) - pending]
    held = min(rules.pending(text), len(text) - start)
    assert pending >= held
    if pending > held:  # only where a match that is complete ends with the text
        assert [detection for detection in found if detection.end == len(text)]


@pytest.mark.parametrize("pattern", PATTERNS)
@given(text=st.text(alphabet="abcdex1-2 é", max_size=9))
def test_a_glance_at_a_whole_text_waits_for_nothing(pattern: str, text: str) -> None:
    rules = RuleSet([Rule("x", pattern)])
    assert rules.glance(text, final=True) == (None if rules.find(text) else 0)


def test_a_glance_at_a_whole_text_sees_what_an_opening_begins() -> None:
    rules = RuleSet([Rule("key", r"-BEGIN \w{1,9}-", opening="-BEGIN ")])
    assert rules.glance("a -BEGIN abc-", final=True) is None
    assert rules.glance("a -BEGI", final=True) == 0


@pytest.mark.parametrize(
    ("pattern", "match"),
    [
        (r"(?:ab|cd){1,3}e", "cdabcde"),
        (r"(?:ab|cd){1,3}e", "abe"),
        (r"[ab]{2,4}c?", "abbac"),
        (r"a[^b]{0,3}d", "axyzd"),
        (r"\b\d{2}(?:-\d{2}){1,2}\b", "12-34-56"),
    ],
)
def test_every_beginning_of_a_match_is_in_the_prefix_form(pattern: str, match: str) -> None:
    assert re2.fullmatch(pattern, match)
    for end in range(len(match)):
        assert re2.fullmatch(prefix_form(pattern), match[:end]), match[:end]


@pytest.mark.parametrize("pattern", PATTERNS)
def test_the_prefix_form_compiles(pattern: str) -> None:
    assert re2.compile(prefix_form(pattern)).fullmatch("") is not None
    assert max_length(pattern) < 20


@pytest.mark.parametrize("pattern", ["a+", "a*", "^a", "a$", "(?=a)b", r"(a)\1", "("])
def test_what_has_no_bounded_prefix_form_is_refused(pattern: str) -> None:
    with pytest.raises(ConfigError):
        RuleSet([Rule("x", pattern)])


@pytest.mark.parametrize(
    ("label", "text"),
    [
        ("email", "ada.lind+x@mail.example.co.uk"),
        ("card", "4539148803436467"),
        ("iban", "DE89 3704 0044 0532 0130 00"),
        ("ssn", "536-90-4399"),
        ("phone", "+49 30 901820"),
        ("api_key", "xoxb-1234567890-abcdefghij"),
        ("jwt", "eyJhbGciOiJI.eyJzdWIiOiIx.c2lnbmF0dXJl"),
        ("private_key", "-----BEGIN PRIVATE KEY-----\nMIIB\n-----END PRIVATE KEY-----"),
    ],
)
def test_personal_data_is_found_whole(label: str, text: str) -> None:
    found = PERSONAL.find(f"see {text} here")
    assert [(d.label, d.start, d.end) for d in found] == [(label, 4, 4 + len(text))]


@pytest.mark.parametrize(
    "text",
    ["4539 1488 0343 6468", "DE89 3704 0044 0532 0130 03", "000-12-3456", "me@home", "2023-2024", "sk-short"],
)
def test_near_misses_are_left_alone(text: str) -> None:
    assert PERSONAL.find(f"see {text} here") == []


@pytest.mark.parametrize("before", range(2030, 2056))
def test_a_match_at_the_border_of_two_blocks_is_found(before: int) -> None:
    [found] = PERSONAL.find(" " * before + "ada@example.org" + " " * 100)
    assert (found.start, found.end) == (before, before + len("ada@example.org"))


def test_a_long_text_is_searched_like_a_short_one() -> None:
    filler = "lorem ipsum " * 1000
    text = f"{filler}ada@example.org {filler}bob@example.org"
    found = PERSONAL.find(text)
    assert [text[d.start : d.end] for d in found] == ["ada@example.org", "bob@example.org"]


@pytest.mark.parametrize("body", ["A" * 64 + "\n", "B" * 76 + "\r\n"])
def test_a_long_private_key_is_found_whole(body: str) -> None:
    key = f"-----BEGIN RSA PRIVATE KEY-----\n{body * 48}ab==\n-----END RSA PRIVATE KEY-----"
    [found] = PERSONAL.find(f"see {key} here")
    assert (found.label, found.start, found.end) == ("private_key", 4, 4 + len(key))


def test_a_rule_with_an_opening_waits_for_all_of_it() -> None:
    rules = RuleSet([Rule("block", "<<[a-z]{1,9}>>", opening="<<"), Rule("ab", "ab")])
    pending = {"x <": 1, "x <<": 2, "x <<a": 3, "x <<a>": 4, "x <<a>>": 0, "x << ": 0, "x a": 1, "x <<aa": 4}
    assert {text: rules.pending(text) for text in pending} == pending
    assert rules.glance("x <") == 1
    assert rules.glance("x << y") is None
    assert [found.label for found in rules.find("ab <<c>> ab")] == ["ab", "block", "ab"]


def test_a_rule_needs_its_word_however_the_text_comes() -> None:
    rules = RuleSet([Rule("room", r"\b\d{3}\b", score=0.0, context=("room*",))])
    for text in ("in room 214 it is", "rooms: 214", "in the lobby 214", "a broom 214"):
        whole = [(found.start, found.end) for found in rules.find(text)]
        assert bool(whole) == (" room" in f" {text}")
        for size in (1, 2, 3):
            for out in released(rules, text, [size] * len(text)):
                assert not [span for span in whole if span[0] < out < span[1]]
    assert rules.glance("in the lobby 21") == 0, "without its word it holds nothing back"
    assert rules.glance("in room 21") == 2


def test_a_word_counts_only_so_near() -> None:
    rules = RuleSet([Rule("room", r"\b\d{3}\b", score=0.2, context=("room",))])
    for gap in (NEAR - 4, NEAR - 3):
        text = f"room{' ' * gap}214"
        assert [found.score for found in rules.find(text)] == [0.9 if gap <= NEAR - 4 else 0.2]
        assert rules.find(text, len(text) - 3) == rules.find(text)
    assert [found.score for found in rules.find(f"room{' ' * (NEAR - 4)}2145, 314")] == [0.2]


def test_a_long_wait_is_as_long_as_the_rule_needs() -> None:
    rules = RuleSet([Rule("run", r"\b[ab]{10,40}!"), Rule("long", r"bbb-[a-z]{30,40}>")])
    assert rules.pending("so: " + "ab" * 15) == 30
    assert rules.pending("so: " + "ab" * 20) == 40
    assert rules.pending("so: " + "ba" * 21) == 0, "too long for it, though not for its loosened form"
    assert rules.glance("so: " + "ba" * 21) is None
    assert rules.pending("so: " + "ab" * 21 + "bb") == 3, "but for what another may begin with"


@pytest.mark.parametrize("before", [0, 2040, 2048, 2049, 5000, 9000])
def test_an_opening_is_found_wherever_it_stands(before: int) -> None:
    rules = RuleSet([Rule("key", r"\bkey-[a-z]{4,8}\b")])
    text = "é " * (before // 2) + "monkey-abcde key-abcde, key-ab, key-abcdefgh"
    assert [text[d.start : d.end] for d in rules.find(text)] == ["key-abcde", "key-abcdefgh"]
    assert rules.find(text, len(text) - 9) == []
