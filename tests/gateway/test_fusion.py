"""Detectors side by side: one window, one verdict, all at the same time, and beside the model."""

import asyncio
import json
from collections.abc import Callable, Mapping, Sequence
from contextlib import aclosing
from dataclasses import dataclass, field, replace
from itertools import pairwise
from typing import ClassVar, Literal

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from defenses.fairness_reminder import FairnessReminder
from defenses.leak_filter import LeakFilter
from gateway.chain import Layer, chain, steps
from gateway.detector import Detector, PatternDetector, SentenceDetector
from gateway.engine import Engine, Route
from gateway.errors import ConfigError, DefenseError, JudgeError, TextTooLongError, UpstreamError
from gateway.fusion import Fusion
from gateway.metrics import GatewayMetrics
from gateway.servers.status import log_failure, public_message, status_of
from gateway.text.rules import Rule, RuleSet
from gateway.text.sentences import LONGEST
from gateway.types import (
    Action,
    Defense,
    Delta,
    Deltas,
    Detection,
    Exchange,
    Finding,
    Finish,
    Message,
    Risk,
    Text,
    ToolCall,
    ToolCallPart,
)
from gateway.unit import Units
from tests import contract


@dataclass(frozen=True, slots=True, kw_only=True)
class Words(PatternDetector):
    """Words of four letters or more that begin with `a`."""

    risk: ClassVar[Risk] = "safety"
    rules: ClassVar[RuleSet] = RuleSet([Rule("a_word", r"\ba[a-z]{3,9}\b")])
    labels: ClassVar[frozenset[str]] = rules.labels

    side: Literal["input", "output", "both"] = "output"


@dataclass(frozen=True, slots=True, kw_only=True)
class Endings(PatternDetector):
    """The last three letters of a word that ends in `ing`, and what follows up to a number."""

    risk: ClassVar[Risk] = "fairness"
    rules: ClassVar[RuleSet] = RuleSet([Rule("ending", r"ing(?: [0-9]{1,20})?\b")])
    labels: ClassVar[frozenset[str]] = rules.labels

    side: Literal["input", "output", "both"] = "output"


@dataclass(frozen=True, slots=True, kw_only=True)
class Slow(Detector):
    """Finds `bad` once `gate` is open; says when it began."""

    risk: ClassVar[Risk] = "safety"
    labels: ClassVar[frozenset[str]] = frozenset({"bad"})

    gate: asyncio.Event = field(default_factory=asyncio.Event)
    begun: asyncio.Event = field(default_factory=asyncio.Event)

    async def detect(self, text: str, exchange: Exchange, start: int = 0) -> Sequence[Detection]:
        self.begun.set()
        await self.gate.wait()
        at = text.find("bad", start)
        return [Detection(at, at + 3, "bad")] if at >= 0 else []


@dataclass(frozen=True, slots=True, kw_only=True)
class Shouting(SentenceDetector):
    """A sentence is a shout when its letters are capitals; more so after another shout."""

    risk: ClassVar[Risk] = "safety"
    labels: ClassVar[frozenset[str]] = frozenset({"shout"})

    async def judge(self, sentence: str, before: str, exchange: Exchange) -> Mapping[str, float]:
        return {"shout": 1.0 if before.rstrip().endswith("!") else 0.7} if sentence.isupper() else {}


def findings_of(deltas: Sequence[Delta]) -> list[tuple[str, str, str, int, int]]:
    return [(d.defense, d.label, d.action, d.start, d.end) for d in deltas if isinstance(d, Finding)]


def test_only_neighbours_that_may_are_fused() -> None:
    layers = [
        Layer("a", Words()),
        Layer("b", Endings()),
        Layer("c", FairnessReminder()),
        Layer("d", Words()),
        Layer("e", Words(), fuse=False),
        Layer("f", Words()),
        Layer("g", Words()),
    ]
    shape = [
        [name for name, _ in step.detectors] if isinstance(step, Fusion) else step.name
        for step in steps(layers)
    ]
    assert shape == [["a", "b"], "c", ["d"], ["e"], ["f", "g"]]


