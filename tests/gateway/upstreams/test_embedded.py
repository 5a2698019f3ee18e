"""The embedded upstream with its real model in its real child process."""

import asyncio
import importlib.util
import os
import signal
import subprocess
import sys
from asyncio.subprocess import PIPE, Process
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AbstractAsyncContextManager, aclosing, asynccontextmanager, suppress
from pathlib import Path
from typing import Any

import aiohttp
import msgspec
import pytest

from gateway.errors import ConfigError, InvalidRequestError, UnknownModelError, UpstreamError
from gateway.model_files import SMOLLM2, fetched
from gateway.types import Delta, Deltas, Exchange, Finish, Message, Text, Usage
from gateway.upstreams.child import ChildModel
from gateway.upstreams.embedded import Embedded
from gateway.upstreams.llama_server import Settings
from gateway.upstreams.parent import Address

CHILD = (sys.executable, "-m", "gateway.upstreams.llama_server")


@pytest.fixture
def model_file() -> Path:
    """The real file; without it there is nothing to test."""
    if importlib.util.find_spec("xllamacpp") is None:
        pytest.skip("xllamacpp is not installed")
    try:
        return fetched(SMOLLM2)
    except ConfigError as error:
        pytest.skip(str(error))


@pytest.fixture
def some_file(tmp_path: Path) -> str:
    """Stands for a model file where none is read."""
    path = tmp_path / "some.gguf"
    path.write_text("no model at all")
    return str(path)


@pytest.fixture
async def model(model_file: Path) -> AsyncIterator[ChildModel]:
    async with Embedded().connect() as connected:
        yield connected


def single(context: int = 2048) -> AbstractAsyncContextManager[ChildModel]:
    return Embedded(slots=1, context=context).connect()


def exchange(prompt: str = "Say hello.", **parameters: Any) -> Exchange:
    options = {"max_tokens": 4, "temperature": 0.0, **parameters}
    return Exchange("smollm2-135m-instruct", (Message("user", prompt),), options)


async def collect(answer: Deltas) -> list[Delta]:
    async with aclosing(answer) as deltas:
        return [delta async for delta in deltas]


def text(deltas: list[Delta]) -> str:
    return "".join(delta.text for delta in deltas if isinstance(delta, Text))


def gone(process_id: int) -> bool:
    """No such process any more, or only the entry that its new parent has yet to read."""
    with suppress(OSError):
        return Path(f"/proc/{process_id}/stat").read_text().rsplit(")", 1)[1].split()[0] == "Z"
    return True


async def until(condition: Callable[[], Awaitable[bool]]) -> None:
    async with asyncio.timeout(30):
        while not await condition():
            await asyncio.sleep(0.02)


async def until_gone(process_id: int) -> None:
    async def condition() -> bool:
        return gone(process_id)

    await until(condition)


# Answers


@pytest.mark.slow
async def test_it_answers_several_at_once_and_leaves_nothing_behind(model_file: Path) -> None:
    async with Embedded().connect() as model:
        assert await model.ready()
        answers = await asyncio.gather(*(collect(model(exchange())) for _ in range(4)))
        process_id = model.process_id
    for *pieces, usage, finish in answers:
        assert "".join(piece.text for piece in pieces if isinstance(piece, Text))
        assert isinstance(usage, Usage)
        assert usage.prompt_tokens > 0
        assert usage.completion_tokens == 4
        assert finish == Finish("length")
    assert process_id is not None
    assert gone(process_id)


@pytest.mark.slow
async def test_more_exchanges_than_slots_wait_and_readiness_does_not(model: ChildModel) -> None:
    asked = [asyncio.create_task(collect(model(exchange()))) for _ in range(24)]
    await asyncio.wait(asked, return_when=asyncio.FIRST_COMPLETED)
    assert await model.ready()
    assert all(answer[-1] == Finish("length") for answer in await asyncio.gather(*asked))


@pytest.mark.slow
async def test_one_after_another_none_is_lost(model: ChildModel) -> None:
    """llama.cpp closes the connection after every streamed answer."""
    for _ in range(20):
        assert (await collect(model(exchange(max_tokens=1))))[-1] == Finish("length")


@pytest.mark.slow
async def test_a_prompt_longer_than_the_context_is_the_clients_error(model_file: Path) -> None:
    async with single(context=256) as model:
        with pytest.raises(InvalidRequestError, match="context"):
            await collect(model(exchange("word " * 2000)))
        assert (await collect(model(exchange())))[-1] == Finish("length")


