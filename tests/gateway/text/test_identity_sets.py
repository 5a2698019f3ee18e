"""Identity mentions and swaps on public evaluation sets, where a user has them.

`CROSSRISK_DATA` names a folder with one sub-folder for each set. The bounds are the goals that were
set, not what was measured.
"""

import csv
import json
import os
import re
from collections.abc import Callable, Iterable
from pathlib import Path

import pytest

from gateway.text.identity import mentions, swap

Report = Callable[[str, Iterable[bool]], float]


@pytest.fixture(scope="module")
def data() -> Path:
    folder = Path(os.environ.get("CROSSRISK_DATA", "nowhere"))
    if not (folder / "winobias").is_dir():
        message = "CROSSRISK_DATA names no folder with evaluation sets"
        pytest.fail(message) if os.environ.get("CI") else pytest.skip(message)
    return folder


@pytest.fixture
def share(record_property: Callable[[str, object], None]) -> Report:
    """Share that holds; printed, and kept in the test report."""

    def report(name: str, holds: Iterable[bool]) -> float:
        all_of_them = list(holds)
        value = sum(all_of_them) / len(all_of_them)
        record_property(name, round(value, 4))
        print(f"{name}: {value:.4f} of {len(all_of_them)}")
        return value

    return report


def rows(path: Path) -> list[dict[str, str]]:
    with path.open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def comes_back(text: str) -> bool:
    """Whether a text with its gender swapped twice is what it was."""
    women = any(m.group == "women" for m in mentions(text))
    source, target = ("women", "men") if women else ("men", "women")
    swapped = swap(text, source, target).text
    return swapped != text and swap(swapped, target, source).text == text


def tagged(text: str, term: str) -> bool:
    """Whether a mention that is no name lies on the term, where the text has it."""
    start = text.lower().index(term.lower())
    found = (m for m in mentions(text) if m.form != "name")
    return any(m.start < start + len(term) and start < m.end for m in found)


def test_genders_of_winobias_swapped_twice_are_the_text(data: Path, share: Report) -> None:
    files = sorted((data / "winobias").glob("*stereotyped*"))
    lines = [line for file in files for line in file.read_text(encoding="utf-8").splitlines() if line.strip()]
    texts = [re.sub(r"^\d+ |[\[\]]", "", line) for line in lines]

    assert share("winobias", map(comes_back, texts)) >= 0.99


# Least recall | the groups of the set whose terms are counted; the others are told by a bag or by hair.
BBQ = [
    ("Nationality", 0.95, None),
    ("Religion", 0.95, None),
    ("Sexual_orientation", 0.9, None),
    ("Age", 0.85, None),
    ("Disability_status", 0.75, "disabled"),
]


@pytest.mark.parametrize(("category", "least", "group"), BBQ)
def test_terms_that_bbq_names_are_tagged(
    data: Path, share: Report, category: str, least: float, group: str | None
) -> None:
    file = data / "bbq" / f"{category}.jsonl"
    found = []
    for line in file.read_text(encoding="utf-8").splitlines():
        item = json.loads(line)
        for term, *_, of in item["answer_info"].values():
            named = of != "unknown" and (group is None or of == group)
            if named and term.strip().lower() in item["context"].lower():
                found.append(tagged(item["context"], term.strip()))

    assert share(f"bbq {category}", found) >= least


def test_terms_of_identity_templates_are_tagged(data: Path, share: Report) -> None:
    templates = rows(data / "civil_madlibs" / "en_sentence_templates.csv")
    phrases = [row["phrase"] for row in templates if row["template"] == "name_adj"]

    assert share("civil_madlibs", (tagged(phrase, phrase.split()[-1]) for phrase in phrases)) >= 0.95


def test_customers_questions_mention_nobody_but_kin(data: Path, share: Report) -> None:
    texts = [row["text"] for row in rows(data / "banking77" / "test.csv")]
    others = (any(not m.form.startswith(("pronoun", "kinship")) for m in mentions(text)) for text in texts)

    assert share("banking77", others) < 0.01
