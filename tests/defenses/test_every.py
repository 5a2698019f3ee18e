"""Every defense that ships: built from a line of configuration, and asked through both front doors."""

import json
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import aiohttp
import grpc
import pytest

from gateway.commands.defenses import shipped
from gateway.config import read_config
from gateway.text import encoder
from gateway.v1 import gateway_pb2 as pb
from gateway.v1.gateway_pb2_grpc import GatewayServiceStub
from tests.gateways import body, gateway, openai_upstream, post
from tests.servers import scripted

JUDGED_BY = {"base_url": "http://127.0.0.1:1/v1", "model": "m", "rubric": "Is it rude?"}
OPTIONS: dict[str, dict[str, Any]] = {
    "defenses.llm_judge:LlmJudge": {"risk": "safety", "judged_by": JUDGED_BY},
    "defenses.variant:Variant": {"model": "scripted", "risk": "safety"},
    "defenses.safe_decoding:SafeDecoding": {"adapter": "expert"},
    "defenses.self_examination:SelfExamination": {"on_unclear": "allow"},
}
OPEN = {
    "defenses.perplexity_filter:PerplexityFilter",
    "defenses.safe_decoding:SafeDecoding",
    "defenses.self_debias:SelfDebias",
}
"""Those that need an open model."""
USES = [one.use for one in shipped() if one.use != "defenses.classifier:Classifier"]  # it needs a model


@pytest.fixture
def encoder_on() -> Iterator[None]:
    encoder.use("cpu")
    yield
    encoder.use("off")


@pytest.mark.usefixtures("encoder_on")
@pytest.mark.parametrize("use", USES)
def test_one_line_of_configuration_is_enough(
    use: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CROSSRISK_RUN", str(tmp_path / "run"))
    upstream: dict[str, Any] = {"use": "gateway.upstreams.openai:OpenAI", "base_url": "http://localhost/v1"}
    if use in OPEN:
        upstream = {
            "use": "gateway.upstreams.transformers:Transformers",
            "adapters": {"expert": str(tmp_path)},
        }
    path = tmp_path / "c.yaml"
    path.write_text(json.dumps({"upstreams": [upstream], "defenses": [{"use": use, **OPTIONS.get(use, {})}]}))
    [layer] = read_config(path).layers()
    assert layer.risk in ("safety", "fairness", "privacy")
    assert isinstance(layer.defense.labels, frozenset)


async def test_all_of_them_in_one_chain_pass_a_harmless_exchange_through_both_doors() -> None:
    """Those that need neither a judge nor an open model, whose own tests ask them."""
    chosen = [use for use in USES if use not in OPEN | {"defenses.llm_judge:LlmJudge"}]
    if find_spec("spacy") is None:
        chosen.remove("defenses.name_filter:NameFilter")
    defenses = [{"use": use, **OPTIONS.get(use, {})} for use in chosen]
    async with scripted() as upstream:
        settings = {"encoder": "cpu"}
        async with gateway(openai_upstream(upstream.http), defenses=defenses, gateway=settings) as running:
            asked = body("How do otters sleep?")
            status, whole = await post(running.chat, asked)
            assert status == 200, whole
            choice = whole["choices"][0]
            assert choice["finish_reason"] == "stop"
            said = choice["message"]["content"]
            assert "otter" in said
            async with (
                aiohttp.ClientSession() as session,
                session.post(running.chat, json=asked | {"stream": True}) as response,
            ):
                events = [
                    json.loads(line[6:]) async for line in response.content if line.startswith(b"data: {")
                ]
            deltas = [event["choices"][0]["delta"] for event in events if event["choices"]]
            assert "".join(delta.get("content") or "" for delta in deltas) == said
            request = pb.ChatRequest(messages=[pb.Message(role="user", content="How do otters sleep?")])
            async with grpc.aio.insecure_channel(running.grpc) as channel:
                stub: Any = GatewayServiceStub
                answers = [one async for one in stub(channel).Chat(request)]
            assert "".join(one.text.text for one in answers) == said
            assert answers[-1].end.finish_reason == "stop"
