"""What a configuration with the white-box upstream must say."""

from importlib.util import find_spec
from pathlib import Path

import pytest

from gateway.config import read_config
from gateway.errors import ConfigError
from gateway.upstreams.transformers import Transformers, adapter_folder


@pytest.mark.parametrize(
    ("use", "problem"),
    [
        ("defenses.self_debias:SelfDebias", r"line 2: use: .*openai:OpenAI does not let it"),
        ("defenses.perplexity_filter:PerplexityFilter", r"line 2: use: .* which no upstream here tells"),
    ],
)
def test_what_needs_an_open_model_says_so(use: str, problem: str, tmp_path: Path) -> None:
    path = tmp_path / "c.yaml"
    path.write_text(
        "upstreams: [{use: 'gateway.upstreams.openai:OpenAI', base_url: 'http://localhost/v1'}]\n"
        f"defenses: [{{use: '{use}'}}]\n"
    )
    with pytest.raises(ConfigError, match=problem):
        read_config(path).layers()


def test_an_expert_has_to_be_there(tmp_path: Path) -> None:
    path = tmp_path / "c.yaml"
    path.write_text(
        "upstreams: [{use: 'gateway.upstreams.transformers:Transformers'}]\n"
        "defenses: [{use: 'defenses.safe_decoding:SafeDecoding', adapter: expert}]\n"
    )
    with pytest.raises(ConfigError, match="has no adapter 'expert'"):
        read_config(path).layers()


@pytest.mark.skipif(find_spec("gguf") is None, reason="needs the extra [whitebox]")
def test_a_folder_without_an_adapter_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"adapters: tuned: .* holds no adapter_config.json"):
        Transformers(adapters={"tuned": str(tmp_path)})


def test_an_adapter_may_come_with_a_package(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / "guards" / "lora").mkdir(parents=True)
    (tmp_path / "guards" / "lora" / "__init__.py").touch()
    monkeypatch.syspath_prepend(tmp_path)
    found = adapter_folder("expert", "guards.lora:adapters/expert")
    assert found == tmp_path / "guards" / "lora" / "adapters" / "expert"
    assert adapter_folder("expert", "/a:b") == Path("/a:b"), "a path is a path, whatever stands in it"
    assert adapter_folder("expert", "~/expert") == Path.home() / "expert"


@pytest.mark.parametrize(
    "package", ["no_such_package", "defenses.trainings", "nowhere.at.all", "gateway.errors"]
)
def test_a_package_that_is_none_is_named(package: str) -> None:
    with pytest.raises(ConfigError, match=rf"adapters: expert: .*no package {package} is installed"):
        adapter_folder("expert", f"{package}:adapters/expert")


@pytest.mark.skipif(find_spec("gguf") is None, reason="needs the extra [whitebox]")
def test_a_package_without_that_adapter_is_refused() -> None:
    with pytest.raises(
        ConfigError, match=r"defenses\.training:adapters/nothing holds no adapter_config.json"
    ):
        Transformers(adapters={"tuned": "defenses.training:adapters/nothing"})
