"""The scripted server as a subprocess of a test."""

import asyncio
import json
import sys
import tempfile
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import aiohttp

WAIT_SECONDS = 60.0  # generous: only a broken test waits this long


@dataclass(frozen=True, slots=True)
class Addresses:
    """`grpc` is host:port, `http` a base address without path."""

    grpc: str
    http: str
    counts_url: str


@asynccontextmanager
async def scripted(script: list[dict[str, Any]] | None = None) -> AsyncIterator[Addresses]:
    """Run the scripted server until the block ends; fails unless it then exits cleanly."""
    with tempfile.TemporaryDirectory() as folder:
        arguments = ["--with-parent"]
        if script is not None:
            path = Path(folder) / "script.yaml"
            path.write_text(json.dumps(script, ensure_ascii=False), encoding="utf-8")  # JSON is YAML
            arguments += ["--script", str(path)]
        async with running("gateway.upstreams.scripted", *arguments) as ready:
            yield Addresses(ready["grpc"], ready["http"], ready["http"] + "/counts")


@asynccontextmanager
async def running(
    module: str, *arguments: str, patience: float = WAIT_SECONDS
) -> AsyncIterator[dict[str, Any]]:
    """Run `python -m module` until the block ends; yields the line of JSON it prints when ready."""
    pipe = asyncio.subprocess.PIPE
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", module, *arguments, stdin=pipe, stdout=pipe
    )
    assert process.stdout is not None
    try:
        line = await asyncio.wait_for(process.stdout.readline(), patience)
        assert line, f"{module} ended before it was ready"
        yield json.loads(line)
    finally:
        if process.returncode is None:
            process.terminate()
        await process.communicate()
    assert process.returncode == 0


async def counts(addresses: Addresses) -> dict[str, int]:
    """What became of the exchanges so far."""
    async with aiohttp.ClientSession() as session, session.get(addresses.counts_url) as response:
        result: dict[str, int] = await response.json()
        return result


async def counted(addresses: Addresses, **expected: int) -> Mapping[str, int]:
    """Wait until the counts named have the values given; returns the last counts seen."""
    deadline = asyncio.get_running_loop().time() + WAIT_SECONDS
    while True:
        seen = await counts(addresses)
        if expected.items() <= seen.items() or asyncio.get_running_loop().time() > deadline:
            return seen
        await asyncio.sleep(0.02)
