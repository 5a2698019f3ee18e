"""What is brought along, from the configuration to the end of a real process."""

import asyncio
import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import grpc
import pytest

from defenses.llm_judge import LlmJudge
from gateway.__main__ import main
from gateway.chain import Layer
from gateway.commands.demo import scrape
from gateway.engine import Engine
from gateway.judge import JudgeChoice
from gateway.metrics import GatewayMetrics
from gateway.resources import opened
from gateway.unit import Units
from gateway.v1 import record_pb2, record_pb2_grpc
from tests.classifiers import write_classifier
from tests.gateways import body, gateway, openai_upstream, post, write_config
from tests.judges import judge_server, violation_of
from tests.monitors.exchanges import defense, record
from tests.servers import WAIT_SECONDS, running, scripted


def own(folder: Path, base_url: str) -> dict[str, Any]:
    """A classifier and a judge, each as a defense and as a monitor."""
    write_classifier(folder, {"attack": [9.0]}, ["INJECTION"], [-4.0])
    model = {"path": str(folder), "labels": {"INJECTION": "injection"}, "device": "cpu"}
    judge = {"base_url": base_url, "model": "m", "rubric": "It is rude."}
    return {
        "defenses": [
            {"use": "defenses.classifier:Classifier", "risk": "safety", "side": "input", "model": model},
            {"use": "defenses.llm_judge:LlmJudge", "risk": "fairness", "judged_by": judge},
        ],
        "monitors": [
            {"use": "monitors.classifier:Classifier", "name": "attacks", "risk": "safety", "model": model},
            {"use": "monitors.llm_judge:LlmJudge", "name": "rude", "risk": "fairness", "judged_by": judge},
        ],
    }


async def test_a_gateway_asks_them_in_line(tmp_path: Path) -> None:
    async with judge_server(violation_of("rude")) as judge, scripted() as server:
        sections = own(tmp_path, judge.base_url)
        async with gateway(openai_upstream(server.http), **sections) as running_gateway:
            assert judge.asked == [], "a start asks nobody"
            outcomes = {}
            for prompt in ("An attack.", "A rude word.", "A walk."):
                status, answer = await post(running_gateway.chat, body(prompt))
                assert status == 200
                outcomes[prompt] = answer["choices"][0]["finish_reason"]
    assert outcomes == {"An attack.": "content_filter", "A rude word.": "content_filter", "A walk.": "stop"}
    assert len(judge.asked) == 3, "all of a group look, whatever one of them finds"


async def test_monitors_ask_them_out_of_line(tmp_path: Path) -> None:
    async with judge_server(violation_of("rude")) as judge:
        path = write_config(
            tmp_path, [openai_upstream("http://127.0.0.1:1")], **own(tmp_path, judge.base_url)
        )
        async with running(
            "gateway", "monitors", "--config", str(path), "--ready-json", "--with-parent"
        ) as ready:
            await _publish(tmp_path / "tap.sock", record("Hello.", "A rude attack.", defense("d")))
            async with asyncio.timeout(WAIT_SECONDS):
                while len(judge.asked) < 1 or await _violations(ready) < 2:
                    await asyncio.sleep(0.02)


async def _violations(ready: dict[str, Any]) -> float:
    samples = await scrape(f"http://{ready['monitor_metrics']}/metrics")
    return sum(value for (name, _), value in samples.items() if name == "crossrisk_risk_violations_total")


async def _publish(tap: Path, *records: record_pb2.Record) -> None:
    async with grpc.aio.insecure_channel(f"unix:{tap}") as channel:
        stub = record_pb2_grpc.TapServiceStub(channel)  # type: ignore[no-untyped-call]
        requests = [record_pb2.PublishRequest(record=one) for one in records]
        await stub.Publish(iter(requests), timeout=WAIT_SECONDS)


