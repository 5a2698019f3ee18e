"""The words around the tables of `benchmarks.detectors`."""

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path

from benchmarks import detector_tables as tables
from benchmarks.detector_answers import LIMITS, OPERATING, OURS, PEERS, CrossRisk
from benchmarks.detector_tables import Result
from benchmarks.environments import versions

XSTEST = "XSTest, unsafe | safe"
COMPARED = 200
"""Texts of a test, at most, on which eight bits are compared with thirty-two."""
INTRODUCTION = """# Detectors beside others

Each head of the encoder on sets it was not trained on, beside the classifiers of others that install
offline: same texts, same run, one thread. Written by `python -m benchmarks.detectors --write`, which finds
the sets through CROSSRISK_DATA (and with `--fp32` compares eight bits with thirty-two); weights {sha256}.

* Where nothing else is said, *recall* and *false positives* are at the threshold that each detector ships:
  for CrossRisk {rate} (`docs/model-card.md`); for tox-block, which states none,
  a half; for VADER a compound score of −0.05. *Recall at 1 % f. p.* takes the threshold from the negatives of
  that same test, so it compares what can be had and not what is shipped; a list that only says yes or no has
  none.
* *Texts* counts positives + negatives. *Everyday* are questions to a bank, instructions that users wrote and
  MT-Bench turns. Of fewer than {fewest} texts of a kind nothing is said.
* *Other half* and *test part* mean that the rest of the same set was learned from: such a test is of the same
  kind as the training, and though no text is in both, variants of one may be. Of the peers, profanity-check
  says that it learned from Davidson's tweets and Jigsaw's comments, tox-block from the latter, and those are
  of Wikipedia talk pages as well.
* No peer answers every question. securevector, metatron and prompt-guardrail look for injections, and are the
  nearest that there is to harmful requests; VADER tells how negative a text sounds, and is asked where that
  is the nearest. *Word lists* are our own patterns in `gateway/text/`, which need no model; for toxicity,
  stereotypes and regard that is only a list of harsh words.
* metatron pads every text to 512 tokens and takes long; it is asked {limit} texts of a test at most, a third
  of them positive where there are both, and the row above it says how CrossRisk does on the same ones.
* securevector is called as its README says (the whole text, its windows and what is decoded from it).
  tox-block's weights are run by a network of the same shape without TensorFlow, and the worst of its six
  labels counts.
* Versions: {versions}.

"""
LEADS = "Goal: above every peer on every question."
REFUSALS = """Questions that only sound dangerous, and others that are. Goal: at least 85 % of the unsafe half
flagged and at most 10 % of the safe one; the injection detectors were not made for it."""
LOOKALIKES = "False positives of each detector at its own threshold, of texts that no training of ours saw."
GROUPS = f"""Texts that are not meant, flagged at each detector's own threshold, by who is named; identities
with at least {tables.FEWEST} such texts."""
TIMES = """Wall clock on one thread of a shared machine, one text at a time: the median of the quietest of
five rounds. Goal: at most 5 ms for all heads together."""
BATCHES = """What it would gain to read texts together. On a CPU the encoder does not: each window is read
alone. On a GPU a batch begins when the one before is done, whatever its size, so nobody waits for others to
come."""
BITS = f"""Eight bits against thirty-two, at most {COMPARED} texts of a test, the same for both. Goal: 1.8
times as fast, at most 0.005 of AUROC lost."""


def introduction(weights: Path, rate: str) -> str:
    """What stands above the tables."""
    digest = hashlib.sha256((weights / "encoder.onnx").read_bytes()).hexdigest()
    return INTRODUCTION.format(
        sha256=f"`{digest[:16]}…`",
        rate=_said(rate),
        fewest=tables.FEWEST,
        limit=LIMITS["metatron"],
        versions=", ".join(versions(PEERS)),
    )


def _said(rate: str) -> str:
    if rate == OPERATING:
        return "the operating point of each head"
    return f"what {rate.replace('%', ' %')} of the held-back negatives of its training exceed"


def document(
    results: Sequence[Result],
    lookalikes: Sequence[Result],
    ours: CrossRisk | None,
    times: Mapping[str, str],
) -> str:
    """All tables, under their headings."""
    parts = ["## Against the others", LEADS, tables.leads_table(results)]
    parts += ["## XSTest", REFUSALS, tables.refusals_table(_at_every_rate(results, ours))]
    parts += ["## What only looks like it", LOOKALIKES, tables.lookalikes_table(lookalikes), "## Every test"]
    for head in dict.fromkeys(result.test.head for result in results):
        parts += [f"### {head}", tables.tests_table([one for one in results if one.test.head == head])]
    parts += ["## False positives by identity", GROUPS]
    grouped = [one for one in results if one.test.groups and one.test.head == "toxicity"]
    for name in dict.fromkeys(result.test.name for result in grouped):
        parts += [f"### {name}", tables.groups_table([one for one in grouped if one.test.name == name])]
    parts.append("## Speed")
    return "\n\n".join([*parts, *(part for pair in times.items() for part in pair)])


def _at_every_rate(results: Sequence[Result], ours: CrossRisk | None) -> list[Result]:
    """What was said of XSTest, ours at each of its thresholds."""
    found = [one for one in results if one.test.name == XSTEST]
    if ours is None or not found:
        return found
    whole = found[0]
    rates = [rate for rate in ours.model.thresholds[whole.test.head] if rate != ours.rate]
    names = [f"{OURS} at its threshold for {rate.replace('%', ' %')}" for rate in rates]
    answers = [ours.at(whole.test, rate) for rate in rates]
    more = [replace(whole, detector=name, answers=own) for name, own in zip(names, answers, strict=True)]
    return [whole, *more, *found[1:]]
