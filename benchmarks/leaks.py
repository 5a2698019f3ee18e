"""The same secrets, cut into pieces, through this gateway and through two others: what gets out.

::

    python -m benchmarks.leaks [--only crossrisk,litellm,nemo] [--write]

The others are installed on first use into environments of their own under `.tools/peers`. The
upstream is scripted, one piece every 2 ms. A leak is the longest run of a secret that a client received.
"""

import argparse
import asyncio
import json
import os
import secrets
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import AsyncExitStack, aclosing, asynccontextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import aiohttp
import yaml
from rich.console import Console

from benchmarks.environments import PEERS, environment
from benchmarks.http_overhead import configuration, ready
from benchmarks.overhead import markdown
from benchmarks.targets import process
from defenses.leak_filter import LeakFilter
from gateway.chain import Layer, chain
from gateway.types import Deltas, Detection, Exchange, Finish, Text

ROOT = Path(__file__).parents[1]
OTHERS = ("litellm", "nemo")
SECRETS = {
    "card": "4539 1488 0343 6467",
    "e-mail": "jane.q.doe.private@corp-mail.example.com",
    "key": "sk-proj-aB3dE5fG7hJ9kL2mN4pQ6rS8tU1vW3xY5zA7bC9dE2fG4hJ6",
}
PATTERNS = {
    "card": r"\b\d(?:[ -]?\d){12,18}\b",
    "e-mail": r"[A-Za-z0-9._%+-]+@[A-Za-z0-9.-]+\.[A-Za-z]{2,24}",
    "key": r"\bsk-[A-Za-z0-9_-]{20,}",
}
CHANNELS = ("content", "reasoning", "tool call")
CUTS = (1, 4, 20)
PACE = 0.002
ADMISSION = f"sk-{secrets.token_hex(32)}"  # without one LiteLLM refuses to start
FILL = "This sentence is plain and says nothing of any interest to anybody at all. "
CONSOLE = Console(stderr=True)


@dataclass(frozen=True, slots=True)
class Case:
    """One answer: where it stands, what it hides, how it is cut; an empty secret is a clean one."""

    channel: str
    secret: str
    cut: int

    @property
    def text(self) -> str:
        """The answer."""
        # So that a block of 200 characters, which somebody may look at alone, ends within the secret.
        before = FILL * 2 + "And there is one thing more to tell: "
        return before + SECRETS.get(self.secret, "nothing") + " as far as I know. " + FILL * 3

    @property
    def name(self) -> str:
        """What the prompt says, by which the script knows it."""
        return f"case {self.channel} {self.secret or 'clean'} by {self.cut}."


@dataclass(frozen=True, slots=True)
class Delivered:
    """What a client got: the text, seconds to its first character, looks and characters looked at."""

    text: str
    first: float | None
    checks: int | None = None
    characters: int | None = None


COUNTED = Case("content", "", 4)
CASES = [Case(channel, secret, cut) for channel in CHANNELS for secret in (*SECRETS, "") for cut in CUTS]


def leaked(text: str, secret: str, around: str = "") -> int:
    """Length of the longest run of `secret` that stands in `text`; 0 if `around` has one as long.

    >>> leaked("my card is 4539 14 and no more", "4539 1488")
    7
    >>> leaked("it is a card", "care", around="it is a card")
    0
    """
    run = _longest_run(text, secret)
    return run if run > _longest_run(around, secret) else 0


def _longest_run(text: str, secret: str) -> int:
    spans = ((start, end) for start in range(len(secret)) for end in range(start + 1, len(secret) + 1))
    return max((end - start for start, end in spans if secret[start:end] in text), default=0)


def script() -> list[dict[str, Any]]:
    """The cases as the scripted upstream plays them."""
    return [entry(case) for case in CASES]


def entry(case: Case) -> dict[str, Any]:
    """One case as an entry of the script."""
    common = {"match": case.name.replace(".", r"\."), "chunk": case.cut, "pace": PACE}
    if case.channel != "tool call":
        return {**common, "text": case.text, "channel": case.channel}
    arguments = json.dumps({"note": case.text})
    return {
        **common,
        "finish": "tool_calls",
        "tool_calls": [{"id": "c", "name": "save", "arguments": arguments}],
    }


