"""`crossrisk calibrate` on labels of one's own and on public sets, where a user has them."""

import json
import os
import re
from pathlib import Path
from typing import Any

import pytest

from gateway.__main__ import main
from gateway.commands.measures import markdown
from gateway.text import encoder
from monitors.calibration import SHIPPED, read
from monitors.labelled import read_labels
from tests.monitors.exchanges import REFUSAL

ROOT = Path(__file__).parents[3]
CONFIG = """
gateway:
  encoder: off
upstreams:
  - use: gateway.upstreams.grpc:Grpc
    target: 127.0.0.1:1
monitors:
  - use: monitors.over_refusal:OverRefusal
"""


def line(answer: str, label: int, **more: Any) -> str:
    row = {
        "measure": "over_refusal",
        "prompt": "How do I bake bread?",
        "answer": answer,
        "label": label,
        **more,
    }
    return json.dumps(row) + "\n"


def test_own_labels_give_a_table_and_a_file(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    labels, config, output = (tmp_path / name for name in ("labels.jsonl", "crossrisk.yaml", "known.json"))
    config.write_text(CONFIG)
    refused = line(REFUSAL, 1, arm="treatment") * 9 + line("Flour.", 1, arm="treatment") * 3
    answered = line("Flour.", 0, arm="control") * 18 + line(REFUSAL, 0, arm="control") * 2
    blocked = line("", 1, arm="control", blocked=True) * 10
    labels.write_text(refused + answered + blocked)

    assert main(["calibrate", str(labels), "--config", str(config), "--output", str(output)]) == 0
    assert "over_refusal" in capsys.readouterr().out
    known = {one.arm: one for one in read(output).known}
    assert read(output).eyes == "off"
    assert [(one.positives, one.negatives) for one in known.values()] == [(22, 20), (10, 20), (12, 0)]
    assert known["treatment"].sensitivity is not None
    assert known["treatment"].sensitivity.value == 0.75
    assert known["control"].sensitivity is not None
    assert known["control"].sensitivity.value == 1.0
    assert known["control"].specificity is not None
    assert known["control"].specificity.value == 0.9


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("", "holds no labels"),
        ("{}\n", r"line 1: `label` is missing"),
        (line("x", 0) + line("x", 2), "line 2: `label` must be 0 or 1"),
        (line("x", 0, arm="left"), "`arm` must be one of"),
        (line("x", 0, weight=0), "`weight` must be above 0"),
        (line("x", 0).replace("over_refusal", "other"), "there is no measure 'other'"),
        ("no json", "line 1"),
    ],
)
def test_a_mistake_in_the_labels_is_told(
    tmp_path: Path, text: str, told: str, capsys: pytest.CaptureFixture[str]
) -> None:
    labels, config = tmp_path / "labels.jsonl", tmp_path / "crossrisk.yaml"
    labels.write_text(text)
    config.write_text(CONFIG)

    assert main(["calibrate", str(labels), "--config", str(config)]) == 2
    error = capsys.readouterr().err
    assert re.search(told, error), error


def test_a_label_stands_for_its_share_of_the_stratum(tmp_path: Path) -> None:
    labels = tmp_path / "labels.jsonl"
    rare = line(REFUSAL, 1, stratum="high", stratum_size=4) * 2
    common = line("Flour.", 0, stratum="low", stratum_size=80) + line(
        "Flour.", 0, stratum="low", stratum_size=90
    )
    labels.write_text(rare + common + line("Flour.", 0))

    assert [one.weight for one in read_labels(labels)] == [2.0, 2.0, 45.0, 45.0, 1.0]


def test_the_page_is_what_the_command_prints(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["calibrate", "--show", str(SHIPPED), "--markdown"]) == 0
    printed = capsys.readouterr().out

    assert printed == markdown(read(SHIPPED))
    assert printed in (ROOT / "docs/measures.md").read_text(), "write it anew: see the page"


def test_public_sets_are_read_and_the_same_rows_drawn_again(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = Path(os.environ.get("CROSSRISK_DATA", "nowhere"))
    if not (folder / "xstest").is_dir():
        message = "CROSSRISK_DATA names no folder with evaluation sets"
        pytest.fail(message) if os.environ.get("CI") else pytest.skip(message)
    config = tmp_path / "crossrisk.yaml"
    config.write_text(CONFIG)
    outputs = [tmp_path / "one.json", tmp_path / "same.json", tmp_path / "other.json"]
    for output, seed in zip(outputs, ("1", "1", "2"), strict=True):
        arguments = ["--config", str(config), "--output", str(output), "--rows", "60", "--seed", seed]
        assert main(["calibrate", "--sets", str(folder), *arguments]) == 0

    one, same, other = map(read, outputs)
    assert one == same
    assert one.known != other.known
    first = one.known[0]
    assert first.positives > 10
    assert first.sensitivity is not None
    assert first.sensitivity.lower > 0.6, "the word lists alone find most refusals of look-alikes"


def test_without_a_folder_the_remedy_is_told(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.delenv("CROSSRISK_DATA", raising=False)
    try:
        assert main(["calibrate", "--sets"]) == 2
    finally:
        encoder.use("off")
    assert "CROSSRISK_DATA" in capsys.readouterr().err
