"""A classifier of anybody's making as a defense, under the contract of every defense."""

import asyncio
from pathlib import Path
from typing import Any, Literal

import pytest

from defenses.classifier import Classifier
from gateway.config import Entry, build
from gateway.errors import ConfigError, TextTooLongError
from gateway.text.classifier_files import ClassifierChoice
from gateway.types import Action, Detection, Finding, Finish, Message
from tests import contract
from tests.classifiers import write_classifier

MAP = {"INJECTION": "injection"}
TEXT = "It rained. Then came the attack! All was kind again, they said.\nAnd so it was"


def classifier(folder: Path, **options: Any) -> Classifier:
    words = {"attack": [-8.0, 8.0], "kind": [1.0, 0.0]}
    write_classifier(folder, words, ("SAFE", "INJECTION"), [2.0, -2.0])
    model = ClassifierChoice(path=str(folder), labels=MAP, device="cpu")
    return Classifier(risk="safety", model=model, **options)


EACH: tuple[Literal["text", "sentence"], ...] = ("text", "sentence")
ACTIONS: tuple[Action, ...] = ("block", "redact", "flag")


@pytest.mark.parametrize("action", ACTIONS)
@pytest.mark.parametrize("each", EACH)
async def test_it_keeps_the_contract(
    tmp_path: Path, action: Action, each: Literal["text", "sentence"]
) -> None:
    defense = classifier(tmp_path, action=action, each=each)
    await contract.check_defense(defense)
    await contract.check_closes(defense)
    cuts = [[edge] for edge in range(0, len(TEXT), 7)] + [list(range(len(TEXT)))]
    await contract.check_cutting(defense, TEXT, cuts)
    await defense.aclose()


async def test_an_answer_leaves_sentence_by_sentence_up_to_the_attack(tmp_path: Path) -> None:
    defense = classifier(tmp_path, each="sentence")
    deltas = await contract.collect([defense], contract.Listed(contract.answer(*TEXT)))
    assert contract.text_of(deltas) == "It rained. "
    assert deltas[-1] == Finish("content_filter")
    [finding] = [delta for delta in deltas if isinstance(delta, Finding)]
    assert (finding.risk, finding.label, finding.start, finding.end) == ("safety", "injection", 11, 33)
    assert TEXT[finding.start : finding.end] == "Then came the attack! "
    await defense.aclose()


async def test_nothing_of_a_text_leaves_before_the_whole_was_judged(tmp_path: Path) -> None:
    defense = classifier(tmp_path)
    deltas = await contract.collect([defense], contract.Listed(contract.answer(*TEXT)))
    assert contract.text_of(deltas) == ""
    assert deltas[-1] == Finish("content_filter")
    await defense.aclose()


async def test_a_redacted_sentence_is_replaced(tmp_path: Path) -> None:
    defense = classifier(tmp_path, each="sentence", action="redact")
    deltas = await contract.collect([defense], contract.Listed(contract.answer(*TEXT)))
    assert contract.text_of(deltas) == TEXT.replace("Then came the attack! ", "[INJECTION]")
    await defense.aclose()


async def test_an_attack_in_any_turn_of_the_prompt_calls_no_model(tmp_path: Path) -> None:
    defense = classifier(tmp_path, side="input")
    upstream = contract.Listed(contract.answer("never"))
    asked = contract.exchange("Good morning.")
    object.__setattr__(asked, "messages", (Message("user", "An attack."), *asked.messages))
    deltas = await contract.collect([defense], upstream, asked)
    assert deltas[-1] == Finish("content_filter")
    assert upstream.opened == 0
    await defense.aclose()


@pytest.mark.parametrize("hidden", ["аttаck", "at\u200btack", "YW4gYXR0YWNrIG9uIHRoZSBrZWVw"])
async def test_hidden_words_are_found_unless_told_otherwise(tmp_path: Path, hidden: str) -> None:
    for normalise, blocked in ((True, True), (False, False)):
        defense = classifier(tmp_path, normalise=normalise, side="input")
        deltas = await contract.collect(
            [defense], contract.Listed(contract.answer("ok")), contract.exchange(f"Do {hidden} now.")
        )
        assert (deltas[-1] == Finish("content_filter")) == blocked
        await defense.aclose()