async def ask(session: aiohttp.ClientSession, base: str, case: Case) -> Delivered:
    """One streamed exchange, every text of its answer together."""
    body = {"model": "scripted", "stream": True, "messages": [{"role": "user", "content": case.name}]}
    began, first, texts, tail = time.perf_counter(), None, [], b""
    headers = {"authorization": f"Bearer {ADMISSION}"}
    try:
        async with session.post(f"{base}/chat/completions", json=body, headers=headers) as response:
            async for chunk in response.content.iter_any():
                *lines, tail = (tail + chunk).split(b"\n")
                said = "".join(text for line in lines for text in spoken(line))
                if said and first is None:
                    first = time.perf_counter() - began
                texts.append(said)
    except aiohttp.ClientError:
        pass  # broken off on purpose, or not; what counts is what came
    return Delivered("".join(texts), first)


def spoken(line: bytes) -> Iterator[str]:
    """The texts of one line of server-sent events."""
    if not line.startswith(b"data: {"):
        return
    for choice in json.loads(line[6:]).get("choices") or ():
        delta = choice.get("delta") or {}
        yield delta.get("content") or ""
        yield delta.get("reasoning_content") or delta.get("reasoning") or ""
        for call in delta.get("tool_calls") or ():
            yield (call.get("function") or {}).get("arguments") or ""


@asynccontextmanager
async def crossrisk(upstream: str, folder: Path, action: str) -> AsyncIterator[str]:
    """This gateway with its leak filter."""
    own = folder / f"crossrisk_{action}"
    own.mkdir()
    path = own / "gateway.yaml"
    defenses: list[dict[str, object]] = [{"use": "defenses.leak_filter:LeakFilter", "action": action}]
    path.write_text(yaml.safe_dump(configuration(upstream, own / "run", defenses)))
    command = (sys.executable, "-m", "gateway", "gateway", "--config", str(path), "--ready-json")
    async with process(*command, cores=frozenset(os.sched_getaffinity(0))) as running:
        yield f"http://{(await ready(running))['http']}/v1"


@asynccontextmanager
async def litellm(upstream: str, folder: Path, action: str) -> AsyncIterator[str]:
    """LiteLLM's proxy with its own content filter on answers."""
    with socket.create_server(("127.0.0.1", 0)) as probe:
        port = probe.getsockname()[1]
    patterns = [
        {"pattern_type": "regex", "name": name.replace("-", ""), "pattern": pattern, "action": action.upper()}
        for name, pattern in PATTERNS.items()
    ]
    filtering = {
        "guardrail": "litellm_content_filter",
        "mode": "post_call",
        "default_on": True,
        "patterns": patterns,
    }
    model = {"model": "openai/scripted", "api_base": f"{upstream}/v1", "api_key": "none"}
    config = {
        "model_list": [{"model_name": "scripted", "litellm_params": model}],
        "guardrails": [{"guardrail_name": "leaks", "litellm_params": filtering}],
    }
    path = folder / f"litellm_{action}.yaml"
    path.write_text(yaml.safe_dump(config))
    program = str(environment("litellm", CONSOLE) / "bin" / "litellm")
    log = (folder / f"litellm_{action}.log").open("wb")
    variables = {**os.environ, "LITELLM_LOCAL_MODEL_COST_MAP": "True", "LITELLM_MASTER_KEY": ADMISSION}
    running = await asyncio.create_subprocess_exec(
        program,
        "--config",
        str(path),
        "--port",
        str(port),
        "--host",
        "127.0.0.1",
        stdout=log,
        stderr=log,
        env=variables,
    )
    try:
        await answering(f"http://127.0.0.1:{port}/health/liveliness", running)
        yield f"http://127.0.0.1:{port}/v1"
    finally:
        if running.returncode is None:
            running.terminate()
        await running.wait()
        log.close()


async def answering(url: str, running: asyncio.subprocess.Process) -> None:
    """Wait until a server answers."""
    async with aiohttp.ClientSession() as session:
        for _ in range(600):
            if running.returncode is not None:
                raise SystemExit("litellm ended before it was ready")
            try:
                async with session.get(url) as response:
                    if response.status == 200:
                        return
            except aiohttp.ClientError:
                pass
            await asyncio.sleep(0.2)
    raise SystemExit("litellm was not ready within two minutes")


