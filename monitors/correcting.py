"""Effects as they would be, were the monitors never wrong: corrected by what labels say of their errors."""

from collections.abc import Iterable
from dataclasses import dataclass

from monitors.calibration import ALL, Known
from monitors.effects import judge
from monitors.effects.cell import Arm, Cell
from monitors.effects.judge import Calibration, Corrected


@dataclass(frozen=True, slots=True)
class Correction:
    """An effect corrected for the errors of its measure (Rogan and Gladen, 1978), and by which labels.

    by_arm: whether each arm has labels of its own; else a defense that changes how well answers are judged
    is not seen.
    """

    ratio: Corrected
    difference: Corrected
    source: str
    by_arm: bool


def corrected(cell: Cell, known: Iterable[Known], alpha: float) -> Correction | None:
    """The correction of a cell's live effect; None without units in both arms or without labels.

    A quarter of `alpha` goes to each arm's rate, and as much to each arm's labels, so the interval holds
    whatever depends on what.
    """
    by_arm = {
        one.arm: one for one in known if one.measure == cell.measure and one.sensitivity and one.specificity
    }
    arms = [by_arm.get(arm, by_arm.get(ALL)) for arm in ("treatment", "control")]
    if not (cell.treatment.units and cell.control.units) or arms[0] is None or arms[1] is None:
        return None
    treatment, control = (
        _corrected(arm, one, alpha / 4) for arm, one in ((cell.treatment, arms[0]), (cell.control, arms[1]))
    )
    return Correction(
        judge.corrected_ratio(treatment, control),
        judge.corrected_difference(treatment, control),
        arms[0].source,
        arms[0].arm != ALL and arms[1].arm != ALL,
    )


def _corrected(arm: Arm, known: Known, alpha: float) -> Corrected:
    assert known.sensitivity is not None
    assert known.specificity is not None
    labels = Calibration(
        known.positives,
        round(known.sensitivity.value * known.positives),
        known.negatives,
        round(known.specificity.value * known.negatives),
    )
    return judge.correct(judge.share(arm.violations, arm.units, alpha), labels, alpha)
