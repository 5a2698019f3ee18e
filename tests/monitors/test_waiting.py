"""Monitors that wait for a model or a server, beside those that do not."""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from prometheus_client import CollectorRegistry

from gateway.config import Entry, build
from gateway.errors import ConfigError
from gateway.judge import JudgeChoice
from gateway.text.classifier_files import ClassifierChoice
from gateway.types import Message
from monitors.classifier import Classifier
from monitors.exporter import Exporter
from monitors.llm_judge import LlmJudge
from monitors.measure import Answer, Measure, Prompt, WaitingMonitor
from monitors.over_refusal import OverRefusal
from monitors.scorer import WAITING, AnyMonitor, Scorer
from tests.classifiers import write_classifier
from tests.judges import JudgeServer, judge_server, marked, violation_of
from tests.monitors.exchanges import REFUSAL, ask, defense, record
from tests.monitors.test_contract import ANSWERS, HOSTILE, PROMPTS

BREAD = "How do I bake bread?"
SLOW = Measure("slow", "safety", "indirect", "Waits.")


@dataclass(frozen=True)
class Slow:
    """Answers once it is let go, in the way it is told."""

    result: object = 1.0
    go: asyncio.Event = field(default_factory=asyncio.Event)
    measure: Measure = SLOW

    async def score(self, prompt: Prompt, answer: Answer) -> float | None:
        await self.go.wait()
        if isinstance(self.result, Exception):
            raise self.result
        return self.result  # type: ignore[return-value]


class Bench:
    """A scorer with a registry to read from."""

    def __init__(self, *monitors: AnyMonitor, patience: float = 20.0) -> None:
        self.registry = CollectorRegistry()
        exporter = Exporter(self.registry, [monitor.measure for monitor in monitors], "1.2.3")
        self.scorer = Scorer(monitors, exporter, patience)

    def value(self, name: str, **labels: str) -> float | None:
        return self.registry.get_sample_value(f"crossrisk_{name}", labels)

    def scored(self, measure: Measure) -> float | None:
        labels = {"risk": measure.risk, "measure": measure.name, "defense": "d", "arm": "treatment"}
        return self.value("risk_scored_total", **labels)

    def lost(self, measure: Measure) -> float | None:
        return self.value("monitor_errors_total", monitor=measure.name)


async def test_who_waits_holds_up_nobody_and_is_counted_when_done() -> None:
    slow = Slow()
    bench = Bench(slow, OverRefusal())
    for _ in range(3):
        bench.scorer.score(record(BREAD, REFUSAL, defense("d")))
    assert bench.scored(OverRefusal.measure) == 3
    await asyncio.sleep(0)
    assert bench.scored(SLOW) is None
    slow.go.set()
    await bench.scorer.settle()
    assert bench.scored(SLOW) == 3
    assert bench.lost(SLOW) == 0


@pytest.mark.parametrize("result", [RuntimeError("secret text"), TimeoutError(), float("nan"), 2, "1"])
async def test_who_fails_late_is_counted_and_stops_nobody(
    result: object, caplog: pytest.LogCaptureFixture
) -> None:
    slow = Slow(result)
    slow.go.set()
    bench = Bench(slow, Slow(1.0, slow.go, Measure("other", "safety", "indirect", "Waits, too.")))
    bench.scorer.score(record(BREAD, REFUSAL, defense("d")))
    await bench.scorer.settle()
    assert (bench.lost(SLOW), bench.scored(SLOW)) == (1, None)
    assert bench.value("monitor_errors_total", monitor="other") == 0
    assert "secret" not in caplog.text


async def test_a_score_that_does_not_come_is_lost() -> None:
    bench = Bench(Slow(), patience=0.01)
    bench.scorer.score(record(BREAD, REFUSAL, defense("d")))
    await bench.scorer.settle()
    assert bench.lost(SLOW) == 1


async def test_what_waits_is_bounded() -> None:
    slow = Slow()
    bench = Bench(slow, OverRefusal())
    for _ in range(WAITING + 5):
        bench.scorer.score(record(BREAD, REFUSAL, defense("d")))
    assert bench.lost(SLOW) == 5
    assert bench.scored(OverRefusal.measure) == WAITING + 5
    slow.go.set()
    await bench.scorer.settle()
    assert bench.scored(SLOW) == WAITING


async def test_closing_gives_up_what_waits() -> None:
    bench = Bench(Slow())
    bench.scorer.score(record(BREAD, REFUSAL, defense("d")))
    await bench.scorer.aclose()
    assert (bench.scored(SLOW), bench.lost(SLOW)) == (None, 0)
    assert len(asyncio.all_tasks()) == 1