@dataclass(frozen=True, slots=True, kw_only=True)
class Counted(LeakFilter):
    """The leak filter, noting how many characters it is shown at each look."""

    looked: list[int] = field(default_factory=list)

    def glance(self, text: str, start: int = 0, final: bool = False) -> int | None:
        self.looked.append(len(text))
        return LeakFilter.glance(self, text, start, final)

    def pending(self, text: str, start: int = 0) -> int:
        self.looked.append(len(text))
        return LeakFilter.pending(self, text, start)

    async def detect(self, text: str, exchange: Exchange, start: int = 0) -> Sequence[Detection]:
        self.looked.append(len(text))
        return await LeakFilter.detect(self, text, exchange, start)


async def looks(case: Case) -> tuple[int, int]:
    """How often this gateway's filter looks at an answer in content, and at how many characters in all."""
    filtering = Counted()

    async def pieces(exchange: Exchange) -> Deltas:
        for at in range(0, len(case.text), case.cut):
            yield Text(case.text[at : at + case.cut])
        yield Finish("stop")

    defended = chain([Layer("leak_filter", filtering)], pieces)
    async with aclosing(defended(Exchange(model="scripted", messages=()))) as deltas:
        async for _ in deltas:
            pass
    return len(filtering.looked), sum(filtering.looked)


def litellm_looks(case: Case) -> tuple[int, int]:
    """The same of LiteLLM's filter, in its own environment."""
    pieces = [case.text[at : at + case.cut] for at in range(0, len(case.text), case.cut)]
    asked = {"patterns": {name.replace("-", ""): one for name, one in PATTERNS.items()}, "pieces": pieces}
    checks, characters = probed("litellm", asked)
    return checks, characters


def with_looks(delivered: list[Delivered], looked: tuple[int, int]) -> list[Delivered]:
    """What was delivered, with what it took in the case where that was counted."""
    checks, characters = looked
    return [
        replace(one, checks=checks, characters=characters) if case == COUNTED else one
        for case, one in zip(CASES, delivered, strict=True)
    ]


def probed(peer: str, asked: object) -> Any:
    """What the probe of a peer says, run in the peer's own environment."""
    probe = [
        str(environment(peer, CONSOLE) / "bin" / "python"),
        str(ROOT / f"benchmarks/peers/{peer}_probe.py"),
    ]
    done = subprocess.run(probe, input=json.dumps(asked), capture_output=True, text=True, check=False)
    lines = [line for line in done.stdout.splitlines() if line.startswith("RESULTS ")]
    if not lines:
        raise SystemExit(f"{peer} failed: {done.stderr[-1000:]}")
    return json.loads(lines[-1].removeprefix("RESULTS "))


def nemo(cases: list[Case], stream_first: bool) -> list[Delivered]:
    """NeMo's rolling buffer and regex rail over the same pieces, in its own environment."""
    asked = {
        "patterns": list(PATTERNS.values()),
        "cases": [
            {
                "pieces": [c.text[at : at + c.cut] for at in range(0, len(c.text), c.cut)],
                "stream_first": stream_first,
            }
            for c in cases
        ],
    }
    return [Delivered(**result) for result in probed("nemo", asked)]


async def over_http(base: str, cases: list[Case]) -> list[Delivered]:
    """All cases, a few at a time."""
    gate = asyncio.Semaphore(4)
    async with aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=60)) as session:

        async def one(case: Case) -> Delivered:
            async with gate:
                return await ask(session, base, case)

        return list(await asyncio.gather(*map(one, cases)))


async def measure(names: list[str]) -> dict[str, list[Delivered | None]]:
    """What every target delivered in every case; None where it does not carry the channel."""
    results: dict[str, list[Delivered | None]] = {}
    async with AsyncExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        path = folder / "script.yaml"
        path.write_text(yaml.safe_dump(script()))
        command = ("gateway.upstreams.scripted", "--with-parent", "--http", "0", "--script", str(path))
        cores = frozenset(os.sched_getaffinity(0))
        scripted = await stack.enter_async_context(process(sys.executable, "-m", *command, cores=cores))
        upstream = (await ready(scripted))["http"]
        results["no guard"] = [*await over_http(f"{upstream}/v1", CASES)]
        for label, start, action in (
            ("CrossRisk, redact", crossrisk, "redact"),
            ("CrossRisk, block", crossrisk, "block"),
            ("LiteLLM, mask", litellm, "mask"),
            ("LiteLLM, block", litellm, "block"),
        ):
            if start.__name__ in names:
                CONSOLE.print(f"asking {label}")
                async with start(upstream, folder, action) as base:
                    delivered = await over_http(base, CASES)
                looked = await looks(COUNTED) if start is crossrisk else litellm_looks(COUNTED)
                results[label] = [*with_looks(delivered, looked)]
    if "nemo" in names:
        content = [case for case in CASES if case.channel == "content"]
        for label, first in (("NeMo, stream first (default)", True), ("NeMo, check first", False)):
            CONSOLE.print(f"asking {label}")
            shown = dict(zip(content, nemo(content, first), strict=True))
            results[label] = [shown.get(case) for case in CASES]
    return results


