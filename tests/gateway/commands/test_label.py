"""`crossrisk label`: what somebody answers is written down, and nothing is asked twice."""

import io
import json
import signal
import stat
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

from gateway.__main__ import main
from monitors.labelled import read_labels

ROOT = Path(__file__).parents[3]
WAIT_SECONDS = 30.0


@pytest.fixture
def kept(tmp_path: Path) -> Path:
    """Six exchanges, of which over-refusal applied to five."""
    path = tmp_path / "kept.jsonl"
    path.write_text("".join(json.dumps(row(number)) + "\n" for number in range(6)))
    return path


def row(number: int) -> dict[str, Any]:
    return {
        "id": f"exchange-{number}",
        "messages": [{"role": "user", "content": f"Question {number} [red]?\x1b[2J"}],
        "answer": "I can't help with that.",
        "blocked": number == 0,
        "finish_reason": "stop",
        "refusal": "",
        "outcome": "completed",
        "arms": {"d": "control" if number % 2 else "treatment"},
        "scores": {} if number == 5 else {"over_refusal": 1.0},
    }


def label(kept: Path, output: Path, said: str, monkeypatch: pytest.MonkeyPatch) -> int:
    monkeypatch.setattr(sys, "stdin", io.StringIO(said))
    return main(["label", str(kept), "--measure", "over_refusal", "--output", str(output)])


def test_answers_become_labels_that_calibrate_reads(
    kept: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    output = tmp_path / "labels.jsonl"
    assert label(kept, output, "y\nwhat?\nn\ns\nY\nno\n", monkeypatch) == 0
    labels = read_labels(output)

    assert [one.label for one in labels] == [1, 0, 1, 0]
    assert {one.arm for one in labels} == {"treatment", "control"}
    assert sum(one.answer.blocked for one in labels) <= 1
    assert all(one.prompt.last.startswith("Question") for one in labels)
    assert stat.S_IMODE(output.stat().st_mode) == 0o600
    shown = capsys.readouterr().out
    assert "please answer" in shown
    assert "[red]" in shown, "texts are no markup"
    assert "\x1b[2J" not in shown, "texts do not steer the terminal"
    assert "5 of 5" in shown
    assert "treatment" not in shown, "whoever labels does not know the arm"


def test_what_is_labelled_is_not_asked_again_and_what_was_skipped_is(
    kept: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    output = tmp_path / "labels.jsonl"
    assert label(kept, output, "y\ns\nq\n", monkeypatch) == 0
    assert len(read_labels(output)) == 1
    assert label(kept, output, "n\n", monkeypatch) == 0, "the end of the input stops, too"
    assert label(kept, output, "n\n" * 9, monkeypatch) == 0
    ids = [json.loads(line)["id"] for line in output.read_text().splitlines()]
    assert sorted(ids) == [f"exchange-{number}" for number in range(5)]
    assert label(kept, output, "", monkeypatch) == 0
    assert len(read_labels(output)) == 5


def test_ctrl_c_loses_nothing(kept: Path, tmp_path: Path) -> None:
    output = tmp_path / "labels.jsonl"
    command = [sys.executable, "-m", "gateway", "label", str(kept), "-m", "over_refusal", "-o", str(output)]
    with subprocess.Popen(
        command, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as running:
        assert running.stdin is not None
        running.stdin.write("y\n")
        running.stdin.flush()
        deadline = time.monotonic() + WAIT_SECONDS
        while not (output.exists() and output.read_text()) and time.monotonic() < deadline:
            time.sleep(0.02)
        running.send_signal(signal.SIGINT)
        shown, errors = running.communicate(timeout=WAIT_SECONDS)

    assert (running.returncode, errors) == (130, "")
    assert "1 labelled" in shown
    assert len(read_labels(output)) == 1


@pytest.mark.parametrize(
    ("content", "options", "told"),
    [
        ("{}\n", (), "line 1: is no kept exchange"),
        ("", (), "applied to none"),
        (None, (), "cannot read it"),
        (json.dumps(row(0)), ("--measure", "other"), "there is no 'other'"),
        (json.dumps(row(0)), ("--defense", "other"), "known: d"),
    ],
)
def test_a_mistake_is_told(
    tmp_path: Path,
    content: str | None,
    options: tuple[str, ...],
    told: str,
    capsys: pytest.CaptureFixture[str],
) -> None:
    path = tmp_path / "kept.jsonl"
    if content is not None:
        path.write_text(content)
    arguments = ["label", str(path), "-m", "over_refusal", "-o", str(tmp_path / "labels"), *options]

    assert main(arguments) == 2
    assert told in capsys.readouterr().err
