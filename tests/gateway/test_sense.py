"""Orders of defenses that make little sense are told, with the reason."""

from argparse import Namespace
from pathlib import Path

import pytest

from defenses.leak_filter import LeakFilter
from defenses.pii_redaction import PiiRedaction
from defenses.prompt_filter import PromptFilter
from defenses.self_examination import SelfExamination
from defenses.self_reminder import SelfReminder
from defenses.smooth_llm import SmoothLlm
from gateway.chain import Layer
from gateway.commands.validate import run
from gateway.sense import doubts
from gateway.types import Defense


def told(*defenses: Defense) -> str:
    return "; ".join(doubts([Layer(f"d{number}", defense) for number, defense in enumerate(defenses, 1)]))


def test_what_is_hidden_cannot_be_found() -> None:
    assert told(PiiRedaction(), LeakFilter(side="input")) == (
        "d2 looks for personal data in prompts, which d1 hides from it: list d2 first"
    )
    assert told(LeakFilter(side="input"), PiiRedaction()) == ""


def test_what_is_put_back_is_found_again() -> None:
    assert told(LeakFilter(), PiiRedaction()) == (
        "d1 looks for personal data in answers, and d2 puts it there again: list d1 after d2"
    )
    assert told(PiiRedaction(), LeakFilter()) == ""


def test_perturbed_prompts_are_no_food_for_patterns() -> None:
    assert "exact wording" in told(SmoothLlm(), PromptFilter())
    assert told(PromptFilter(), SmoothLlm()) == ""


def test_placeholders_must_not_be_perturbed() -> None:
    assert "d1 relies on the exact wording that d2 changes" in told(PiiRedaction(), SmoothLlm())
    assert told(SmoothLlm(), PiiRedaction()) == ""


def test_calls_multiply() -> None:
    assert told(SmoothLlm(copies=10), SelfExamination()) == (
        "d1, d2: together they call the model 20 times for each exchange"
    )


def test_twice_the_same_is_once_too_often() -> None:
    assert told(SelfReminder(), SelfReminder()) == "d2 does what d1 has done already"
    off = Layer("off", SelfReminder(), mode="off")
    assert doubts([Layer("on", SelfReminder()), off]) == []


def test_validate_says_so(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "c.yaml"
    path.write_text(
        "gateway: {encoder: 'off'}\n"
        "upstreams: [{use: 'gateway.upstreams.openai:OpenAI', base_url: 'http://localhost/v1'}]\n"
        "defenses: [{use: 'defenses.leak_filter:LeakFilter'}, {use: 'defenses.pii_redaction:PiiRedaction'}]\n"
    )

    assert run(Namespace(file=path)) == 0
    printed = capsys.readouterr().out
    assert "warning: leak_filter looks for personal data in answers, and pii_redaction" in printed
