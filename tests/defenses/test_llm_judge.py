"""A judge as a defense, under the contract of every defense, before a real server."""

from typing import Any, Literal

import pytest

from defenses.llm_judge import LlmJudge
from gateway.errors import DefenseError
from gateway.judge import JudgeChoice
from gateway.types import Finding, Finish
from tests import contract
from tests.judges import JudgeServer, judge_server, marked, violation_of
from tests.servers import WAIT_SECONDS

TEXT = "It rained. Then came a rude man! All was kind again, they said.\nAnd so it was"


def defense(server: JudgeServer, /, judged_by: dict[str, Any] | None = None, **options: Any) -> LlmJudge:
    choice = {"base_url": server.base_url, "model": "m", "rubric": "It is rude.", **(judged_by or {})}
    return LlmJudge(risk="safety", judged_by=JudgeChoice(**choice), **options)


@pytest.mark.parametrize("side", ["input", "output"])
@pytest.mark.parametrize("each", ["text", "sentence"])
async def test_it_keeps_the_contract(
    side: Literal["input", "output"], each: Literal["text", "sentence"]
) -> None:
    async with judge_server(violation_of("rude")) as server:
        judge = defense(server, side=side, each=each)
        await contract.check_defense(judge)
        await contract.check_closes(judge)
        cuts = [[edge] for edge in range(0, len(TEXT), 9)] + [list(range(len(TEXT)))]
        await contract.check_cutting(judge, TEXT, cuts)
        await judge.aclose()


async def test_a_prompt_it_condemns_calls_no_model() -> None:
    async with judge_server(violation_of("rude")) as server:
        judge, upstream = defense(server), contract.Listed(contract.answer("never"))
        deltas = await contract.collect([judge], upstream, contract.exchange("A rude question."))
        await judge.aclose()
    assert deltas[-1] == Finish("content_filter")
    assert upstream.opened == 0
    [finding] = [delta for delta in deltas if isinstance(delta, Finding)]
    assert (finding.label, finding.score) == ("violation", 0.9)


async def test_an_answer_is_judged_beside_its_request_and_leaves_by_sentences() -> None:
    async with judge_server(violation_of("rude")) as server:
        judge = defense(server, side="output", each="sentence")
        deltas = await contract.collect(
            [judge], contract.Listed(contract.answer(*TEXT)), contract.exchange("Is rude a word?")
        )
        await judge.aclose()
    assert contract.text_of(deltas) == "It rained. "
    assert [marked(server.said(number)) for number in (0, 1)] == ["It rained. ", "Then came a rude man! "]
    assert "Is rude a word?" in server.said(0)


async def test_a_whole_answer_is_one_question() -> None:
    async with judge_server(violation_of("absent")) as server:
        judge = defense(server, side="output")
        deltas = await contract.collect([judge], contract.Listed(contract.answer(*TEXT)))
        await judge.aclose()
    assert contract.text_of(deltas) == TEXT
    assert len(server.asked) == 1


@pytest.mark.parametrize(
    ("said", "judged_by"), [("I'd rather not say.", {}), (500, {}), ("no", {"budget": 1})]
)
async def test_without_a_verdict_it_fails_closed_or_by_policy(
    said: str | int, judged_by: dict[str, Any]
) -> None:
    async with judge_server(lambda _: said) as server:
        closed, allowing = defense(server, judged_by), defense(server, judged_by, on_error="allow")
        upstream = contract.Listed(contract.answer("ok"))
        with pytest.raises(DefenseError):
            for prompt in ("one", "two"):
                await contract.collect([closed], upstream, contract.exchange(prompt))
        for prompt in ("one", "two"):
            asked = contract.exchange(prompt)
            deltas = await contract.collect([allowing], contract.Listed(contract.answer("ok")), asked)
            assert contract.text_of(deltas) == "ok"
        assert asked.trail.footprint("defense_0").allowed_on_error == 1
        await closed.aclose()
        await allowing.aclose()


async def test_a_judge_that_is_late_goes_by_the_policy_for_that() -> None:
    async with judge_server(lambda _: "no", pause=WAIT_SECONDS) as server:
        judge = defense(server, {"timeout": 0.05}, on_timeout="flag")
        asked = contract.exchange()
        deltas = await contract.collect([judge], contract.Listed(contract.answer("ok")), asked)
        await judge.aclose()
    assert [delta.label for delta in deltas if isinstance(delta, Finding)] == ["unchecked"]
    assert asked.trail.footprint("defense_0").allowed_on_timeout == 1
