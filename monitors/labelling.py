"""Draws kept exchanges for people to label: some of every kind, so that rare ones are not missed."""

import json
import random
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import zip_longest
from pathlib import Path
from typing import Any

from gateway.errors import ConfigError
from monitors.labelled import answer_of, prompt_of
from monitors.measure import Measure


@dataclass(frozen=True, slots=True)
class Drawn:
    """A kept exchange that is to be labelled.

    row: its line, as `monitors.keeping` wrote it. stratum: arm, outcome and height of the score; size: how
    many kept exchanges are of it. arm: of the defense in question, or empty.
    """

    row: Mapping[str, Any]
    stratum: str
    size: int
    arm: str

    def labelled(self, measure: str, label: int) -> dict[str, Any]:
        """The line for `crossrisk calibrate`."""
        told = {
            key: self.row[key] for key in ("id", "messages", "answer", "blocked", "finish_reason", "refusal")
        }
        place = {"arm": self.arm, "stratum": self.stratum, "stratum_size": self.size}
        return {"measure": measure, "label": label, **place, **told}


def read_kept(path: Path) -> list[dict[str, Any]]:
    """The lines of a file of kept exchanges; raises ConfigError naming the line."""
    rows: list[dict[str, Any]] = []
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(f"{path}: cannot read it: {error}") from error
    for number, line in enumerate(lines, start=1):
        try:
            row = json.loads(line)
            prompt_of(row), answer_of(row)
            rows.append(
                {"blocked": False, "finish_reason": "", "refusal": "", "scores": {}, "arms": {}, **row}
            )
            rows[-1]["id"], rows[-1]["outcome"] = str(row["id"]), str(row["outcome"])
        except (ValueError, TypeError, KeyError) as error:
            raise ConfigError(
                f"{path}, line {number}: is no kept exchange: {type(error).__name__}"
            ) from error
    return rows


def draw(
    rows: Sequence[Mapping[str, Any]], measure: Measure, count: int, seed: int, defense: str = ""
) -> list[Drawn]:
    """`count` of the exchanges that `measure` applied to, as evenly from every stratum as there are enough.

    The strata take turns, so that whoever stops early has labels of each. Of a monitor whose scores come
    late none are kept, and all exchanges are drawn from. The same arguments give the same list.
    """
    strata: dict[str, list[Drawn]] = {}
    for row in _applied(rows, measure.name):
        arm = str(row["arms"].get(defense, ""))
        name = "/".join((arm or "any arm", row["outcome"], _height(row["scores"].get(measure.name), measure)))
        strata.setdefault(name, []).append(Drawn(row, name, 0, arm))
    dice = random.Random(seed)  # noqa: S311 (nothing secret)
    shuffled = [_shuffled(part, dice) for _, part in sorted(strata.items())]
    return [one for turn in zip_longest(*shuffled) for one in turn if one is not None][:count]


def _applied(rows: Sequence[Mapping[str, Any]], name: str) -> Iterator[Mapping[str, Any]]:
    scored = [row for row in rows if name in row["scores"]]
    yield from scored or rows


def _shuffled(part: Sequence[Drawn], dice: random.Random) -> list[Drawn]:
    ordered = sorted(part, key=lambda one: str(one.row["id"]))
    return [Drawn(one.row, one.stratum, len(part), one.arm) for one in dice.sample(ordered, len(ordered))]


def _height(score: float | None, measure: Measure) -> str:
    if score is None:
        return "unscored"
    if score >= measure.threshold:
        return "high" if score >= (1 + measure.threshold) / 2 else "violation"
    return "near" if score >= measure.threshold / 2 else "low"


def defense_of(rows: Sequence[Mapping[str, Any]], chosen: str) -> str:
    """The defense whose arm is told with a label: the chosen one, or the only one that has several arms."""
    arms: dict[str, set[str]] = {}
    for row in rows:
        for name, arm in row["arms"].items():
            arms.setdefault(name, set()).add(arm)
    if chosen and chosen not in arms:
        raise ConfigError(
            f"--defense: no kept exchange knows {chosen!r}; known: {', '.join(sorted(arms)) or 'none'}"
        )
    several = [name for name, own in arms.items() if len(own) > 1]
    return chosen or (several[0] if len(several) == 1 else "")