@pytest.mark.slow
async def test_an_answer_ends_where_the_context_does(model_file: Path) -> None:
    async with single(context=256) as model:
        *_, usage, finish = await collect(model(exchange(max_tokens=100_000, ignore_eos=True)))
    assert finish == Finish("length")
    assert isinstance(usage, Usage)
    assert usage.prompt_tokens + usage.completion_tokens <= 256


@pytest.mark.slow
async def test_clients_that_set_no_repeat_penalty_get_one(model_file: Path) -> None:
    async def answer(**parameters: Any) -> str:
        options = {"max_tokens": 60, "cache_prompt": False, "ignore_eos": True, **parameters}
        return text(await collect(model(exchange("Count: one, one, one, one,", **options))))

    async with single() as model:
        assert await answer() == await answer(repeat_penalty=1.1)
        assert await answer() != await answer(repeat_penalty=1.0)


@pytest.mark.slow
async def test_other_models_are_unknown(model: ChildModel) -> None:
    with pytest.raises(UnknownModelError):
        await collect(model(Exchange("gpt", (Message("user", "hi"),))))


@pytest.mark.slow
async def test_closing_an_answer_early_frees_its_slot(model_file: Path) -> None:
    async with single() as model:
        async with aclosing(model(exchange("Tell a story.", max_tokens=1900, ignore_eos=True))) as deltas:
            assert isinstance(await anext(deltas), Text)
        # had the model gone on, it would keep its only slot for longer than this deadline
        asked = exchange(max_tokens=1)
        deadline = asyncio.get_running_loop().time() + 6
        answer = model(Exchange(asked.model, asked.messages, asked.parameters, deadline=deadline))
        assert (await collect(answer))[-1] == Finish("length")


# Deaths


@pytest.mark.slow
async def test_a_child_that_dies_breaks_the_answer_and_comes_back(model: ChildModel) -> None:
    first = model.process_id
    assert first is not None
    answer = model(exchange("Tell a long story.", max_tokens=1000, ignore_eos=True))
    await anext(answer)
    os.kill(first, signal.SIGKILL)
    with pytest.raises(UpstreamError):
        await collect(answer)

    async def down() -> bool:
        return model.process_id is None

    await until(down)
    assert not await model.ready()
    with pytest.raises(UpstreamError, match="started again"):
        await collect(model(exchange()))
    await until(model.ready)
    assert model.restarts == 1
    assert model.process_id != first
    assert (await collect(model(exchange())))[-1] == Finish("length")


@pytest.mark.slow
async def test_leaving_while_the_child_is_being_started_again(model_file: Path) -> None:
    async with Embedded().connect() as model:
        first = model.process_id
        assert first is not None
        os.kill(first, signal.SIGKILL)
        await until_gone(first)
        await asyncio.sleep(0.2)
    assert model.process_id is None
    assert children() == []


def children() -> list[str]:
    """Command lines of this process's children that run the model."""
    listed = Path(f"/proc/self/task/{os.getpid()}/children").read_text().split()
    lines = [Path(f"/proc/{child}/cmdline").read_text() for child in listed if not gone(int(child))]
    return [line for line in lines if "llama_server" in line]


@pytest.mark.slow
async def test_a_killed_gateway_leaves_no_orphan(model_file: Path) -> None:
    program = """
import asyncio
from gateway.upstreams.embedded import Embedded

async def main() -> None:
    async with Embedded().connect() as model:
        print(model.process_id, flush=True)
        await asyncio.Event().wait()

asyncio.run(main())
"""
    gateway = await asyncio.create_subprocess_exec(
        sys.executable, "-c", program, stdout=PIPE, env=environment()
    )
    assert gateway.stdout is not None
    process_id = int(await gateway.stdout.readline())
    assert not gone(process_id)
    gateway.kill()
    await gateway.wait()
    await until_gone(process_id)