def table(results: dict[str, list[Delivered | None]]) -> str:
    """Leaked characters of each secret by channel and cutting, and what a clean answer went through."""
    direct = dict(zip(CASES, results["no guard"], strict=True))
    rows = [["target", "channel", *(f"{name} ({len(secret)})" for name, secret in SECRETS.items())]]
    rows[0] += [
        "clean text identical",
        "first character later by, ms",
        "looks, characters looked at (clean, by 4)",
    ]
    for target, delivered in results.items():
        of = dict(zip(CASES, delivered, strict=True))
        for channel in CHANNELS:
            rows.append([target, channel, *cells(of, direct, channel)])
    return markdown(rows)


def cells(of: dict[Case, Delivered | None], direct: dict[Case, Delivered | None], channel: str) -> list[str]:
    """The cells of one target and channel."""
    clean = [of[Case(channel, "", cut)] for cut in CUTS]
    if any(one is None for one in clean):
        return ["not carried"] * len(SECRETS) + ["", "", ""]
    leaks, around = [], json.dumps({"note": Case(channel, "", 1).text})
    for secret, text in SECRETS.items():
        got = [of[Case(channel, secret, cut)] for cut in CUTS]
        leaks.append(" / ".join(str(leaked(one.text, text, around)) for one in got if one))
    same = all(one is not None and expected(channel, one.text) for one in clean)
    middle, base = of[Case(channel, "", 4)], direct[Case(channel, "", 4)]
    assert middle is not None
    assert base is not None
    later = (middle.first or 0) - (base.first or 0)
    looks = f"{middle.checks}, {middle.characters}" if middle.checks is not None else ""
    return [*leaks, "yes" if same else "no", f"{later * 1e3:.0f}" if middle.first else "never", looks]


def expected(channel: str, text: str) -> bool:
    """Whether a clean answer arrived as it was."""
    clean = Case(channel, "", 1).text
    return text == (json.dumps({"note": clean}) if channel == "tool call" else clean)


INTRODUCTION = """# What gets out

Longest run of a secret that a client received, in characters, for answers cut into pieces of 1 / 4 / 20
characters; a run that the words around it have as well counts as 0. Written by
`python -m benchmarks.leaks --write`; versions: {versions}. Secrets and texts are made up.

* CrossRisk: `defenses.leak_filter:LeakFilter`, action redact or block, over HTTP.
* LiteLLM: its proxy with `litellm_content_filter`, mode `post_call`, the same three patterns, action MASK or
  BLOCK.
* NeMo Guardrails: its real `RollingBuffer` and the shipped `regex check output` rail with the same patterns,
  given the pieces as a model's tokens, defaults of 200 tokens and 50 of context; it is given content only.
  Runs of two or three characters stand in the error it ends a blocked answer with.
* Looks are counted where the filter of each is given a text, in one process, on the clean answer in content:
  {length} characters in pieces of {cut}.

"""


def main() -> None:
    """Parse the command line, measure, print."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.leaks", description=__doc__)
    parser.add_argument("--only", default="crossrisk,litellm,nemo", help="targets, by commas")
    parser.add_argument("--write", action="store_true", help="write docs/leaks.md")
    options = parser.parse_args()
    names = options.only.split(",")
    if unknown := set(names) - {"crossrisk", *OTHERS}:
        parser.error(f"no such target: {', '.join(sorted(unknown))}")
    text = table(asyncio.run(measure(names)))
    print(text)
    if options.write:
        versions = ", ".join(PEERS[name][0] for name in names if name in OTHERS)
        introduction = INTRODUCTION.format(versions=versions, length=len(COUNTED.text), cut=COUNTED.cut)
        (ROOT / "docs" / "leaks.md").write_text(introduction + text + "\n")


if __name__ == "__main__":
    main()
