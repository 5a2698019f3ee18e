"""An adapter's folder holds all of it or what it held before; who cannot train is told why."""

import argparse
import sys
from pathlib import Path

import pytest

from defenses.training.output import complete
from gateway.__main__ import parser
from gateway.errors import ConfigError


def test_all_files_come_together(tmp_path: Path) -> None:
    output = tmp_path / "deep" / "adapter"
    with complete(output) as folder:
        (folder / "weights").write_text("new")
        (folder / "card").write_text("new")
        assert [path for path in output.iterdir() if path.is_file()] == []
    assert {path.name for path in output.iterdir()} == {"weights", "card"}


def test_an_interrupted_training_leaves_what_was_there(tmp_path: Path) -> None:
    (tmp_path / "weights").write_text("old")
    with pytest.raises(KeyboardInterrupt), complete(tmp_path) as folder:
        (folder / "weights").write_text("half")
        raise KeyboardInterrupt
    assert [path.name for path in tmp_path.iterdir()] == ["weights"]
    assert (tmp_path / "weights").read_text() == "old"


def test_where_nothing_can_be_written_nothing_is_computed(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(ConfigError, match="--output"), complete(tmp_path / "file"):
        pytest.fail("it was computed")


def arguments(tmp_path: Path, *more: str) -> argparse.Namespace:
    return parser().parse_args(["train", *more, "--output", str(tmp_path / "out")])


@pytest.mark.parametrize(
    "what", [("safe_expert", "--data", "."), ("dpo_refusal", "--data", "."), ("dp_sft",)]
)
def test_a_missing_extra_is_named(
    what: tuple[str, ...], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "opacus", None)
    parsed = arguments(tmp_path, *what)
    with pytest.raises(ConfigError, match=r"needs the extra \[train\].*opacus is missing"):
        parsed.run(parsed)
    assert not (tmp_path / "out").exists()