@pytest.mark.slow
@pytest.mark.parametrize("content", [b"", b"no model at all", b"GGUF" + bytes(1000)])
async def test_a_file_that_is_no_model_says_so(model_file: Path, tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "broken.gguf"
    path.write_bytes(content)
    with pytest.raises(UpstreamError, match=r"did not start: (?s:.*)cannot serve .*broken\.gguf"):
        async with Embedded(model_file=str(path)).connect():
            pytest.fail("it must not connect")
    assert children() == []


# The child on its own


def environment() -> dict[str, str]:
    return {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}


def settings(model_file: Path, parent: int) -> Settings:
    return Settings(
        model_file=str(model_file),
        name="m",
        api_key="k3y",
        slots=1,
        threads=1,
        context=256,
        connections=2,
        verbose=False,
        parent=parent,
    )


@asynccontextmanager
async def child(start: Settings) -> AsyncIterator[Process]:
    process = await asyncio.create_subprocess_exec(*CHILD, stdin=PIPE, stdout=PIPE, env=environment())
    try:
        assert process.stdin is not None
        process.stdin.write(msgspec.json.encode(start) + b"\n")
        yield process
    finally:
        with suppress(ProcessLookupError):
            process.kill()
        await process.wait()


async def status(session: aiohttp.ClientSession, url: str, key: str) -> int:
    async with session.get(url, headers={"Authorization": f"Bearer {key}"}) as response:
        return response.status


@pytest.mark.slow
async def test_only_the_key_opens_it_and_the_end_of_stdin_ends_it(model_file: Path) -> None:
    async with child(settings(model_file, os.getpid())) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        address = msgspec.json.decode(await process.stdout.readline(), type=Address)
        assert address.url.startswith("http://127.0.0.1:")
        async with aiohttp.ClientSession() as session:
            assert await status(session, f"{address.url}/v1/models", "k3y") == 200
            assert await status(session, f"{address.url}/v1/models", "guess") == 401
            assert await status(session, f"{address.url}/slots", "guess") == 401
        seen_by_others = Path(f"/proc/{process.pid}/cmdline").read_text()
        assert "k3y" not in seen_by_others
        process.stdin.close()
        assert await asyncio.wait_for(process.wait(), 30) == 0


@pytest.mark.slow
async def test_a_child_whose_parent_is_gone_does_not_start(model_file: Path) -> None:
    async with child(settings(model_file, parent=1)) as process:
        assert await asyncio.wait_for(process.wait(), 30) != 0


# Configuration


def test_without_the_extra_the_error_names_it(monkeypatch: pytest.MonkeyPatch, some_file: str) -> None:
    monkeypatch.setitem(sys.modules, "xllamacpp", None)
    with pytest.raises(ConfigError, match=r"pip install 'crossrisk-gateway\[embedded\]'"):
        Embedded(model_file=some_file)


def test_the_parent_does_without_llama_cpp() -> None:
    program = "import sys, gateway.upstreams.embedded; sys.exit('xllamacpp' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", program], env=environment(), check=False).returncode == 0


def test_without_the_file_the_error_names_the_command(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    pytest.importorskip("xllamacpp")
    monkeypatch.setenv("CROSSRISK_CACHE", str(tmp_path))
    with pytest.raises(ConfigError, match="run: crossrisk fetch"):
        Embedded()
    with pytest.raises(ConfigError, match=r"other\.gguf is missing"):
        Embedded(model_file=str(tmp_path / "other.gguf"))


@pytest.mark.parametrize(
    "options", [{"models": ()}, {"slots": 0}, {"threads": -1}, {"context": 0}, {"timeout": 0.0}]
)
def test_hopeless_settings_are_refused(options: dict[str, Any], some_file: str) -> None:
    pytest.importorskip("xllamacpp")
    with pytest.raises(ConfigError, match=next(iter(options))):
        Embedded(model_file=some_file, **options)


# Other processes


@pytest.mark.slow
async def test_a_child_that_is_lent_answers_its_borrowers_wherever_it_moves(
    model_file: Path, tmp_path: Path
) -> None:
    entry, file = Embedded(), tmp_path / "upstream-0.json"
    async with entry.borrow(file) as early:
        assert not await early.ready()
        with pytest.raises(UpstreamError, match="started again"):
            await collect(early(exchange()))
        async with entry.lend(file) as lender:
            assert file.stat().st_mode & 0o777 == 0o600
            await until(early.ready)
            async with entry.borrow(file) as late:
                await until(late.ready)
                answers = [await collect(one(exchange())) for one in (early, late, lender)]
            assert text(answers[0]) == text(answers[1]) == text(answers[2]) != ""
            assert lender.process_id is not None
            os.kill(lender.process_id, signal.SIGKILL)
            await until(lender.ready)
            await until(early.ready)
            assert text(await collect(early(exchange()))) == text(answers[0])
        assert not file.exists()
