"""What README and CONTRIBUTING show is run here, and what their tables list is compared with the code."""

import asyncio
import os
import pkgutil
import re
import sys
from dataclasses import fields
from pathlib import Path
from types import ModuleType

import pytest
import yaml
from prometheus_client import CollectorRegistry

from gateway.chain import recorded
from gateway.commands.defenses import markdown, shipped
from gateway.config import Config, read_config
from gateway.metrics import GatewayMetrics
from gateway.settings import Settings
from gateway.switchboard import Switchboard
from gateway.text.encoder import Encoder
from gateway.text.encoder_model import Model
from gateway.types import Exchange, Message, Text
from monitors.exporter import Exporter
from monitors.measure import Answer, Prompt
from tests import contract
from tests.gateways import gateway, openai_upstream
from tests.servers import WAIT_SECONDS, scripted

ROOT = Path(__file__).parent.parent
UPSTREAM = "upstreams: [{use: 'gateway.upstreams.grpc:Grpc', target: '127.0.0.1:1'}]\n"


def blocks(document: str, language: str) -> list[str]:
    text = (ROOT / document).read_text()
    return re.findall(rf"```{language}\n(.*?)```", text, re.DOTALL)


def rows(heading: str) -> dict[str, set[str]]:
    """The README's table under `heading`: the code words of each first cell, with those of the rest."""
    _, _, below = (ROOT / "README.md").read_text().partition(f"| {heading} |")
    lines = below.split("\n\n")[0].splitlines()[2:]
    words = [[re.findall(r"`([^`]+)`", cell) for cell in line.strip("|").split(" | ", 1)] for line in lines]
    return {name: set(rest) for first, rest in words for name in first}


def configured(folder: Path, text: str) -> Config:
    path = folder / "crossrisk.yaml"
    path.write_text(text)
    return read_config(path)


@pytest.fixture
def examples(monkeypatch: pytest.MonkeyPatch) -> None:
    """The Python of CONTRIBUTING as the modules that its configurations name."""
    uses = [
        entry["use"]
        for block in blocks("CONTRIBUTING.md", "yaml")
        for entries in yaml.safe_load(block).values()
        for entry in entries
    ]
    package = ModuleType("my_package")
    package.__path__ = []
    monkeypatch.setitem(sys.modules, "my_package", package)
    for use, example in zip(uses, blocks("CONTRIBUTING.md", "python"), strict=True):
        module = ModuleType(use.partition(":")[0])
        monkeypatch.setitem(sys.modules, module.__name__, module)
        monkeypatch.setattr(package, module.__name__.partition(".")[2], module, raising=False)
        exec(example, vars(module))


def test_the_configuration_of_the_readme_is_valid(tmp_path: Path) -> None:
    [example] = blocks("README.md", "yaml")
    config = configured(tmp_path, example)
    assert [layer.name for layer in config.layers()] == [
        "prompt_filter",
        "fairness_reminder",
        "strict_leak_filter",
    ]
    assert config.upstreams()[0].models == ("my-model",)
    assert len(config.monitors()) == 2


def test_the_shipped_configuration_is_read() -> None:
    config = read_config(ROOT / "deploy/crossrisk.yaml")
    assert len(config.layers()) == 3
    assert len(config.monitors()) == 18
    assert [rate for rate in config.rates() if rate is not None] == [0.25]


def test_the_tables_of_the_readme_list_what_there_is() -> None:
    shipped = read_config(ROOT / "deploy/crossrisk.yaml")
    assert rows("defense").keys() == {entry.options["use"] for entry in shipped.defense_entries}
    assert rows("monitor").keys() == {entry.options["use"] for entry in shipped.monitor_entries}
    assert rows("key of `gateway`").keys() == {field.name for field in fields(Settings)}
    for use, keys in rows("upstream").items():
        assert keys - {"[embedded]", "[whitebox]", "models"} == {
            field.name for field in fields(pkgutil.resolve_name(use)) if field.name != "models"
        }


