"""Labelled exchanges: what people said of an answer, in the file format of `label` and `calibrate`."""

import json
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, cast

from gateway.errors import ConfigError
from gateway.types import Message, Role
from monitors.measure import Answer, Prompt

ARMS = ("", "treatment", "control", "replay")


@dataclass(frozen=True, slots=True)
class Labelled:
    """An exchange and whether it violates a measure: 1 when it does, 0 when it does not.

    arm: of the defense in question, or empty. weight: how many exchanges it stands for, where some kinds
    were drawn more often than others. group: whom it speaks of, where that is known.
    """

    measure: str
    prompt: Prompt
    answer: Answer
    label: int
    arm: str = ""
    weight: float = 1.0
    group: str = ""


def read_labels(path: Path) -> list[Labelled]:
    """The labels in `path`, one JSON object a line; raises ConfigError naming the line.

    Keys: `measure`, `label` (0 or 1), `prompt` (a text) or `messages` (objects with `role` and `content`),
    `answer`; optional `blocked`, `finish_reason`, `refusal`, `arm`, and either `weight`, or `stratum` and
    `stratum_size`: a label stands for so many of its stratum as there are for each that is labelled.
    """
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(f"{path}: cannot read it: {error}") from error
    rows = list(_rows(path, text))
    counts = Counter(stratum for _, stratum in rows if stratum)
    sizes: dict[_Stratum, int] = {}
    for _, stratum in rows:
        if stratum:
            sizes[stratum] = max(stratum.size, sizes.get(stratum, 0))
    return [
        replace(one, weight=max(1.0, sizes[stratum] / counts[stratum])) if stratum else one
        for one, stratum in rows
    ]


@dataclass(frozen=True, slots=True)
class _Stratum:
    """Which exchanges a label stands for; the kept ones, and so the size, may have grown meanwhile."""

    measure: str
    name: str
    size: int = field(compare=False)


def _rows(path: Path, text: str) -> Iterator[tuple[Labelled, _Stratum | None]]:
    for number, line in enumerate(text.splitlines(), start=1):
        if not line.strip():
            continue
        try:
            row = json.loads(line)
            name, size = str(row.get("stratum", "")), int(row.get("stratum_size", 1))
            yield _label(row), _Stratum(str(row["measure"]), name, size) if name else None
        except (ValueError, TypeError, KeyError, AttributeError) as error:
            raise ConfigError(f"{path}, line {number}: {_problem(error)}") from error


def _problem(error: Exception) -> str:
    # A JSON error quotes nothing of the line; a KeyError is the name of what is missing.
    return f"`{error.args[0]}` is missing" if isinstance(error, KeyError) else str(error)


def _label(row: Mapping[str, Any]) -> Labelled:
    label, weight, arm = row["label"], float(row.get("weight", 1)), row.get("arm") or ""
    if label not in (0, 1):
        raise ValueError("`label` must be 0 or 1")
    if not 0 < weight < float("inf"):
        raise ValueError("`weight` must be above 0")
    if arm not in ARMS:
        raise ValueError(f"`arm` must be one of {', '.join(ARMS[1:])}, or empty")
    return Labelled(str(row["measure"]), prompt_of(row), answer_of(row), int(label), arm, weight)


def prompt_of(row: Mapping[str, Any]) -> Prompt:
    """The prompt of a line."""
    if "messages" not in row:
        return Prompt((Message("user", str(row["prompt"])),))
    turns = [(str(turn["role"]), str(turn["content"])) for turn in row["messages"]]
    return Prompt(tuple(Message(cast(Role, role), content) for role, content in turns))


def answer_of(row: Mapping[str, Any]) -> Answer:
    """The answer of a line."""
    marks = str(row.get("finish_reason", "")), str(row.get("refusal", ""))
    return Answer(str(row["answer"]), bool(row.get("blocked", False)), *marks)