async def test_validate_asks_nobody(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    async with judge_server(violation_of("rude")) as judge:
        path = write_config(
            tmp_path, [openai_upstream("http://127.0.0.1:1")], **own(tmp_path, judge.base_url)
        )
        assert await asyncio.to_thread(main, ["validate", str(path)]) == 0
    assert judge.asked == []
    assert "2 defenses, 2 monitors" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("change", "told"),
    [
        (
            ("model", "path", "no/such/folder"),
            "defenses[0], line 1: model: there is no folder no/such/folder",
        ),
        (("model", "labels", {"TOXIC": "x"}), "defenses[0], line 1: model: labels: the model has no 'TOXIC'"),
        (("judged_by", "api_key_env", "NO_SUCH_KEY"), "environment variable NO_SUCH_KEY"),
    ],
)
def test_validate_tells_what_cannot_work(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], change: tuple[str, str, object], told: str
) -> None:
    sections = own(tmp_path, "http://127.0.0.1:1/v1")
    section, key, value = change
    entry = next(one for one in sections["defenses"] if section in one)
    entry[section] = {**entry[section], key: value}
    path = write_config(tmp_path, [openai_upstream("http://127.0.0.1:1")], **sections)
    assert main(["validate", str(path)]) == 2
    assert told in capsys.readouterr().err


@pytest.mark.parametrize("module", ["onnxruntime", "tokenizers"])
async def test_a_missing_extra_is_told(tmp_path: Path, module: str) -> None:
    path = write_config(
        tmp_path, [openai_upstream("http://127.0.0.1:1")], **own(tmp_path, "http://127.0.0.1:1/v1")
    )
    program = (
        "import importlib.util as u, sys; find = u.find_spec\n"
        f"u.find_spec = lambda name, *more: None if name == {module!r} else find(name, *more)\n"
        f"from gateway.__main__ import main; sys.exit(main(['validate', {json.dumps(str(path))}]))"
    )
    ended = await asyncio.to_thread(
        subprocess.run, [sys.executable, "-c", program], capture_output=True, text=True, check=False
    )
    assert ended.returncode == 2
    assert f"needs {module}: pip install 'crossrisk-gateway[onnx]'" in ended.stderr


@pytest.mark.parametrize("command", ["gateway", "monitors"])
async def test_a_model_that_cannot_be_loaded_keeps_the_doors_shut(tmp_path: Path, command: str) -> None:
    sections = own(tmp_path, "http://127.0.0.1:1/v1")
    (tmp_path / "model.onnx").write_bytes(b"no model")
    path = write_config(tmp_path, [openai_upstream("http://127.0.0.1:1")], **sections)
    ended = await asyncio.to_thread(
        subprocess.run,
        [sys.executable, "-m", "gateway", command, "--config", str(path)],
        capture_output=True,
        text=True,
        timeout=WAIT_SECONDS,
        check=False,
    )
    assert (ended.returncode, ended.stdout) == (2, "")
    assert f"model: {tmp_path} cannot be loaded" in ended.stderr


class Noted:
    """Notes when it is opened and closed."""

    def __init__(self, notes: list[str], name: str, error: Exception | None = None) -> None:
        self._notes, self._name, self._error = notes, name, error

    async def warm(self) -> None:
        self._notes.append(f"warm {self._name}")
        if self._error is not None:
            raise self._error

    async def aclose(self) -> None:
        self._notes.append(f"close {self._name}")


async def test_what_was_opened_is_closed_in_reverse_even_when_one_does_not_open() -> None:
    notes: list[str] = []
    with pytest.raises(RuntimeError):
        async with opened(
            [Noted(notes, "a"), object(), Noted(notes, "b", RuntimeError()), Noted(notes, "c")]
        ):
            pytest.fail("it must not open")
    assert notes == ["warm a", "warm b", "close b", "close a"]


async def test_a_start_shows_no_texts_to_a_judge() -> None:
    async with judge_server(violation_of("rude")) as server:
        judge = LlmJudge(
            risk="safety", judged_by=JudgeChoice(base_url=server.base_url, model="m", rubric="It is rude.")
        )
        layers = [Layer("judge", judge)]
        engine = Engine(layers, [], Units((), b""), GatewayMetrics(layers), None, 1)
        await engine.warm()
        await judge.aclose()
    assert server.asked == []
