"""Figures and tables of `benchmarks.detectors`."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from benchmarks.detector_answers import LEARNED, OURS, PHRASES, Answers
from benchmarks.overhead import markdown
from gateway.text.training.figures import auroc, share_above, threshold_at
from gateway.text.training.sets import Test

FEWEST = 10
"""Texts of a kind below which nothing is said of it."""
FINEST = 100
"""Negatives below which there is no threshold at 1 %."""


@dataclass(frozen=True, slots=True)
class Result:
    """What one detector said of one test: of all its texts, or of the part that it was asked."""

    test: Test
    detector: str
    answers: Answers
    total: int


def sample(test: Test, most: int) -> Test:
    """At most `most` texts of a test, a third of them positive where there are both kinds, evenly spread.

    >>> sample(Test("injection", "made up", list("abcdefgh"), [1, 1, 1, 1, 0, 0, 0, 0]), 3).texts
    ['a', 'e', 'g']
    """
    if len(test.texts) <= most:
        return test
    positive = [index for index, label in enumerate(test.labels) if label]
    negative = [index for index, label in enumerate(test.labels) if not label]
    wanted = max(min(most // 3, len(positive)), most - len(negative))
    kept = sorted(_spread(positive, wanted) + _spread(negative, most - wanted))
    return replace(
        test,
        texts=[test.texts[index] for index in kept],
        labels=[test.labels[index] for index in kept],
        answers=[test.answers[index] for index in kept] if test.answers else (),
        groups=[test.groups[index] for index in kept] if test.groups else (),
    )


def _spread(indices: Sequence[int], most: int) -> list[int]:
    return [indices[number * len(indices) // most] for number in range(min(most, len(indices)))]


def kinds(result: Result) -> tuple[list[float], list[float]]:
    """The scores of the positive texts and those of the negative ones."""
    labelled = list(zip(result.answers.scores, result.test.labels, strict=True))
    return [score for score, label in labelled if label], [score for score, label in labelled if not label]


def flagged(result: Result, label: int) -> float:
    """The share of the texts with `label` that the detector flags by itself; nan of few."""
    own = [yes for yes, one in zip(result.answers.flagged, result.test.labels, strict=True) if one == label]
    return sum(own) / len(own) if len(own) >= FEWEST else math.nan


def area(result: Result) -> float:
    """AUROC; nan where one kind is too few."""
    positive, negative = kinds(result)
    few = min(len(positive), len(negative)) < FEWEST
    return math.nan if few else auroc(result.answers.scores, result.test.labels)


def recall_at(result: Result, rate: float) -> float:
    """The share of positives above what `rate` of this test's own negatives exceed; nan where too few."""
    positive, negative = kinds(result)
    if len(positive) < FEWEST or len(negative) < 1 / rate:
        return math.nan
    return share_above(positive, threshold_at(negative, rate))


def percent(share: float) -> str:
    """A share as a cell.

    >>> percent(0.1234), percent(float("nan"))
    ('12.3 %', '')
    """
    return "" if math.isnan(share) else f"{share * 100:.1f} %"


def number(value: float, digits: int = 3) -> str:
    """A number as a cell; nothing of nan."""
    return "" if math.isnan(value) else f"{value:.{digits}f}"


def tests_table(results: Sequence[Result]) -> str:
    """A row for every test and detector of one head."""
    rows = [["test", "texts", "detector", "AUROC", "recall at 1 % f. p.", "recall", "false positives"]]
    for result in results:
        positive, negative = map(len, kinds(result))
        rows.append(
            [
                result.test.name.replace("|", "against"),
                f"{positive} + {negative}",
                result.detector,
                number(area(result)),
                percent(recall_at(result, 0.01)),
                percent(flagged(result, 1)),
                percent(flagged(result, 0)),
            ]
        )
    return markdown(rows)


def lookalikes_table(results: Sequence[Result]) -> str:
    """False positives at each detector's own threshold on what only looks like it."""
    names = list(dict.fromkeys(result.test.name for result in results))
    cells: dict[tuple[str, str], dict[str, str]] = {}
    for result in results:
        share = percent(flagged(result, 0))
        note = f" of {len(result.test.texts)}" if len(result.test.texts) < result.total else ""
        cells.setdefault((result.test.head, result.detector), {})[result.test.name] = share + note
    rows = [["head", "detector", *names]]
    rows += [[*who, *(found.get(name, "") for name in names)] for who, found in cells.items()]
    return markdown(rows)


