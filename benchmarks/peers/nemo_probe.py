"""Runs in NeMo Guardrails' own environment: real output rails over answers given in pieces.

Reads a JSON list of `{"pieces": [...], "stream_first": bool}` on stdin, writes for each what came out.
The rail is the shipped `regex check output`; the pieces stand for a model's tokens.
"""

import asyncio
import json
import sys
import time
from collections.abc import AsyncIterator

from nemoguardrails import LLMRails, RailsConfig
from nemoguardrails.rails.llm.buffer import RollingBuffer

PACE = 0.002


def config(patterns: list[str], stream_first: bool) -> str:
    """The rails as YAML."""
    return json.dumps(
        {
            "models": [],
            "rails": {
                "config": {"regex_detection": {"output": {"patterns": patterns}}},
                "output": {
                    "flows": ["regex check output"],
                    "streaming": {"enabled": True, "stream_first": stream_first},
                },
            },
        }
    )


async def paced(pieces: list[str]) -> AsyncIterator[str]:
    """The pieces at the pace of a model."""
    for piece in pieces:
        await asyncio.sleep(PACE)
        yield piece


async def probe(rails: LLMRails, pieces: list[str], looked: list[int]) -> dict[str, object]:
    """What comes out of one answer."""
    looked.clear()
    began, first, out = time.perf_counter(), None, []
    async for piece in rails.stream_async(
        messages=[{"role": "user", "content": "Hi"}], generator=paced(pieces)
    ):
        first = time.perf_counter() - began if first is None else first
        out.append(piece)
    return {"text": "".join(out), "first": first, "checks": len(looked), "characters": sum(looked)}


def counted(looked: list[int]) -> None:
    """Count what the rails are shown, at the place where they are given it."""
    original = RollingBuffer.format_chunks

    def format_chunks(self: RollingBuffer, chunks: list[str]) -> str:
        text = original(self, chunks)
        looked.append(len(text))
        return text

    RollingBuffer.format_chunks = format_chunks


async def main() -> None:
    """Probe every case of stdin."""
    asked = json.loads(sys.stdin.read())
    looked: list[int] = []
    counted(looked)
    rails = {
        first: LLMRails(RailsConfig.from_content(yaml_content=config(asked["patterns"], first)))
        for first in (True, False)
    }
    results = [await probe(rails[case["stream_first"]], case["pieces"], looked) for case in asked["cases"]]
    print("RESULTS " + json.dumps(results))


asyncio.run(main())
