"""Every mistake in a configuration is told by file, line, entry and key."""

from pathlib import Path

import pytest

from gateway.__main__ import COMMANDS, main
from gateway.config import read_config
from gateway.errors import ConfigError
from gateway.settings import Settings

GOOD = """\
gateway:
  http: 127.0.0.1:0
upstreams:
  - use: gateway.upstreams.grpc:Grpc
    target: 127.0.0.1:1
defenses:
  - use: defenses.leak_filter:LeakFilter
    action: block
  - use: defenses.leak_filter:LeakFilter
    name: second
    mode: off
monitors:
  - use: monitors.over_refusal:OverRefusal
"""


def config(tmp_path: Path, text: str) -> Path:
    path = tmp_path / "crossrisk.yaml"
    path.write_text(text)
    return path


def test_a_good_file_is_built(tmp_path: Path) -> None:
    read = read_config(config(tmp_path, GOOD))
    assert [(layer.name, layer.mode) for layer in read.layers()] == [
        ("leak_filter", "enforce"),
        ("second", "off"),
    ]
    assert len(read.upstreams()) == len(read.monitors()) == 1
    assert read.settings == Settings(http="127.0.0.1:0")


@pytest.mark.parametrize(
    ("old", "new", "told"),
    [
        ("    action: block", "    actoin: block", ["defenses[0]", "line 8", "did you mean 'action'"]),
        ("    action: block", "    action: blocks", ["defenses[0]", "line 8", "choose one of"]),
        ("    action: block", "    threshold: high", ["defenses[0]", "line 8", "float"]),
        ("    action: block", "    threshold: 2", ["defenses[0]", "line 7", "threshold"]),
        ("    name: second\n", "", ["defenses[1]", "`name:`"]),
        ("    name: second", "    name: Second!", ["defenses[1]", "line 10", "lower-case"]),
        ("mode: off", "mode: sometimes", ["defenses[1]", "line 11", "enforce, canary, shadow or off"]),
        ("mode: off", "mode: canary", ["defenses[1]", "line 11", "needs `weight:`"]),
        ("mode: off", "mode: canary\n    weight: 5", ["defenses[1]", "line 12", "from 0 to 1"]),
        ("mode: off", "mode: canary\n    weight: .nan", ["defenses[1]", "line 12", "from 0 to 1"]),
        ("mode: off", "mode: canary\n    weight: true", ["defenses[1]", "line 12", "from 0 to 1"]),
        ("mode: off", "mode: shadow\n    weight: 0.5", ["defenses[1]", "line 12", "only a canary"]),
        ("mode: off", "mode: shadow\n    holdback: 0.5", ["defenses[1]", "line 12", "only an enforced"]),
        ("mode: off", "holdback: 1.0", ["defenses[1]", "line 11", "below 1"]),
        ("mode: off", "holdback: 0.02", ["defenses[1]", "line 11", "`may_be_off: [second]`"]),
        ("defenses:\n", "    may_be_off: [secnd]\ndefenses:\n", ["upstreams[0]", "line 6", "'second'?"]),
        ("defenses:\n", "    may_be_off: second\ndefenses:\n", ["upstreams[0]", "line 6", "list of names"]),
        ("  http: 127.0.0.1:0", "  lease_grace: -1", ["gateway", "line 2", "0 or more"]),
        (
            "defenses.leak_filter:LeakFilter\n    action",
            "defenses.leek:L\n    action",
            ["line 7", "defenses.leek"],
        ),
        ("over_refusal:OverRefusal", "over_refusal:Measure", ["monitors[0]", "line 13"]),
        ("gateway:\n", "gatewey:\n", ["line 1", "did you mean 'gateway'"]),
        ("  http: 127.0.0.1:0", "  http: 8080", ["gateway", "line 2", "http"]),
        ("  http: 127.0.0.1:0", "  http: localhost", ["gateway", "line 2", "host:port"]),
        ("    target: 127.0.0.1:1", "    target: 127.0.0.1:1\n    target: x", ["line 6", "given twice"]),
        ("gateway:\n", "gateway: [\n", ["line"]),
    ],
)
def test_a_mistake_is_told_with_its_place(tmp_path: Path, old: str, new: str, told: list[str]) -> None:
    assert old in GOOD
    path = config(tmp_path, GOOD.replace(old, new, 1))
    with pytest.raises(ConfigError) as error:
        read = read_config(path)
        read.upstreams(), read.layers(), read.monitors()
    for part in [str(path), *told]:
        assert part in str(error.value)


def test_modes_shares_and_permissions_are_read(tmp_path: Path) -> None:
    text = GOOD.replace("    mode: off", "    mode: canary\n    weight: 0.05")
    text = text.replace("    action: block", "    action: block\n    holdback: 0.02")
    text = text.replace("defenses:\n", "    may_be_off: [leak_filter]\ndefenses:\n", 1)
    read = read_config(config(tmp_path, text))
    first, second = read.layers()
    assert (first.mode, first.weight, first.holdback) == ("enforce", 0.0, 0.02)
    assert (second.mode, second.weight, second.holdback) == ("canary", 0.05, 0.0)
    assert read.may_be_off() == (frozenset({"leak_filter"}),)
    assert len(read.upstreams()) == 1


def test_an_unreadable_file_is_told(tmp_path: Path) -> None:
    text = GOOD.replace(
        "leak_filter:LeakFilter\n    action: block", "prompt_filter:PromptFilter\n    phrases_file: /no"
    )
    with pytest.raises(ConfigError, match=r"defenses\[0\], line 7: .*/no"):
        read_config(config(tmp_path, text)).layers()
    with pytest.raises(ConfigError, match="cannot read"):
        read_config(tmp_path / "absent.yaml")


def test_a_missing_extra_is_told_with_its_remedy(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    missing = "raise ModuleNotFoundError('no torch', name='torch')"
    (tmp_path / "needs_torch.py").write_text(missing)
    monkeypatch.syspath_prepend(tmp_path)
    text = GOOD.replace("defenses.leak_filter:LeakFilter\n    action: block", "needs_torch:Defense")
    with pytest.raises(ConfigError, match=r"line 7: .*pip install 'crossrisk-gateway\[whitebox\]'"):
        read_config(config(tmp_path, text)).layers()


def test_validate_says_so_without_serving(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["validate", str(config(tmp_path, GOOD))]) == 0
    told = capsys.readouterr().out
    assert "valid" in told
    assert "leak_filter: enforce\n" in told
    assert "second: off\n" in told
    assert main(["validate", str(config(tmp_path, "upstreams: []"))]) == 2
    assert "crossrisk: error:" in capsys.readouterr().err


def test_every_command_explains_itself(capsys: pytest.CaptureFixture[str]) -> None:
    for command in (one.__name__.rpartition(".")[2] for one in COMMANDS):
        with pytest.raises(SystemExit) as ended:
            main([command, "--help"])
        assert ended.value.code == 0
        assert "example" in capsys.readouterr().out
