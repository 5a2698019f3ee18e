"""`crossrisk send`: plays a file of prompts through a running gateway."""

import argparse
import asyncio
import contextlib
import csv
import json
import sys
import time
from collections.abc import AsyncIterator, Iterator, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, TextIO

import aiohttp
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from gateway.errors import ConfigError, UpstreamError

PROMPT_FIELDS = ("prompt", "question", "instruction", "text", "goal", "query", "content")


@dataclass(frozen=True, slots=True)
class Prompt:
    """One prompt of a file; `group` is carried into the result."""

    index: int
    messages: list[dict[str, str]]
    group: str = ""


@dataclass(frozen=True, slots=True)
class Result:
    """What became of one prompt; times in seconds, `error` is empty for an answer."""

    index: int
    group: str
    outcome: str
    seconds: float
    finish_reason: str = ""
    answer: str = ""
    findings: list[dict[str, Any]] = field(default_factory=list)
    error: str = ""


def add_parser(subparsers: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Register the command."""
    parser = subparsers.add_parser(
        "send",
        help="play a file of prompts through a gateway",
        description="Send every prompt of FILE through a running gateway and write one result a line. "
        "JSONL and CSV take the prompt from --field (or the first of: " + ", ".join(PROMPT_FIELDS) + "; "
        "JSONL also `messages`); TXT has one prompt a line.",
        epilog="example: crossrisk send prompts.csv --field goal --group harmful --output results.jsonl",
    )
    parser.add_argument("file", type=Path, metavar="FILE", help="prompts: .jsonl, .csv or .txt")
    parser.add_argument(
        "--output", "-o", type=Path, metavar="FILE", help="results as JSONL; default: standard output"
    )
    parser.add_argument("--field", metavar="NAME", help="column or key that holds the prompt")
    parser.add_argument("--group", default="", help="group of every prompt that has no `group` of its own")
    parser.add_argument("--limit", type=int, metavar="N", help="send only the first N prompts")
    parser.add_argument("--max-tokens", type=int, default=64, metavar="N", help="default: %(default)s")
    add_gateway_arguments(parser)
    parser.set_defaults(run=run)


def add_gateway_arguments(parser: argparse.ArgumentParser) -> None:
    """Where to send, and how many at a time."""
    parser.add_argument("--url", default="http://127.0.0.1:8080/v1", help="the gateway; default: %(default)s")
    parser.add_argument("--model", default="", help="default: the gateway's first")
    parser.add_argument("--concurrency", "-j", type=int, default=4, metavar="N", help="default: %(default)s")


def run(arguments: argparse.Namespace) -> int:
    """Send them all; exit code 1 when any failed."""
    prompts = read_prompts(arguments.file, arguments.field, arguments.group)[: arguments.limit]
    with _output(arguments.output) as out:

        def write(result: Result) -> None:
            out.write(json.dumps(asdict(result), ensure_ascii=False) + "\n")
            out.flush()

        results = asyncio.run(send_all(prompts, arguments, write))
    failed = sum(result.outcome == "failed" for result in results)
    blocked = sum(result.outcome == "blocked" for result in results)
    sys.stderr.write(f"{len(results)} sent, {blocked} blocked, {failed} failed\n")
    return 1 if failed else 0


def read_prompts(path: Path, name: str | None = None, group: str = "") -> list[Prompt]:
    """The prompts of `path`; raises ConfigError naming the line."""
    try:
        with path.open(encoding="utf-8", newline="") as file:
            return list(_prompts(path, file, name, group))
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(f"{path}: cannot read it: {error}") from error


def _prompts(path: Path, file: TextIO, name: str | None, group: str) -> Iterator[Prompt]:
    rows: Iterator[tuple[int, Any]]
    if path.suffix == ".csv":
        rows = iter(enumerate(csv.DictReader(file), start=2))
    else:
        rows = ((number, line) for number, line in enumerate(file, start=1) if line.strip())
    for index, (number, row) in enumerate(rows):
        if path.suffix == ".jsonl":
            row = _json_row(path, number, row)
        elif isinstance(row, str):
            row = {"prompt": row.strip()}
        messages = _messages(path, number, row, name)
        yield Prompt(index, messages, str(row.get("group") or group))


def _json_row(path: Path, number: int, line: str) -> dict[str, Any]:
    try:
        row = json.loads(line)
    except ValueError as error:
        raise ConfigError(f"{path}, line {number}: not JSON: {error}") from error
    if not isinstance(row, dict):
        raise ConfigError(f"{path}, line {number}: must be an object")
    return row


def _messages(path: Path, number: int, row: dict[str, Any], name: str | None) -> list[dict[str, str]]:
    if name is None and isinstance(row.get("messages"), list):
        return list(row["messages"])
    chosen = name or next((field for field in PROMPT_FIELDS if row.get(field)), None)
    prompt = row.get(chosen) if chosen else None
    if not isinstance(prompt, str):
        known = ", ".join(str(key) for key in row)
        raise ConfigError(
            f"{path}, line {number}: no prompt in {chosen or 'any known field'}; there are: {known}"
        )
    return [{"role": "user", "content": prompt}]


async def send_all(
    prompts: Sequence[Prompt], arguments: argparse.Namespace, write: Any = lambda result: None
) -> list[Result]:
    """Send with `arguments.concurrency` at a time, under a progress bar on standard error."""
    if arguments.concurrency < 1:
        raise ConfigError("--concurrency must be at least 1")
    console = Console(stderr=True)
    columns = TextColumn("sending"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn()
    results: list[Result] = []
    waiting = iter(prompts)
    async with _session(arguments.url) as session:
        with Progress(*columns, console=console, disable=not console.is_terminal) as progress:
            task = progress.add_task("send", total=len(prompts))

            async def work() -> None:
                for prompt in waiting:
                    result = await _send(session, prompt, arguments)
                    results.append(result)
                    write(result)
                    progress.advance(task)

            async with asyncio.TaskGroup() as workers:
                for _ in range(min(arguments.concurrency, max(len(prompts), 1))):
                    workers.create_task(work())
    return results


@contextlib.asynccontextmanager
async def _session(url: str) -> AsyncIterator[aiohttp.ClientSession]:
    async with aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=600)) as session:
        try:
            async with session.get(f"{url}/models") as response:
                response.raise_for_status()
        except (aiohttp.ClientError, OSError) as error:
            raise UpstreamError(f"no gateway answers at {url}; start one with: crossrisk serve") from error
        yield session


async def _send(session: aiohttp.ClientSession, prompt: Prompt, arguments: argparse.Namespace) -> Result:
    started = time.perf_counter()
    body: dict[str, Any] = {"messages": prompt.messages, "max_tokens": arguments.max_tokens}
    if arguments.model:
        body["model"] = arguments.model
    try:
        async with session.post(f"{arguments.url}/chat/completions", json=body) as response:
            answer = await response.json()
    except (aiohttp.ClientError, OSError, ValueError) as error:
        return Result(prompt.index, prompt.group, "failed", _since(started), error=type(error).__name__)
    if "error" in answer:
        return Result(prompt.index, prompt.group, "failed", _since(started), error=answer["error"]["message"])
    choice, findings = answer["choices"][0], answer["crossrisk"]["findings"]
    blocked = any(finding["action"] == "block" for finding in findings)
    return Result(
        prompt.index,
        prompt.group,
        "blocked" if blocked else "completed",
        _since(started),
        choice["finish_reason"],
        choice["message"]["content"] or "",
        findings,
    )


def _since(started: float) -> float:
    return round(time.perf_counter() - started, 4)


@contextlib.contextmanager
def _output(path: Path | None) -> Iterator[TextIO]:
    if path is None:
        yield sys.stdout
        return
    try:
        with path.open("w", encoding="utf-8") as file:
            yield file
    except OSError as error:
        raise ConfigError(f"{path}: cannot write it: {error.strerror}") from error
