"""A classifier of a model hub: fetched once from a real server, then used as it is."""

import asyncio
import hashlib
import os
import subprocess
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from aiohttp import web

from tests.classifiers import write_classifier

COMMIT = "0123456789abcdef0123456789abcdef01234567"
PROGRAM = """
import asyncio, sys
from gateway.errors import ConfigError
from gateway.text.classifier import shared
from gateway.text.classifier_files import ClassifierChoice

async def main() -> None:
    choice = ClassifierChoice(hub=sys.argv[1], labels={"INJECTION": "injection"}, device="cpu")
    classifier = shared(choice)
    print(sorted(file.name for file in classifier.files.folder.iterdir()))
    await classifier.warm()
    print(round((await classifier.scores("attack", choice.labels))["injection"], 3))
    await classifier.aclose()

try:
    asyncio.run(main())
except ConfigError as error:
    sys.exit(f"refused: {error}")
"""


@dataclass(slots=True)
class Hub:
    """A server with the part of the Hugging Face hub's HTTP that a fetch needs."""

    folder: Path
    address: str = ""
    fetched: list[str] = field(default_factory=list)

    async def info(self, request: web.Request) -> web.Response:
        names = [{"rfilename": name} for name in self._names()]
        return web.json_response({"id": "some/guard", "sha": COMMIT, "siblings": names})

    async def tree(self, request: web.Request) -> web.Response:
        listed = [
            {"type": "file", "path": name, "oid": _hash(self.folder / name), "size": self._size(name)}
            for name in self._names()
        ]
        return web.json_response(listed)

    async def resolve(self, request: web.Request) -> web.Response:
        name = request.match_info["name"]
        file = self.folder / name
        if not file.is_file():
            raise web.HTTPNotFound(headers={"X-Error-Code": "EntryNotFound"})
        headers = {"ETag": f'"{_hash(file)}"', "X-Repo-Commit": COMMIT}
        if request.method == "GET":
            self.fetched.append(name)
        return web.Response(body=file.read_bytes(), headers=headers)

    def _names(self) -> list[str]:
        return [str(file.relative_to(self.folder)) for file in self.folder.rglob("*") if file.is_file()]

    def _size(self, name: str) -> int:
        return (self.folder / name).stat().st_size


def _hash(file: Path) -> str:
    return hashlib.sha1(file.read_bytes(), usedforsecurity=False).hexdigest()


@asynccontextmanager
async def hub(folder: Path) -> AsyncIterator[Hub]:
    served = Hub(folder)
    application = web.Application()
    router = application.router
    router.add_get("/api/models/some/guard/revision/{revision}", served.info)
    router.add_get("/api/models/some/guard/tree/{revision}", served.tree)
    router.add_get("/some/guard/resolve/{revision}/{name:.*}", served.resolve)
    runner = web.AppRunner(application)
    await runner.setup()
    try:
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        served.address = "http://{}:{}".format(*runner.addresses[0][:2])
        yield served
    finally:
        await runner.cleanup()


async def use(cache: Path, endpoint: str, name: str = "some/guard") -> subprocess.CompletedProcess[str]:
    environment = {
        **os.environ,
        "HF_ENDPOINT": endpoint,
        "HF_HOME": str(cache / "home"),
        "CROSSRISK_CACHE": str(cache),
        "PYTHONPATH": os.pathsep.join(sys.path),
    }
    command = [sys.executable, "-c", PROGRAM, name]
    return await asyncio.to_thread(
        subprocess.run, command, env=environment, capture_output=True, text=True, timeout=60, check=False
    )


@pytest.mark.slow
async def test_a_model_is_fetched_once_in_one_form_and_then_used_without_the_hub(tmp_path: Path) -> None:
    folder = tmp_path / "repository"
    folder.mkdir()
    write_classifier(folder, {"attack": [-8.0, 8.0]}, ("SAFE", "INJECTION"), [2.0, -2.0])
    for other in ("pytorch_model.bin", "model.safetensors", "onnx/model_int8.onnx"):
        (folder / other).parent.mkdir(exist_ok=True)
        (folder / other).write_bytes(b"another form of it")
    async with hub(folder) as served:
        first = await use(tmp_path / "cache", served.address)
    assert first.returncode == 0, first.stderr
    names, score = first.stdout.splitlines()
    assert names == "['config.json', 'model.onnx', 'tokenizer.json']"
    assert float(score) > 0.99
    assert sorted(set(served.fetched)) == ["config.json", "model.onnx", "tokenizer.json"]

    second = await use(tmp_path / "cache", served.address)  # nobody listens there any more
    assert (second.returncode, second.stdout) == (0, first.stdout), second.stderr


@pytest.mark.slow
async def test_a_model_that_cannot_be_had_is_told(tmp_path: Path) -> None:
    async with hub(tmp_path) as served:
        ended = await use(tmp_path / "cache", served.address, "some/other")
    assert ended.returncode == 1
    assert "refused: model: cannot fetch some/other at 'main': " in ended.stderr
