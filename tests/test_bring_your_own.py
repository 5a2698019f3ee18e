"""What docs/bring-your-own.md shows is built here, and its tables are compared with the code."""

import re
from pathlib import Path

import msgspec

from gateway.config import read_config
from gateway.judge import JudgeChoice
from gateway.text.classifier_files import ClassifierChoice
from tests.classifiers import write_classifier

TEXT = (Path(__file__).parent.parent / "docs/bring-your-own.md").read_text()


def test_the_example_is_valid(tmp_path: Path) -> None:
    write_classifier(tmp_path / "guard", {"attack": [9.0]}, ["INJECTION"], [-4.0])
    [example] = re.findall(r"```yaml\n(.*?)```", TEXT, re.DOTALL)
    file = tmp_path / "crossrisk.yaml"
    file.write_text(example.replace("models/guard", str(tmp_path / "guard")))
    config = read_config(file)
    assert {layer.name: (layer.risk, layer.defense.labels) for layer in config.layers()} == {
        "injection_guard": ("safety", frozenset({"injection"})),
        "stereotype_judge": ("fairness", frozenset({"stereotype"})),
    }
    assert [monitor.measure.name for monitor in config.monitors()] == [
        "injection_attempts",
        "judged_stereotypes",
    ]


def test_the_tables_tell_keys_and_defaults() -> None:
    for section, choice in (("model", ClassifierChoice), ("judged_by", JudgeChoice)):
        _, _, below = TEXT.partition(f"| key of `{section}` |")
        rows = [row.strip("|").split("|") for row in below.split("\n\n")[0].splitlines()[2:]]
        fields = {field.name: field.default for field in msgspec.structs.fields(choice)}
        assert {name for row in rows for name in re.findall(r"`(\w+)`", row[0])} == fields.keys()
        for row in rows:
            if told := re.findall(r"`(\w+)`", row[1]):
                [name] = re.findall(r"`(\w+)`", row[0])
                assert str(fields[name]).removesuffix(".0") == told[0]