async def test_a_text_in_another_script_is_also_judged_as_it_came(tmp_path: Path) -> None:
    words = {"атака": [-8.0, 8.0]}
    write_classifier(tmp_path, words, ("SAFE", "INJECTION"), [2.0, -2.0])
    defense = Classifier(risk="safety", model=ClassifierChoice(path=str(tmp_path), labels=MAP))
    [found] = await defense.detect("Вот атака.", contract.exchange())
    assert found == Detection(0, 10, "injection", found.score)
    assert found.score > 0.99
    await defense.aclose()


async def test_a_threshold_is_where_it_is_set(tmp_path: Path) -> None:
    write_classifier(tmp_path, {"attack": [0.0, 1.0]}, ("SAFE", "INJECTION"), [0.0, 0.0])
    model = ClassifierChoice(path=str(tmp_path), labels=MAP)
    for threshold, blocked in ((0.7, True), (0.75, False)):  # softmax of 0 and 1: 0.731
        defense = Classifier(risk="safety", model=model, side="input", threshold=threshold)
        deltas = await contract.collect(
            [defense], contract.Listed(contract.answer("ok")), contract.exchange("attack")
        )
        assert (deltas[-1] == Finish("content_filter")) == blocked
        await defense.aclose()


async def test_a_check_that_cannot_be_made_refuses_the_exchange(tmp_path: Path) -> None:
    defense = classifier(tmp_path, side="input")
    upstream = contract.Listed(contract.answer("ok"))
    with pytest.raises(TextTooLongError, match="the limit is"):
        await contract.collect([defense], upstream, contract.exchange("kind " * 40_000))
    assert upstream.opened == 0
    await defense.aclose()


async def test_a_check_that_takes_too_long_goes_by_policy(tmp_path: Path) -> None:
    defense = classifier(tmp_path, side="input", timeout=0.0001, on_timeout="allow")
    asked = contract.exchange("kind " * 10_000)
    deltas = await contract.collect([defense], contract.Listed(contract.answer("ok")), asked)
    assert contract.text_of(deltas) == "ok"
    assert asked.trail.footprint("defense_0").allowed_on_timeout == 1
    await defense.aclose()


async def test_many_exchanges_at_once_get_their_own_verdicts(tmp_path: Path) -> None:
    defense = classifier(tmp_path, side="input")

    async def blocked(number: int) -> bool:
        prompt = f"number {number} {'attack' if number % 3 == 0 else 'walk'}"
        deltas = await contract.collect(
            [defense], contract.Listed(contract.answer("ok")), contract.exchange(prompt)
        )
        return deltas[-1] == Finish("content_filter")

    assert await asyncio.gather(*map(blocked, range(60))) == [number % 3 == 0 for number in range(60)]
    await defense.aclose()


def test_its_configuration_says_its_risk_and_labels(tmp_path: Path) -> None:
    defense = classifier(tmp_path)
    options: dict[str, Any] = {
        "use": "defenses.classifier:Classifier",
        "model": {"path": str(tmp_path), "labels": MAP, "device": "cpu"},
    }
    built = build(Entry("defenses[0]", {**options, "risk": "privacy"}), "__call__")
    assert isinstance(built, Classifier)
    assert (built.risk, built.labels) == ("privacy", frozenset({"injection"}))
    assert defense.risk == "safety"
    with pytest.raises(ConfigError, match="risk"):
        build(Entry("defenses[0]", options), "__call__")
    options["model"] = {**options["model"], "lables": {}}
    with pytest.raises(ConfigError, match="lables"):
        build(Entry("defenses[0]", {**options, "risk": "privacy"}), "__call__")
