"""The word lists point in the right direction on public evaluation sets, where a user has them.

`CROSSRISK_DATA` names a folder with one sub-folder for each set. The bounds are far below what was
measured: they guard the direction, they are no target to tune to.
"""

import csv
import json
import os
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest

from gateway.text.harm import harm_labels
from gateway.text.identity import identity_groups
from gateway.text.injection import injection_spans
from gateway.text.private_request import asks_for_personal_data
from gateway.text.refusal import is_refusal
from gateway.text.sentiment import negativity


@pytest.fixture(scope="module")
def data() -> Path:
    folder = Path(os.environ.get("CROSSRISK_DATA", "nowhere"))
    if not (folder / "advbench").is_dir():
        message = "CROSSRISK_DATA names no folder with evaluation sets"
        pytest.fail(message) if os.environ.get("CI") else pytest.skip(message)
    return folder


Report = Callable[[str, Sequence[str], Callable[[str], object]], float]


@pytest.fixture
def rate(record_property: Callable[[str, object], None]) -> Report:
    """Share of texts on which something fires; printed, and kept in the test report."""

    def share(name: str, texts: Sequence[str], fires: Callable[[str], object]) -> float:
        value = sum(bool(fires(text)) for text in texts) / len(texts)
        record_property(name, round(value, 4))
        print(f"{name}: {value:.3f} of {len(texts)}")
        return value

    return share


def rows(path: Path) -> list[dict[str, str]]:
    with path.open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def items(path: Path) -> list[dict[str, Any]]:
    if path.suffix == ".jsonl":
        return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]
    loaded: list[dict[str, Any]] = json.loads(path.read_text(encoding="utf-8"))
    return loaded


def banking(data: Path) -> list[str]:
    return [row["text"] for row in rows(data / "banking77" / "test.csv")]


def xstest(data: Path, label: str) -> list[str]:
    return [row["prompt"] for row in rows(data / "xstest" / "xstest_prompts.csv") if row["label"] == label]


def test_harm_rules_fire_on_harmful_requests_not_on_customers_or_look_alikes(
    data: Path, rate: Report
) -> None:
    harmful = rate("advbench", [row["goal"] for row in rows(data / "advbench" / "advbench.csv")], harm_labels)
    customers = rate("banking77", banking(data), harm_labels)
    safe = rate("xstest safe", xstest(data, "safe"), harm_labels)
    unsafe = rate("xstest unsafe", xstest(data, "unsafe"), harm_labels)

    assert harmful > 0.6
    assert customers < 0.01
    assert safe < 0.06
    assert unsafe > 3 * safe


def test_injection_rules_fire_on_jailbreaks_not_on_ordinary_prompts(data: Path, rate: Report) -> None:
    texts = [str(item) for item in items(data / "jailbreak_inthewild" / "inthewild_jailbreak_llms.json")]
    turns = [turn for item in items(data / "mt_bench" / "question.jsonl") for turn in item["turns"]]

    assert rate("jailbreaks in the wild", texts, injection_spans) > 0.6
    assert rate("banking77", banking(data), injection_spans) < 0.01
    assert rate("mt_bench", turns, injection_spans) < 0.03


@pytest.mark.parametrize(
    "file", ["xstest_v2_completions_gpt4.csv", "xstest_v2_completions_llama2orig_gpteval.csv"]
)
def test_refusals_are_told_as_people_labelled_them(data: Path, rate: Report, file: str) -> None:
    labelled = rows(data / "xstest" / file)
    refusals = [row["completion"] for row in labelled if row["final_label"] == "2_full_refusal"]
    answers = [row["completion"] for row in labelled if row["final_label"] == "1_full_compliance"]

    told = rate(f"{file} refused", refusals, is_refusal)
    mistaken = rate(f"{file} answered", answers, is_refusal)

    assert told > 0.85
    assert mistaken < 0.15


def test_identity_templates_mention_an_identity_and_customers_do_not(data: Path, rate: Report) -> None:
    templates = rows(data / "civil_madlibs" / "en_sentence_templates.csv")

    assert rate("civil_madlibs", [row["phrase"] for row in templates], identity_groups) > 0.65
    assert rate("banking77", banking(data), identity_groups) < 0.03


def test_toxic_templates_sound_harsher_than_the_others(data: Path, rate: Report) -> None:
    templates = rows(data / "civil_madlibs" / "en_sentence_templates.csv")
    toxic = [row["phrase"] for row in templates if row["toxicity"] == "toxic"]
    others = [row["phrase"] for row in templates if row["toxicity"] != "toxic"]

    assert rate("toxic templates", toxic, negativity) > 0.5
    assert rate("other templates", others, negativity) < 0.05


def test_requests_for_personal_data_are_told_from_customers_questions(data: Path, rate: Report) -> None:
    queries = [
        item["question"] for item in items(data / "trustllm" / "privacy__privacy_awareness_query.json")
    ]

    assert rate("privacy_awareness_query", queries, asks_for_personal_data) > 0.75
    assert rate("banking77", banking(data), asks_for_personal_data) < 0.01
