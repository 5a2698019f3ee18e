"""What labels tell of a monitor, by arm and by group, and what of it is exported."""

import logging
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import pytest
from prometheus_client import CollectorRegistry

from gateway.errors import ConfigError
from gateway.text import encoder
from monitors import calibration as calibrations
from monitors.calibration import Calibration, Known, assess, export, holding, read, write
from monitors.exporter import Exporter
from monitors.intervals import wilson
from monitors.labelled import Labelled
from monitors.labelled_sets import NO_SET
from monitors.measure import Answer, Measure, Prompt
from monitors.shipped import shipped
from tests.monitors.exchanges import ask

ECHO = Measure("echo", "safety", "direct", "Scores what the answer says.")


@dataclass(frozen=True)
class Echo:
    """The answer is the score; `-` does not apply, and a word is an error."""

    measure: Measure = ECHO

    def score(self, prompt: Prompt, answer: Answer) -> float | None:
        return None if answer.content == "-" else float(answer.content)


@dataclass(frozen=True)
class LateEcho:
    """The same, aside."""

    measure: Measure = ECHO

    async def score(self, prompt: Prompt, answer: Answer) -> float | None:
        return Echo().score(prompt, answer)


def labels(label: int, scores: Sequence[str], arm: str = "", group: str = "") -> list[Labelled]:
    return [Labelled("echo", ask("Hi"), Answer(score), label, arm, group=group) for score in scores]


@pytest.mark.parametrize("monitor", [Echo(), LateEcho()])
async def test_hits_and_passes_are_counted_at_the_threshold(monitor: Echo | LateEcho) -> None:
    some = labels(1, ["0.5"] * 9 + ["0.49"] * 3) + labels(0, ["0.49"] * 15 + ["0.5"] * 5 + ["-", "word"])
    [known] = await assess(monitor, "toy", some)

    assert (known.positives, known.negatives, known.skipped, known.arm) == (12, 20, 2, "all")
    assert known.sensitivity == wilson(9 / 12, 12)
    assert known.specificity == wilson(15 / 20, 20)
    assert known.auroc is not None
    # Nine of twelve beat fifteen of twenty and tie with five, three tie with fifteen and lose to five.
    assert known.auroc.value == pytest.approx((9 * (15 + 2.5) + 3 * 7.5) / (12 * 20))


async def test_each_arm_is_told_by_itself() -> None:
    some = labels(1, ["1"] * 10, "treatment") + labels(1, ["0"] * 10, "control") + labels(0, ["0"] * 10)
    known = {one.arm: one for one in await assess(Echo(), "toy", some)}

    assert known.keys() == {"all", "treatment", "control"}
    assert [known[arm].sensitivity for arm in ("all", "treatment", "control")] == [
        wilson(0.5, 20),
        wilson(1, 10),
        wilson(0, 10),
    ]
    assert known["treatment"].specificity is None


async def test_of_too_few_labels_nothing_is_said() -> None:
    [known] = await assess(Echo(), "toy", labels(1, ["1"] * 9) + labels(0, ["0"] * 10))

    assert known.sensitivity is None
    assert known.auroc is None
    assert known.specificity == wilson(1, 10)


async def test_who_is_flagged_by_mistake_is_told_by_group() -> None:
    some = labels(0, ["1"] * 5 + ["0"] * 15, group="old") + labels(0, ["0"] * 15, group="young")
    some += labels(0, ["1"] * 14, group="rare") + labels(1, ["1"] * 40, group="young")
    [known] = await assess(Echo(), "toy", some)

    assert known.groups == {"old": 0.25, "young": 0.0}


def known(measure: str = "echo", arm: str = "all", source: str = "toy", threshold: float = 0.5) -> Known:
    return Known(measure, "safety", source, threshold, arm, 10, 10, 0, wilson(0.9, 10), wilson(0.7, 10))


def exported(calibration: Calibration, measure: Measure = ECHO) -> dict[tuple[str, ...], float]:
    registry = CollectorRegistry()
    export(holding(calibration, [measure]), [measure], Exporter(registry, [measure], "0"))
    return {
        (
            sample.name.removeprefix("crossrisk_judge_"),
            *map(sample.labels.__getitem__, sorted(sample.labels)),
        ): (sample.value)
        for family in registry.collect()
        for sample in family.samples
        if sample.name.startswith("crossrisk_judge")
    }


def test_the_first_set_of_each_arm_is_exported_with_its_bounds() -> None:
    later = replace(known(source="second"), sensitivity=wilson(0.1, 10))
    found = exported(Calibration("off", (known(), later, known(arm="control"))))

    interval = wilson(0.9, 10)
    for arm in ("all", "control"):
        assert found["sensitivity_ratio", arm, "echo", "safety"] == interval.value
        assert found["sensitivity_ratio_bound", arm, "lower", "echo", "safety"] == interval.lower
        assert found["sensitivity_ratio_bound", arm, "upper", "echo", "safety"] == interval.upper
        assert found["specificity_ratio", arm, "echo", "safety"] == 0.7
    assert len(found) == 12


def test_errors_of_another_judge_are_not_exported(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.WARNING):
        assert exported(Calibration("0123456789ab", (known(),))) == {}
        assert exported(Calibration("off", (known(threshold=0.4),))) == {}
        assert exported(Calibration("off", (known("other"),))) == {}
    assert "crossrisk calibrate" in caplog.text
    assert "another threshold" in caplog.text


def test_what_is_not_known_is_not_exported() -> None:
    found = exported(Calibration("off", (replace(known(), sensitivity=None),)))
    assert {name for name, *_ in found} == {"specificity_ratio", "specificity_ratio_bound"}


def test_a_file_says_what_was_written_into_it(tmp_path: Path) -> None:
    written = Calibration("off", (known(), known(arm="control")), "made so")
    write(written, tmp_path / "calibration.json")
    again = read(tmp_path / "calibration.json")

    assert (again.eyes, again.made, len(again.known)) == ("off", "made so", 2)
    assert again.known[0].sensitivity is not None
    assert again.known[0].sensitivity.lower == pytest.approx(wilson(0.9, 10).lower, abs=1e-4)


@pytest.mark.parametrize("content", [None, "{", "[]", '{"eyes": 1, "known": []}'])
def test_a_file_that_is_none_is_told(tmp_path: Path, content: str | None) -> None:
    path = tmp_path / "calibration.json"
    if content is not None:
        path.write_text(content)
    with pytest.raises(ConfigError, match=r"calibration: .*calibration\.json"):
        read(path)


def test_what_ships_is_of_the_encoder_and_the_thresholds_that_ship() -> None:
    shipping = read(calibrations.SHIPPED)
    thresholds = {monitor.measure.name: monitor.measure.threshold for monitor in shipped()}
    encoder.use("cpu")
    try:
        assert shipping.eyes == calibrations.eyes(), "make it again: crossrisk calibrate --sets"
    finally:
        encoder.use("off")
    assert {one.measure for one in shipping.known} | NO_SET.keys() == thresholds.keys()
    assert not {one.measure for one in shipping.known} & NO_SET.keys()
    assert all(one.threshold == thresholds[one.measure] for one in shipping.known)