async def test_all_judge_what_enters_the_group() -> None:
    """Folded, the second would see the placeholder of the first; fused, it sees the source."""
    text = "They were asking 12 things."
    detectors: list[Defense] = [Endings(action="redact"), Words(action="flag")]
    fused = await contract.collect(detectors, contract.Listed(contract.answer(text)))
    assert contract.text_of(fused) == "They were ask[ENDING] things."
    assert ("defense_1", "a_word", "flag", 10, 16) in findings_of(fused)

    async def folded_text(fuse: bool) -> list[tuple[str, str, str, int, int]]:
        layers = [
            Layer("words", Words(action="flag"), fuse=fuse),
            Layer("ends", Endings(action="redact"), fuse=fuse),
        ]
        upstream = contract.Listed(contract.answer(text))
        async with aclosing(chain(layers, upstream)(contract.exchange())) as deltas:
            return findings_of([delta async for delta in deltas])

    assert ("words", "a_word", "flag", 10, 16) in await folded_text(True)
    assert not [found for found in await folded_text(False) if found[0] == "words"]


@pytest.mark.parametrize(
    ("words", "endings", "out", "last"),
    [
        ("redact", "redact", "We are [A_WORD] things.", "stop"),
        ("redact", "block", "We are ", "content_filter"),
        ("block", "redact", "We are ", "content_filter"),
        ("flag", "redact", "We are ask[ENDING] things.", "stop"),
        ("flag", "flag", "We are asking 12 things.", "stop"),
    ],
)
async def test_overlapping_spans_are_one_and_the_strongest_action_wins(
    words: Action, endings: Action, out: str, last: Literal["stop", "content_filter"]
) -> None:
    detectors: list[Defense] = [Words(action=words), Endings(action=endings)]
    # `asking` and `ing 12` overlap and are equally long, so the first of them names the placeholder.
    text = "We are asking 12 things."
    deltas = await contract.collect(detectors, contract.Listed(contract.answer(*text)))
    assert contract.text_of(deltas) == out
    assert deltas[-1] == Finish(last)
    assert {found[1] for found in findings_of(deltas)} >= (
        {"a_word", "ending"} if words != "flag" else {"ending"}
    )


async def test_hold_back_is_the_most_that_one_needs_not_the_sum() -> None:
    text = "word " * 4 + "asking 1234"
    held = {}
    groups: dict[str, list[Defense]] = {
        "words": [Words(action="block")],
        "endings": [Endings(action="redact")],
        "both": [Words(action="block"), Endings(action="redact")],
    }
    for name, detectors in groups.items():
        asked = contract.exchange()
        await contract.collect(detectors, contract.Listed(contract.answer(*text)), asked)
        held[name] = asked.trail.accounting.held_max
    assert held["both"] == max(held["words"], held["endings"], len("asking 1234"))


async def test_who_only_flags_holds_nothing_back() -> None:
    asked = contract.exchange()
    text = "write to ada@example.org and 4539 1488 0343 6467"
    flags = LeakFilter(action="flag")
    upstream = contract.Listed(contract.answer(*text))
    deltas = await contract.collect([flags], upstream, asked)
    assert [delta.text for delta in deltas if isinstance(delta, Text)] == list(text)
    assert asked.trail.accounting.held_max == 0
    assert {found[1] for found in findings_of(deltas)} == {"email", "card"}


async def test_who_only_flags_and_takes_time_holds_nothing_back_either() -> None:
    slow = Slow(action="flag", side="output")
    told: list[Delta] = []
    async with aclosing(
        chain([Layer("slow", slow)], contract.Listed(contract.answer("very ", "bad ", "indeed")))(
            contract.exchange()
        )
    ) as deltas:
        async for delta in deltas:
            told.append(delta)
            if len(told) == 3:
                assert contract.text_of(told) == "very bad indeed"
                slow.gate.set()  # only the end waits for the verdict
    assert [(f.start, f.end) for f in told if isinstance(f, Finding)] == [(5, 8)]


async def test_who_looks_in_the_background_stops_with_the_client() -> None:
    slow = Slow(action="flag", side="output")
    before = asyncio.all_tasks()
    async with aclosing(
        chain([Layer("slow", slow)], contract.Listed(contract.answer("very ", "bad ")))(contract.exchange())
    ) as deltas:
        async for delta in deltas:
            if delta == Text("bad "):
                break
    assert asyncio.all_tasks() == before