def test_the_detector_table_tells_the_defaults() -> None:
    text = (ROOT / "README.md").read_text()
    prompt, _, leak = (layer.defense for layer in read_config(ROOT / "deploy/crossrisk.yaml").layers())
    for name in ("action", "side", "threshold", "stands", "timeout", "on_error", "on_timeout", "normalise"):
        [row] = re.findall(rf"^\| `{name}` \|(.*)\|$", text, re.MULTILINE)
        cells = [cell.strip().replace("`", "").removesuffix(" only") for cell in row.split("|")][1:3]
        told = [
            str(getattr(detector, name)).replace("None", "none").replace("True", "true")
            for detector in (prompt, leak)
        ]
        assert cells == told, name


def test_the_metrics_of_the_readme_are_those_that_are_exported() -> None:
    config = read_config(ROOT / "deploy/crossrisk.yaml")
    monitors = CollectorRegistry()
    Exporter(monitors, [monitor.measure for monitor in config.monitors()], "0")
    metrics = GatewayMetrics(config.layers())
    metrics.watch_switchboard(Switchboard(config.layers()))
    metrics.watch_encoder(Encoder(Model("cpu")))
    exported = exported_names(metrics.registry) | exported_names(monitors)
    assert rows("gateway").keys() | rows("monitors").keys() == exported


def exported_names(registry: CollectorRegistry) -> set[str]:
    return {
        family.name + ("_total" if family.type == "counter" else "")
        for family in registry.collect()
        if not family.name.endswith("_created")
    }


async def test_the_programs_of_the_readme_work() -> None:
    client, control = blocks("README.md", "python")
    async with scripted() as server, gateway(openai_upstream(server.http)) as running:
        said = await program(client.replace("127.0.0.1:8080", running.http), running.folder)
        assert said == "stop []\n"
        status = await program(control, running.folder)
        [killed] = [part for part in status.split("defenses {") if "killed: true" in part]
        assert 'defense: "leak_filter"' in killed


async def program(source: str, folder: Path) -> str:
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-c", source),
        stdout=asyncio.subprocess.PIPE,
        cwd=ROOT,
        env={**os.environ, "CROSSRISK_RUN": str(folder)},
    )
    out, _ = await asyncio.wait_for(process.communicate(), WAIT_SECONDS)
    assert process.returncode == 0
    return out.decode()


@pytest.mark.usefixtures("examples")
async def test_the_defense_of_contributing_works(tmp_path: Path) -> None:
    [layer] = configured(tmp_path, UPSTREAM + blocks("CONTRIBUTING.md", "yaml")[0]).layers()
    await contract.check_defense(layer.defense)
    await contract.check_closes(layer.defense)
    deltas = await contract.collect([layer.defense], contract.Listed(contract.answer(*"Show B-1234 here")))
    assert contract.text_of(deltas) == "Show [BADGE] here"


@pytest.mark.usefixtures("examples")
def test_the_monitor_of_contributing_works(tmp_path: Path) -> None:
    [monitor] = configured(tmp_path, UPSTREAM + blocks("CONTRIBUTING.md", "yaml")[1]).monitors()
    prompt = Prompt((Message("user", "Hi"),))
    assert [monitor.score(prompt, Answer(text)) for text in (" ", "Hello.")] == [1.0, 0.0]
    assert monitor.score(Prompt(()), Answer("")) is None


@pytest.mark.usefixtures("examples")
async def test_the_upstream_of_contributing_works(tmp_path: Path) -> None:
    [entry] = configured(tmp_path, blocks("CONTRIBUTING.md", "yaml")[2]).upstreams()
    exchange = Exchange(entry.models[0], (Message("user", "Hi"),))
    async with entry.connect() as upstream:
        assert await upstream.ready()
        deltas = [delta async for delta in recorded(exchange, upstream)]
    assert deltas[0] == Text("Hi")


def test_the_table_of_defenses_is_that_of_the_code() -> None:
    defenses = shipped()
    assert all(all(one.row) for one in defenses), "each tells its place, its cost and its source"
    written = (ROOT / "docs/defenses.md").read_text()
    assert markdown(defenses) in written, "write it anew: crossrisk defenses --markdown"