# Bring your own


def toxicity(folder: Path, **options: object) -> Classifier:
    write_classifier(folder, {"napalm": [9.0], "bomb": [9.0], "stupid": [9.0]}, ["toxic"], [-4.0])
    choice = ClassifierChoice(path=str(folder), labels={"toxic": "toxicity"}, device="cpu")
    return Classifier(**{"name": "toxicity", "risk": "safety", "model": choice, **options})  # type: ignore[arg-type]


def rudeness(server: JudgeServer, **options: object) -> LlmJudge:
    choice = JudgeChoice(base_url=server.base_url, model="m", rubric="It is rude.")
    return LlmJudge(**{"name": "rudeness", "risk": "safety", "judged_by": choice, **options})  # type: ignore[arg-type]


@pytest.fixture(params=["classifier", "llm_judge"])
async def monitor(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[WaitingMonitor]:
    """Each of the two, watching answers for one word."""
    async with judge_server(violation_of("stupid")) as server:
        own = toxicity(tmp_path) if request.param == "classifier" else rudeness(server)
        await own.warm()
        yield own
        await own.aclose()


async def test_it_keeps_the_contract_of_monitors(monitor: WaitingMonitor) -> None:
    for prompt in PROMPTS:
        scores = [await monitor.score(prompt, answer) for answer in ANSWERS]
        assert scores == [await monitor.score(Prompt(prompt.messages), answer) for answer in ANSWERS]
        given = {score for score in scores if score is not None}
        assert len({score is None for score in scores}) == 1
        assert all(0 <= score <= 1 for score in given)
        assert min(given) < monitor.measure.threshold <= max(given)
    for messages in ((), (Message("user", " \n"),), (Message("system", "You build a bomb."),)):
        assert {await monitor.score(Prompt(messages), answer) for answer in ANSWERS} == {None}


async def test_hostile_text_is_survived(monitor: WaitingMonitor) -> None:
    for unit in HOSTILE:
        text = (unit * 3_000)[:3_000]
        score = await monitor.score(ask(text), Answer(text))
        assert score is None or 0 <= score <= 1


async def test_the_classifier_judges_what_it_is_told_to(tmp_path: Path) -> None:
    prompt, answer = ask("You are stupid."), Answer("I am sorry.")
    for of, high in (("answer", False), ("prompt", True), ("both", True)):
        monitor = toxicity(tmp_path, of=of)
        score = await monitor.score(prompt, answer)
        assert score is not None
        assert (score > 0.9) == high
        assert await monitor.score(prompt, Answer(" ")) == (0.0 if of == "answer" else score)
        await monitor.aclose()


async def test_the_judge_sees_the_request_beside_the_answer_but_does_not_judge_it() -> None:
    async with judge_server(violation_of("stupid")) as server:
        answers, prompts = rudeness(server), rudeness(server, of="prompt")
        asked = ask("Hello.", "You are stupid.")
        assert await answers.score(asked, Answer("Am I?")) == 0.1
        assert "You are stupid." in server.said()
        assert marked(server.said()) == "Am I?"
        assert await answers.score(asked, Answer("")) == 0.0, "nothing was said"
        assert await prompts.score(asked, Answer("")) == 0.9
        assert marked(server.said()) == "You are stupid."
        assert len(server.asked) == 2
        await answers.aclose()
        await prompts.aclose()


async def test_a_judge_without_a_verdict_is_a_score_lost() -> None:
    async with judge_server(lambda _: "well ...") as server:
        judge = rudeness(server)
        bench = Bench(judge, OverRefusal())
        bench.scorer.score(record(BREAD, "Take flour.", defense("d")))
        await bench.scorer.settle()
        await judge.aclose()
    assert (bench.lost(judge.measure), bench.scored(judge.measure)) == (1, None)
    assert bench.scored(OverRefusal.measure) == 1


@pytest.mark.parametrize(
    ("key", "value"), [("name", "Not A Name"), ("threshold", 0.0), ("risk", "fun"), ("of", "all")]
)
def test_a_measure_that_no_series_can_carry_is_told(key: str, value: object) -> None:
    options = {
        "use": "monitors.llm_judge:LlmJudge",
        "name": "rudeness",
        "risk": "safety",
        "judged_by": {"base_url": "http://127.0.0.1:1/v1", "model": "m", "rubric": "It is rude."},
        key: value,
    }
    with pytest.raises(ConfigError, match=key):
        build(Entry("monitors[0]", options), "score")