async def test_what_is_flagged_ends_where_the_block_began() -> None:
    """A flag behind the blocked span would tell of text that nobody got, if it was seen by chance."""
    text = "asking nicely bad apples"
    for pieces in ([text], list(text)):
        detectors: list[Defense] = [Words(action="flag"), Endings(action="block")]
        deltas = await contract.collect(detectors, contract.Listed(contract.answer(*pieces)))
        assert contract.text_of(deltas) == "ask"
        assert findings_of(deltas) == [("defense_1", "ending", "block", 3, 6)]


async def test_those_that_wait_look_at_the_same_time() -> None:
    """Each opens the other's gate when it begins: one after the other they would wait for ever."""
    first, second = Slow(side="output"), Slow(side="output")
    first, second = Slow(side="output", gate=second.begun, begun=first.begun), second
    second = Slow(side="output", gate=first.begun, begun=second.begun)
    async with asyncio.timeout(5):
        deltas = await contract.collect([first, second], contract.Listed(contract.answer("good")))
    assert contract.text_of(deltas) == "good"


async def test_one_that_fails_closed_ends_the_others() -> None:
    @dataclass(frozen=True, slots=True, kw_only=True)
    class Fails(Slow):
        async def detect(self, text: str, exchange: Exchange, start: int = 0) -> Sequence[Detection]:
            await asyncio.sleep(0)
            raise RuntimeError("a bug")

    with pytest.raises(DefenseError, match="defense_1 failed"):
        await contract.collect(
            [Slow(side="output"), Fails(side="output")], contract.Listed(contract.answer("good"))
        )
    assert len(asyncio.all_tasks()) == 1


@pytest.mark.parametrize("fails", ["on_error", "on_timeout"])
@pytest.mark.parametrize("policy", ["block", "flag", "allow"])
async def test_error_and_timeout_have_policies_of_their_own(
    fails: Literal["on_error", "on_timeout"], policy: Literal["block", "flag", "allow"]
) -> None:
    @dataclass(frozen=True, slots=True, kw_only=True)
    class Fails(Detector):
        risk: ClassVar[Risk] = "safety"
        labels: ClassVar[frozenset[str]] = frozenset()

        async def detect(self, text: str, exchange: Exchange, start: int = 0) -> Sequence[Detection]:
            if fails == "on_timeout":
                await asyncio.Event().wait()
            raise RuntimeError("a bug")

    asked = contract.exchange()
    detector = Fails(
        side="output",
        timeout=0.01,
        on_error=policy if fails == "on_error" else "block",
        on_timeout=policy if fails == "on_timeout" else "block",
    )
    upstream = contract.Listed(contract.answer("as it is"))
    if policy == "block":
        with pytest.raises(DefenseError, match="timed out" if fails == "on_timeout" else "failed"):
            await contract.collect([detector], upstream, asked)
        assert asked.trail.unchecked == 0
        return
    deltas = await contract.collect([detector], upstream, asked)
    assert contract.text_of(deltas) == "as it is"
    assert [found[1] for found in findings_of(deltas)] == (["unchecked"] if policy == "flag" else [])
    footprint = asked.trail.footprint("defense_0")
    counts = (footprint.allowed_on_error, footprint.allowed_on_timeout)
    assert counts == ((1, 0) if fails == "on_error" else (0, 1))
    assert asked.trail.unchecked == 1


class Raises(Slow):
    """Fails with a given error."""

    __slots__ = ()
    error: ClassVar[Exception] = RuntimeError()

    async def detect(self, text: str, exchange: Exchange, start: int = 0) -> Sequence[Detection]:
        raise self.error


async def test_who_sends_a_text_that_is_too_long_is_told_the_limit(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Raises, "error", TextTooLongError("a text has 9 tokens; the limit is 8"))
    with pytest.raises(TextTooLongError, match="the limit is 8") as raised:
        await contract.collect([Raises(side="input")], contract.Listed(contract.answer("good")))
    assert status_of(raised.value).http == 400
    with pytest.raises(DefenseError):  # of an answer that is too long the client cannot mend anything
        await contract.collect([Raises(side="output")], contract.Listed(contract.answer("good")))


