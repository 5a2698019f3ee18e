"""Effects corrected for the errors of their measures."""

import random
from pathlib import Path

import pytest

from gateway.commands.effects import explained
from monitors.calibration import Known
from monitors.correcting import corrected
from monitors.effects.cell import Cell
from monitors.evidence import Evidence
from monitors.intervals import wilson
from monitors.measure import Measure, Prompt
from monitors.v1 import effects_pb2 as pb
from tests.monitors.test_effects_server import TOKEN, _drawn, asking, record

MEASURES = (Measure("leak", "privacy", "indirect", "Something got out."),)


def known(sensitivity: float, specificity: float, size: int = 4000, arm: str = "all") -> Known:
    return Known(
        "leak", "privacy", f"labels of {arm}", 0.5, arm, size, size, 0,
        wilson(sensitivity, size), wilson(specificity, size),
    )  # fmt: skip


def judged(truth: bool, sensitivity: float, specificity: float, rng: random.Random) -> float:
    return float(rng.random() < (sensitivity if truth else 1 - specificity))


def seen(
    labels: list[Known],
    errors: dict[bool, tuple[float, float]],
    count: int = 6000,
    rates: tuple[float, float] = (0.1, 0.2),
) -> Evidence:
    """What monitors with these errors, in control and in treatment, see of these true rates."""
    rng, evidence = random.Random(9), Evidence(MEASURES, known=labels)
    for number in range(count):
        on = rng.random() < 0.5
        score = judged(rng.random() < rates[on], *errors[on], rng)
        evidence.told(record(number, on), Prompt(()), {"leak": score})
    return evidence


def cell_of(evidence: Evidence) -> Cell:
    (cell,) = evidence.matrix()
    return cell


def test_a_measure_that_errs_hides_a_part_which_labels_give_back() -> None:
    errors = (0.8, 0.95)
    evidence = seen([known(*errors)], {False: errors, True: errors})
    cell = cell_of(evidence)
    assert cell.ratio.estimate is not None
    assert cell.ratio.estimate < 1.75, "twice as many look like fewer"
    told = evidence.corrected(cell)
    assert told is not None
    assert told.ratio.value is not None
    assert told.difference.value is not None
    assert told.ratio.value.estimate == pytest.approx(2, abs=0.3)
    assert 2 in told.ratio.value
    assert 0.1 in told.difference.value
    assert (told.by_arm, told.source) == (False, "labels of all")


def test_a_defense_that_only_changes_how_answers_are_judged_is_seen_through_by_labels_of_each_arm() -> None:
    errors = {False: (0.9, 0.98), True: (0.9, 0.93)}
    labels = [known(*errors[False], arm="control"), known(*errors[True], arm="treatment")]
    evidence = seen(labels, errors, rates=(0.1, 0.1))
    cell = cell_of(evidence)
    assert cell.ratio.lower > 1, "it looks like harm"
    told = evidence.corrected(cell)
    assert told is not None
    assert told.by_arm
    assert told.ratio.value is not None
    assert 1 in told.ratio.value


def test_few_labels_make_it_unsure_and_a_coin_is_refused() -> None:
    errors = (0.8, 0.95)
    evidence = seen([], {False: errors, True: errors}, count=800)
    cell = cell_of(evidence)
    many, few = (corrected(cell, [known(*errors, size)], 0.05) for size in (4000, 80))
    assert many is not None
    assert few is not None
    assert many.difference.value is not None
    assert few.difference.value is not None
    width = [one.upper - one.lower for one in (many.difference.value, few.difference.value)]
    assert width[0] < width[1]
    coin = corrected(cell, [known(0.5, 0.5, 100)], 0.05)
    assert coin is not None
    assert coin.ratio.value is None
    assert "calibrate with more" in coin.ratio.refused


def test_without_labels_or_arms_nothing_is_corrected() -> None:
    errors = (0.8, 0.95)
    evidence = seen([], {False: errors, True: errors}, count=100)
    assert evidence.corrected(cell_of(evidence)) is None
    one_arm = Evidence(MEASURES, known=[known(*errors)])
    made = record(1, True)
    one_arm.told(made, Prompt(()), {"leak": 1.0})
    assert one_arm.corrected(cell_of(one_arm)) is None


async def test_it_is_told_with_the_rest(tmp_path: Path) -> None:
    errors = (0.8, 0.95)
    evidence = seen([known(*errors)], {False: errors, True: errors}, count=1500)
    async with asking(evidence, tmp_path) as stub:
        request = pb.ExplainEffectRequest(defense="filter", measure="leak")
        answer = await stub.ExplainEffect(request, metadata=TOKEN)
    assert answer.correction.ratio.HasField("estimate")
    text = _drawn(explained(answer))
    assert "Corrected for errors of the measure" in text
    assert "labels of both arms together: labels of all" in text
