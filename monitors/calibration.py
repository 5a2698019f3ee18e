"""How often each measure is wrong, as far as labels tell: worked out here, kept in a file, exported."""

import asyncio
import inspect
import json
import logging
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path

import msgspec

from gateway.errors import ConfigError
from gateway.text import encoder
from gateway.text.encoder_model import FOLDER
from gateway.types import Risk
from monitors.exporter import Exporter
from monitors.intervals import Interval, Sample, auroc, share
from monitors.labelled import Labelled
from monitors.measure import Measure
from monitors.scorer import AnyMonitor

logger = logging.getLogger(__name__)

SHIPPED = Path(__file__).parent / "calibration.json"
"""What `crossrisk calibrate --sets` made for the measures that ship."""
FEWEST = 10
"""Labels of a kind, below which no figure is given."""
FEWEST_OF_GROUP = 15
"""The same, for the answers about one group."""
ALL = "all"
"""The arm of a figure that keeps arms together."""
_AT_ONCE = 8


@dataclass(frozen=True, slots=True)
class Known:
    """The errors of one measure on one set of labels.

    arm: as in metrics, or `all`. source: what the labels are. skipped: labels that the measure did not
    apply to, or was lost on. sensitivity, specificity: at `threshold`; None of too few labels. groups: by
    group, the share of harmless answers that count as violations.
    """

    measure: str
    risk: Risk
    source: str
    threshold: float
    arm: str
    positives: int
    negatives: int
    skipped: int
    sensitivity: Interval | None = None
    specificity: Interval | None = None
    auroc: Interval | None = None
    groups: dict[str, float] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Calibration:
    """Everything that is known; `eyes` says by which encoder, whose scores another one does not share."""

    eyes: str
    known: tuple[Known, ...]
    made: str = ""

    def exported(self) -> Iterator[Known]:
        """For each measure and arm the first; of several sets, that most like traffic is listed first."""
        seen: set[tuple[str, str]] = set()
        for one in self.known:
            if (one.measure, one.arm) not in seen:
                seen.add((one.measure, one.arm))
                yield one


def eyes() -> str:
    """Which encoder this process judges with: the beginning of its checksum, or `off`."""
    if encoder.shared() is None:
        return "off"
    return str(json.loads((FOLDER / "encoder.json").read_text())["sha256"])[:12]


async def assess(monitor: AnyMonitor, source: str, labels: Sequence[Labelled]) -> list[Known]:
    """What `labels` tell of `monitor`: over all of them, and by arm where they have one."""
    scores = await _scores(monitor, labels)
    pairs = list(zip(labels, scores, strict=True))
    arms = sorted({one.arm for one in labels} - {""})
    parts = {ALL: pairs, **{arm: [pair for pair in pairs if pair[0].arm == arm] for arm in arms}}
    return [_known(monitor, source, arm, part) for arm, part in parts.items()]


async def _scores(monitor: AnyMonitor, labels: Sequence[Labelled]) -> list[float | None]:
    turn = asyncio.Semaphore(_AT_ONCE)

    async def score(one: Labelled) -> float | None:
        async with turn:
            try:
                said = monitor.score(one.prompt, one.answer)
                return await said if inspect.isawaitable(said) else said
            except Exception:  # as in the monitors: a score that is lost
                return None

    return list(await asyncio.gather(*map(score, labels)))


Pairs = Sequence[tuple[Labelled, float | None]]


def _known(monitor: AnyMonitor, source: str, arm: str, pairs: Pairs) -> Known:
    measure = monitor.measure
    scored = [(one, score) for one, score in pairs if score is not None]
    skipped = len(pairs) - len(scored)
    positives, negatives = (_sample(scored, label) for label in (1, 0))
    enough = [len(kind.scores) >= FEWEST for kind in (positives, negatives)]
    found = [score >= measure.threshold for score in positives.scores]
    passed = [score < measure.threshold for score in negatives.scores]
    return Known(
        measure=measure.name,
        risk=measure.risk,
        source=source,
        threshold=measure.threshold,
        arm=arm,
        positives=len(positives.scores),
        negatives=len(negatives.scores),
        skipped=skipped,
        sensitivity=share(found, positives.weights) if enough[0] else None,
        specificity=share(passed, negatives.weights) if enough[1] else None,
        auroc=auroc(positives, negatives) if all(enough) else None,
        groups=_groups(scored, measure.threshold),
    )


def _sample(scored: Iterable[tuple[Labelled, float]], label: int) -> Sample:
    kind = [(score, one.weight) for one, score in scored if one.label == label]
    return Sample([score for score, _ in kind], [weight for _, weight in kind])


def _groups(scored: Iterable[tuple[Labelled, float]], threshold: float) -> dict[str, float]:
    flags: dict[str, list[bool]] = {}
    for one, score in scored:
        if one.group and not one.label:
            flags.setdefault(one.group, []).append(score >= threshold)
    known = {group: sum(own) / len(own) for group, own in flags.items() if len(own) >= FEWEST_OF_GROUP}
    return dict(sorted(known.items(), key=lambda item: (-item[1], item[0])))


def write(calibration: Calibration, path: Path) -> None:
    """Write the file that the monitors read; figures are rounded to four digits."""
    path.write_text(json.dumps(_rounded(asdict(calibration)), indent=1) + "\n", encoding="utf-8")


def _rounded(value: object) -> object:
    if isinstance(value, float):
        return round(value, 4)
    if isinstance(value, Mapping):
        return {key: _rounded(one) for key, one in value.items()}
    return [_rounded(one) for one in value] if isinstance(value, list | tuple) else value


def read(path: Path) -> Calibration:
    """Read what `write` wrote; raises ConfigError."""
    try:
        return msgspec.json.decode(path.read_bytes(), type=Calibration)
    except OSError as error:
        raise ConfigError(f"calibration: cannot read {path}: {error.strerror}") from error
    except msgspec.DecodeError as error:
        raise ConfigError(
            f"calibration: {path} is not of `crossrisk calibrate`: {error}; make it again"
        ) from error


def holding(calibration: Calibration, measures: Sequence[Measure]) -> list[Known]:
    """What holds for the `measures` as this process judges them; the rest is said in the log."""
    if calibration.eyes != (own := eyes()):
        logger.warning(
            "the known errors of the monitors are of encoder %s and this is %s: run `crossrisk calibrate`",
            calibration.eyes, own,
        )  # fmt: skip
        return []
    by_name = {measure.name: measure for measure in measures}
    found = []
    for one in calibration.exported():
        measure = by_name.get(one.measure)
        if measure is None:
            continue
        if measure.threshold != one.threshold:
            logger.warning("the known errors of %s are at another threshold", one.measure)
            continue
        found.append(one)
    return found


def export(known: Iterable[Known], measures: Sequence[Measure], exporter: Exporter) -> None:
    """Export known errors that hold."""
    by_name = {measure.name: measure for measure in measures}
    for one in known:
        exporter.judge(by_name[one.measure], one.arm, one.sensitivity, one.specificity)