async def test_the_log_says_why_a_judge_failed_and_the_client_is_not_told(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(Raises, "error", JudgeError("the judge at http://judge cannot be reached"))
    with pytest.raises(DefenseError) as raised:
        await contract.collect([Raises(side="input")], contract.Listed(contract.answer("good")))
    log_failure(raised.value)
    assert "defense_0 failed, caused by the judge at http://judge cannot be reached" in caplog.text
    assert "http://judge" not in public_message(raised.value)
    caplog.clear()
    monkeypatch.setattr(Raises, "error", ValueError("what the prompt said"))
    with pytest.raises(DefenseError) as raised:
        await contract.collect([Raises(side="input")], contract.Listed(contract.answer("good")))
    log_failure(raised.value)
    assert "ValueError" in caplog.text
    assert "what the prompt said" not in caplog.text


class Gated(contract.Listed):
    """Waits for `gate` before its first delta, and says when it was asked."""

    def __init__(self, *args: object, gate: asyncio.Event | None = None) -> None:
        super().__init__(*args)  # type: ignore[arg-type]
        self.asked = asyncio.Event()
        self.gate = gate
        self.given = 0

    async def __call__(self, exchange: Exchange) -> Deltas:
        self.asked.set()
        self.opened += 1
        try:
            if self.gate is not None:
                await self.gate.wait()
            for delta in self.deltas:
                self.given += 1
                yield delta
            if self.error is not None:
                raise self.error
        finally:
            self.closed += 1


async def test_beside_the_model_starts_at_once_and_its_first_delta_waits() -> None:
    detector = Slow(side="input", stands="beside")
    upstream = Gated(contract.answer("one", "two"))
    seen: list[Delta] = []

    async def consume() -> None:
        layers = [Layer("slow", detector)]
        async with aclosing(chain(layers, upstream)(contract.exchange("is this good?"))) as deltas:
            seen.extend([delta async for delta in deltas])

    consuming = asyncio.create_task(consume())
    async with asyncio.timeout(5):
        await detector.begun.wait()
        await upstream.asked.wait()  # asked before the verdict
    await asyncio.sleep(0.01)
    assert upstream.given == 1  # the first delta is there, and waits
    assert not seen
    detector.gate.set()
    await consuming
    assert contract.text_of(seen) == "onetwo"
    assert upstream.opened == upstream.closed == 1


@pytest.mark.parametrize("model", ["waits", "answers", "fails", "is empty"])
async def test_beside_a_block_cancels_the_model_and_sends_nothing(model: str) -> None:
    gate = asyncio.Event() if model == "waits" else None
    deltas: list[Delta] = [] if model in ("fails", "is empty") else contract.answer("secret")
    upstream = Gated(deltas, UpstreamError("died") if model == "fails" else None, gate=gate)
    detector = Slow(side="input", stands="beside")
    detector.gate.set()
    out = await contract.collect([detector], upstream, contract.exchange("something bad"))
    assert findings_of(out) == [("defense_0", "bad", "block", 10, 13)]
    assert out[-1] == Finish("content_filter")
    assert contract.text_of(out) == ""
    assert upstream.opened == upstream.closed == 1
    assert len(asyncio.all_tasks()) == 1


async def test_beside_a_client_that_leaves_during_the_check_stops_both() -> None:
    detector = Slow(side="input", stands="beside")
    upstream = Gated(contract.answer("one"), gate=asyncio.Event())
    consuming = asyncio.create_task(contract.collect([detector], upstream))
    await upstream.asked.wait()
    await detector.begun.wait()
    consuming.cancel()
    with pytest.raises(asyncio.CancelledError):
        await consuming
    assert upstream.opened == upstream.closed == 1
    assert len(asyncio.all_tasks()) == 1


async def test_beside_the_model_failing_is_told_only_when_the_prompt_is_let_through() -> None:
    detector = Slow(side="input", stands="beside")
    detector.gate.set()
    upstream = Gated([], UpstreamError("died"))
    with pytest.raises(UpstreamError, match="died"):
        await contract.collect([detector], upstream, contract.exchange("all good"))


@pytest.mark.parametrize(
    ("make", "says"),
    [
        (lambda: Words(stands="beside", side="both", action="redact"), "cannot be redacted beside"),
        (lambda: Words(stands="beside", side="output"), "set side to input"),
    ],
)
def test_beside_is_refused_where_it_cannot_be(make: Callable[[], Detector], says: str) -> None:
    with pytest.raises(ConfigError, match=says):
        make()


SHOUTS = 'So it is. STOP IT! NOW! Then "quiet." And so on ' + "x" * LONGEST + " AND ON? 好。BYE"


@settings(max_examples=60, deadline=None)
@given(st.lists(st.integers(0, len(SHOUTS)), max_size=12), st.sampled_from(["redact", "block", "flag"]))
def test_sentences_are_the_same_however_they_arrive(cut: list[int], action: Action) -> None:
    asyncio.run(contract.check_cutting([Shouting(action=action)], SHOUTS, [cut]))
    both: list[Defense] = [Shouting(action=action), LeakFilter()]
    asyncio.run(contract.check_cutting(both, SHOUTS + " ada@example.org. 4539 1488 0343 6467", [cut]))


@dataclass(frozen=True, slots=True, kw_only=True)
class After(PatternDetector):
    """A word that begins with `x`, unless a letter stands before it."""

    risk: ClassVar[Risk] = "safety"
    rules: ClassVar[RuleSet] = RuleSet([Rule("x_word", r"\bx[a-z]{1,9}\b")])
    labels: ClassVar[frozenset[str]] = rules.labels

    action: Action = "redact"


async def test_what_was_released_is_still_context() -> None:
    """`wx` is released up to the x; without the w before it, the x would begin a word."""
    for pieces in (["ab; wxyz xyz."], ["ab; w", "xyz", " xyz."], [*"ab; wxyz xyz."]):
        out = await contract.collect([After(normalise=False)], contract.Listed(contract.answer(*pieces)))
        assert contract.text_of(out) == "ab; wxyz [X_WORD]."


async def test_a_sentence_is_judged_whole_beside_a_pattern_that_could_leave_sooner() -> None:
    judged: list[str] = []

    @dataclass(frozen=True, slots=True, kw_only=True)
    class Listening(SentenceDetector):
        risk: ClassVar[Risk] = "safety"
        labels: ClassVar[frozenset[str]] = frozenset()

        async def judge(self, sentence: str, before: str, exchange: Exchange) -> Mapping[str, float]:
            judged.append(sentence)
            return {}

    @dataclass(frozen=True, slots=True, kw_only=True)
    class Crossing(PatternDetector):
        risk: ClassVar[Risk] = "safety"
        rules: ClassVar[RuleSet] = RuleSet([Rule("crossing", r"end\. then all")])
        labels: ClassVar[frozenset[str]] = rules.labels

    text = "It is the end. then one is. Bye"
    detectors: list[Defense] = [Listening(side="output"), Crossing(side="output")]
    out = await contract.collect(detectors, contract.Listed(contract.answer(*text)))
    assert contract.text_of(out) == text
    assert judged == ["It is the end. ", "then one is. ", "Bye"]


async def test_an_answer_leaves_sentence_by_sentence() -> None:
    out = await contract.collect([Shouting()], contract.Listed(contract.answer(*"One is. Two is. THREE! ")))
    texts = [delta.text for delta in out if isinstance(delta, Text)]
    assert texts == ["One is. ", "Two is. "]
    assert out[-1] == Finish("content_filter")


async def test_tool_calls_are_judged_by_name_and_by_arguments() -> None:
    parts: list[Delta] = [
        ToolCallPart(0, "c1", "send_"),
        ToolCallPart(0, name="asking"),
        ToolCallPart(0, arguments='{"to": "ada@exa'),
        ToolCallPart(0, arguments='mple.org", "card": 453914880343'),
        ToolCallPart(0, arguments='6467, "n": 1}'),
        ToolCallPart(1, "c2", "plain", "{}"),
        Finish("tool_calls"),
    ]
    detectors: list[Defense] = [LeakFilter(), Endings(action="redact")]
    out = await contract.collect(detectors, contract.Listed(parts))
    calls = [delta for delta in out if isinstance(delta, ToolCallPart)]
    assert calls[0] == ToolCallPart(0, "c1", "send_ask[ENDING]")
    assert contract.names_of(out) == ["send_ask[ENDING]", "plain"]
    first = "".join(call.arguments for call in calls if call.index == 0)
    assert first == '{"to": "[EMAIL]", "card": "[CARD]", "n": 1}'
    places = {finding.location for finding in out if isinstance(finding, Finding)}
    assert places == {"tool_calls[0].name", "tool_calls[0].arguments"}


@settings(max_examples=100, deadline=None)
@given(st.data())
def test_clean_tool_calls_round_trip_whatever_the_cutting(data: st.DataObject) -> None:
    arguments = data.draw(st.text(max_size=40))
    cuts = sorted(data.draw(st.lists(st.integers(0, len(arguments)), max_size=6)))
    edges = [0, *cuts, len(arguments)]
    pieces = [arguments[a:b] for a, b in pairwise(edges)]
    parts: list[Delta] = [ToolCallPart(0, "id", "look_up"), *(ToolCallPart(0, arguments=p) for p in pieces)]
    out = asyncio.run(contract.collect([Words(), Endings()], contract.Listed([*parts, Finish("tool_calls")])))
    if not contract.verdict_of(out):
        assert contract.arguments_of(out) == arguments
        assert contract.names_of(out) == ["look_up"]
        assert [part.id for part in out if isinstance(part, ToolCallPart) and part.id] == ["id"]


PIECES = (
    "Hi,\\n",
    "ada@example.org",
    '\\"',
    "\\\\",
    "\\u0061da@example.org",
    "4539148803436467",
    "é",
    " ",
    "x",
)
"""Parts of JSON strings, escapes and secrets among them."""
VALUES = ("4539148803436467", "-4539148803436467", "0.4539148803436467", "4539148803436467e3", "true", "1")


@st.composite
def json_texts(draw: st.DrawFn) -> str:
    """JSON with secrets in strings, beside escapes, and as numbers."""
    strings = st.lists(st.sampled_from(PIECES), max_size=6).map(lambda pieces: f'"{"".join(pieces)}"')
    members = draw(st.lists(strings | st.sampled_from(VALUES), max_size=5))
    return "{" + ", ".join(f'"{index}": {member}' for index, member in enumerate(members)) + "}"


@settings(max_examples=300, deadline=None)
@given(st.data())
def test_redacted_arguments_stay_json_whatever_the_cutting(data: st.DataObject) -> None:
    text = data.draw(json_texts())
    edges = sorted(data.draw(st.sets(st.integers(0, len(text)), max_size=8)) | {0, len(text)})
    parts: list[Delta] = [ToolCallPart(0, "c", "send")]
    whole = [*parts, ToolCallPart(0, arguments=text), Finish("tool_calls")]
    parts += [ToolCallPart(0, arguments=text[start:end]) for start, end in pairwise(edges)]
    parts.append(Finish("tool_calls"))
    normalise = data.draw(st.booleans())
    told = [
        contract.arguments_of(
            asyncio.run(contract.collect([LeakFilter(normalise=normalise)], contract.Listed(deltas)))
        )
        for deltas in (whole, parts)
    ]
    assert told[0] == told[1]
    assert json.loads(told[0]).keys() == json.loads(text).keys()


def test_the_letter_of_an_escape_is_none_of_the_match() -> None:
    text = r'{"body": "Hi,\nada@example.org"}'
    parts: list[Delta] = [ToolCallPart(0, "c", "send", text), Finish("tool_calls")]
    deltas = asyncio.run(contract.collect([LeakFilter()], contract.Listed(parts)))
    assert contract.arguments_of(deltas) == r'{"body": "Hi,\n[EMAIL]"}'


async def test_earlier_turns_are_judged_on_the_way_in() -> None:
    turns = (
        Message("system", "You know ada@example.org."),
        Message("assistant", "", tool_calls=(ToolCall("c1", "mail", '{"to": "bob@example.org"}'),)),
        Message("tool", "sent to cy@example.org", tool_call_id="c1"),
        Message("user", "Thanks."),
    )
    upstream = contract.Listed(contract.answer("ok"))
    asked = Exchange(model="listed", messages=turns)
    out = await contract.collect([LeakFilter(side="input")], upstream, asked)
    seen = upstream.seen[0].messages
    assert seen[0].content == "You know [EMAIL]."
    assert seen[1].tool_calls[0].arguments == '{"to": "[EMAIL]"}'
    assert seen[2].content == "sent to [EMAIL]"
    assert seen[3] is turns[3] or seen[3] == turns[3]
    places = [finding.location for finding in out if isinstance(finding, Finding)]
    assert places == ["messages[0].content", "messages[1].tool_calls[0].arguments", "messages[2].content"]


async def test_the_accounting_of_a_blocked_answer() -> None:
    asked = contract.exchange()
    text = "Write to ada@example.org soon"
    out = await contract.collect([LeakFilter(action="block")], contract.Listed(contract.answer(*text)), asked)
    assert contract.text_of(out) == "Write to "
    assert len("ada@example.org") <= asked.trail.accounting.held_max <= len("ada@example.org ")
    assert asked.trail.accounting.release_lag > 0


async def test_only_the_turns_of_the_roles_that_are_named_are_judged() -> None:
    messages = (Message("system", "about all of it"), Message("user", "about this"))
    upstream = contract.Listed(contract.answer("fine"))
    detectors = [Words(action="flag", side="input", roles=("user",)), Words(action="flag", side="input")]
    told = await contract.collect(detectors, upstream, Exchange(model="m", messages=messages))
    found = sorted((one.defense, one.location) for one in told if isinstance(one, Finding))
    assert found == [
        ("defense_0", "messages[1].content"),
        ("defense_1", "messages[0].content"),
        ("defense_1", "messages[1].content"),
    ]


async def test_the_first_delta_is_charged_with_what_the_gateway_adds_to_the_model() -> None:
    class Thinking(contract.Listed):
        async def __call__(self, exchange: Exchange) -> Deltas:
            await asyncio.sleep(0.2)
            yield Text("done")
            yield Finish("stop")

    layers = [Layer("leak_filter", LeakFilter())]
    route = Route(("m",), Thinking([]))
    engine = Engine(layers, [route], Units([], b""), GatewayMetrics(layers), None, 1)
    asked = contract.exchange()
    async with aclosing(engine.serve(replace(asked, model="m"), {}, "http")) as deltas:
        assert [delta async for delta in deltas][-1] == Finish("stop")
    assert 0 < (asked.trail.accounting.first_delta_added or 0.0) < 0.1


async def test_the_accounting_of_an_answer_that_is_wanted_whole() -> None:
    asked = replace(contract.exchange(), streamed=False)
    await contract.collect([LeakFilter()], contract.Listed(contract.answer("twenty ", "characters.")), asked)
    assert asked.trail.accounting.held_max == 18


@dataclass(frozen=True, slots=True, kw_only=True)
class Counting(LeakFilter):
    """Counts the characters it is shown."""

    seen: list[int] = field(default_factory=list)

    async def detect(self, text: str, exchange: Exchange, start: int = 0) -> Sequence[Detection]:
        self.seen.append(len(text))
        return self.rules.find(text, start)

    def pending(self, text: str, start: int = 0) -> int:
        self.seen.append(len(text))
        return self.rules.pending(text)

    def glance(self, text: str, start: int = 0, final: bool = False) -> int | None:
        self.seen.append(len(text))
        return self.rules.glance(text, start, final)


@pytest.mark.parametrize("size", [1, 3, 20, 1000])
@pytest.mark.parametrize(
    "hostile",
    [
        "a" * 6000,
        "1 " * 3000,
        "a." * 3000,
        "sk-" + "a" * 6000,
        "-----BEGIN PRIVATE KEY-----" + "A" * 6000,
        "(" * 6000,
    ],
    ids=lambda text: text[:6],
)
async def test_work_is_linear_in_the_text_whatever_the_cutting(hostile: str, size: int) -> None:
    counting = Counting(action="redact")
    pieces = [hostile[at : at + size] for at in range(0, len(hostile), size)]
    await contract.collect([counting], contract.Listed(contract.answer(*pieces)))
    # Each look glances, asks what is pending and what is there; 33 is the promise of the window.
    assert sum(counting.seen) <= 3 * (33 * len(hostile) + 3 * len(pieces)) + 5000


async def test_a_block_in_the_first_delta_ends_it_beside_as_well() -> None:
    beside = Words(action="flag", side="input", stands="beside")
    blocks = LeakFilter(action="block")
    upstream = contract.Listed(
        [
            Text("write to ada@example.org now. "),
            Text("afterthought", "reasoning"),
            Text("more"),
            Finish("stop"),
        ]
    )
    deltas = await contract.collect([beside, blocks], upstream)
    assert contract.text_of(deltas) == "write to "
    assert contract.text_of(deltas, "reasoning") == ""
    assert [delta for delta in deltas if isinstance(delta, Finish)] == [Finish("content_filter")]
    assert upstream.opened == upstream.closed == 1