@dataclass(frozen=True, slots=True)
class Lead:
    """Of one test: our result, and that of each other on the texts that both were asked."""

    ours: Result
    others: Mapping[str, tuple[Result, Result]]

    @property
    def closest(self) -> tuple[Result, Result] | None:
        """Ours and the peer's where a peer comes closest to us, or is farthest ahead."""
        peers = [pair for name, pair in self.others.items() if name != PHRASES]
        return min(peers, key=lambda pair: area(pair[0]) - area(pair[1]), default=None)


def leads(results: Sequence[Result]) -> list[Lead]:
    """Every test that says something of us."""
    by_test: dict[tuple[str, str], list[Result]] = {}
    for result in results:
        by_test.setdefault((result.test.head, result.test.name), []).append(result)
    found = []
    for asked in by_test.values():
        ours = {len(one.test.texts): one for one in asked if one.detector.startswith(OURS)}
        if not ours or math.isnan(area(asked[0])):
            continue
        others = {one.detector: one for one in asked if not one.detector.startswith(OURS)}
        pairs = {name: (ours[len(one.test.texts)], one) for name, one in others.items()}
        found.append(Lead(asked[0], pairs))
    return found


def leads_table(results: Sequence[Result]) -> str:
    """On how many of the tests we are ahead of every peer, and the tests."""
    found = leads(results)
    rows = [["head", "test", OURS, "our word lists", "best peer", "ahead of it"]]
    for lead in found:
        test, lists = lead.ours.test, lead.others.get(PHRASES)
        cells = [test.head, test.name.replace("|", "against"), number(area(lead.ours))]
        rows.append([*cells, number(area(lists[1])) if lists else "", *_best(lead)])
    answers = [row[-1] for row in rows[1:] if row[-1]]
    seen = sum(row[-1] == "no" and _LEARNED in row[-2] for row in rows)
    said = f"AUROC: ahead of every peer on {answers.count('yes')} of the {len(answers)} tests with one"
    said += f", level on {answers.count('level')}, behind on {answers.count('no')}"
    return f"{said} ({seen} of these against a peer that learned from the set).\n\n{markdown(rows)}"


_LEARNED = "learned from this set"


def _best(lead: Lead) -> list[str]:
    """The cells on the peer that comes closest."""
    if lead.closest is None:
        return ["none", ""]
    own, other = lead.closest
    notes = [other.detector]
    if own is not lead.ours:
        notes.append(f"{number(area(own))} for {OURS} on its texts")
    if other.test.name in LEARNED.get(other.detector, ()):
        notes.append(_LEARNED)
    return [f"{number(area(other))} ({', '.join(notes)})", _ahead(area(own), area(other))]


def _ahead(own: float, other: float) -> str:
    if own == other:
        return "level"
    return "yes" if own > other else "no"


def refusals_table(results: Sequence[Result]) -> str:
    """XSTest: how much of what is unsafe is seen, and what is refused for nothing."""
    rows = [["detector", "texts", "recall at 10 % f. p.", "recall", "false positives"]]
    for result in results:
        positive, negative = map(len, kinds(result))
        shares = (recall_at(result, 0.1), flagged(result, 1), flagged(result, 0))
        rows.append([result.detector, f"{positive} + {negative}", *map(percent, shares)])
    return markdown(rows)


def by_group(result: Result) -> dict[str, float]:
    """False positives by group, for groups with enough texts that are not meant."""
    found: dict[str, list[bool]] = {}
    for group, label, yes in zip(result.test.groups, result.test.labels, result.answers.flagged, strict=True):
        if not label:
            found.setdefault(group, []).append(yes)
    return {group: sum(own) / len(own) for group, own in sorted(found.items()) if len(own) >= FEWEST}


def groups_table(results: Sequence[Result]) -> str:
    """Of one test: false positives by identity, a column for each detector, and the spread."""
    shares = {result.detector: by_group(result) for result in results}
    groups = next(iter(shares.values()))
    if not groups:
        return "No identity has enough texts."
    rows = [["identity", *shares]]
    rows.append(["spread (most − least)", *(percent(_spread_of(found)) for found in shares.values())])
    loud = [group for group in groups if any(found[group] for found in shares.values())]
    rows += [[group, *(percent(found[group]) for found in shares.values())] for group in loud]
    quiet = [group.replace("_", " ") for group in groups if group not in loud]
    said = f"\n\nNobody flags any of {', '.join(quiet)}." if quiet else ""
    return markdown(rows) + said


def _spread_of(found: Mapping[str, float]) -> float:
    return max(found.values()) - min(found.values())
