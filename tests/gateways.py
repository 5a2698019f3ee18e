"""A real gateway, and real monitors, as subprocesses of a test."""

import io
import json
import tempfile
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import aiohttp

from gateway.commands.demo import Samples, scrape
from tests.servers import running

DEFENSES = (
    {"use": "defenses.prompt_filter:PromptFilter", "phrases": ["open sesame"]},
    {"use": "defenses.fairness_reminder:FairnessReminder"},
    {"use": "defenses.leak_filter:LeakFilter"},
)
MONITORS = (
    {"use": "monitors.harmful_compliance:HarmfulCompliance"},
    {"use": "monitors.new_personal_data:NewPersonalData"},
    {"use": "monitors.over_refusal:OverRefusal"},
)


@dataclass(frozen=True, slots=True)
class Gateway:
    """Addresses are host:port; `folder` holds the sockets and the token."""

    grpc: str
    http: str
    metrics: str
    control: str
    folder: Path

    @property
    def chat(self) -> str:
        return f"http://{self.http}/v1/chat/completions"

    async def samples(self) -> Samples:
        return await scrape(f"http://{self.metrics}/metrics")


def write_config(folder: Path, upstreams: Sequence[dict[str, Any]], **sections: Any) -> Path:
    """A configuration on free ports with its state in `folder`."""
    settings = {
        "grpc": "127.0.0.1:0",
        "http": "127.0.0.1:0",
        "metrics": "127.0.0.1:0",
        "monitor_metrics": "127.0.0.1:0",
        "run": str(folder),
        "encoder": "off",  # where a test is not about it, it need not be loaded
        **sections.pop("gateway", {}),
    }
    config = {"gateway": settings, "upstreams": list(upstreams), "defenses": DEFENSES, "monitors": MONITORS}
    path = folder / "crossrisk.yaml"
    path.write_text(json.dumps({**config, **sections}))  # JSON is YAML
    return path


@asynccontextmanager
async def gateway(
    *upstreams: dict[str, Any], folder: Path | None = None, **sections: Any
) -> AsyncIterator[Gateway]:
    """Run a gateway until the block ends; fails unless it then exits cleanly."""
    with tempfile.TemporaryDirectory() as temporary:
        path = write_config(folder or Path(temporary), upstreams, **sections)
        options = ("--config", str(path), "--ready-json", "--with-parent")
        async with running("gateway", "gateway", *options) as ready:
            yield Gateway(ready["grpc"], ready["http"], ready["metrics"], ready["control"], path.parent)


def openai_upstream(base: str, **options: Any) -> dict[str, Any]:
    return {
        "use": "gateway.upstreams.openai:OpenAI",
        "base_url": f"{base}/v1",
        "models": ["scripted"],
        **options,
    }


def grpc_upstream(target: str, **options: Any) -> dict[str, Any]:
    return {"use": "gateway.upstreams.grpc:Grpc", "target": target, "models": ["scripted"], **options}


def body(prompt: str = "hello", **more: Any) -> dict[str, Any]:
    return {"model": "scripted", "messages": [{"role": "user", "content": prompt}], **more}


async def post(url: str, payload: Any, **options: Any) -> tuple[int, dict[str, Any]]:
    """Status and JSON of one request; bytes are sent as they are."""
    data = io.BytesIO(payload if isinstance(payload, bytes) else json.dumps(payload).encode())
    async with aiohttp.ClientSession() as session, session.post(url, data=data, **options) as response:
        answer: dict[str, Any] = await response.json()
        return response.status, answer
