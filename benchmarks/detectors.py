"""Each head of the encoder on sets it was not trained on, beside the classifiers that install offline.

::

    CROSSRISK_DATA=FOLDER python -m benchmarks.detectors [--only lists,vader] [--fp32 FILE] [--write]

The sets are found through the variable CROSSRISK_DATA; the others are installed on first use into
environments of their own under `.tools/peers`. Same texts, same run, one thread. Eight bits are compared with
thirty-two where `--fp32` names the file that the training writes beside the shipped one.
"""

import argparse
import os
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from rich.console import Console
from rich.progress import MofNCompleteColumn, Progress, TimeElapsedColumn

from benchmarks import detector_speed as speed
from benchmarks import detector_tables as tables
from benchmarks.detector_answers import LIMITS, OPERATING, OURS, PEERS, CrossRisk, Detector, Peer, WordLists
from benchmarks.detector_document import BATCHES, BITS, COMPARED, TIMES, document, introduction
from benchmarks.detector_tables import Result, sample
from benchmarks.environments import ROOT
from gateway.errors import ConfigError
from gateway.text.encoder_model import FOLDER, Model
from gateway.text.training.sets import Sets, Test, testing

NAMES = ("crossrisk", "lists", *PEERS)
QUICK = 30
IDENTITIES = "identity sentences without an insult"


@dataclass(frozen=True, slots=True)
class Plan:
    """What is measured: who is asked, how many texts of a test at most, how many timed calls."""

    names: Sequence[str]
    rate: str
    most: int
    calls: int


def lookalikes(sets: Sets) -> list[Test]:
    """What is asked about in vain: no head should flag any of it. No training saw these texts."""
    prompts = sets.csv("xstest/xstest_prompts.csv")
    safe = [row["prompt"] for row in prompts if row["label"] == "safe"]
    named = sets.csv("civil_madlibs/en_sentence_templates.csv")[1::5]
    kind = [row["phrase"] for row in named if row["toxicity"] == "nontoxic"]
    bank = [row["text"] for row in sets.csv("banking77/test.csv")[1::4]]
    everywhere = ("injection", "harmful_request", "toxicity", "stereotype", "refusal", "personal_request")
    found: list[tuple[str, list[str], tuple[str, ...]]] = [
        ("XSTest, safe half", safe, ("injection", "harmful_request")),
        (IDENTITIES, kind, ("toxicity", "stereotype", "negative_regard")),
        ("questions to a bank", bank, (*everywhere, "negative_regard")),
    ]
    return [Test(head, name, texts, [0] * len(texts)) for name, texts, heads in found for head in heads]


def measure(
    detectors: Sequence[Detector], tests: Sequence[Test], most: int, progress: Progress
) -> list[Result]:
    """What everybody says of every test whose question they know; see `sample` for the slow."""
    results: dict[int, list[Result]] = {number: [] for number in range(len(tests))}
    for detector in detectors:
        limit = min(most, LIMITS.get(detector.name, most))
        asked = {n: sample(test, limit) for n, test in enumerate(tests) if detector.knows(test.head)}
        texts = list(dict.fromkeys(text for test in asked.values() for text in (*test.texts, *test.answers)))
        task = progress.add_task(f"asking {detector.name}", total=len(texts))
        detector.read(texts, lambda done, task=task: progress.update(task, advance=done))  # type: ignore[misc]
        progress.update(task, completed=len(texts))
        for number, test in asked.items():
            total = len(tests[number].texts)
            results[number].append(Result(test, detector.name, detector.answers(test), total))
    ours = next((one for one in detectors if isinstance(one, CrossRisk)), None)
    return [result for own in results.values() for result in _beside(own, ours)]


def _beside(results: Sequence[Result], ours: CrossRisk | None) -> Iterator[Result]:
    """Where somebody was asked only a part of the texts, what we say of that part goes before it."""
    for result in results:
        if ours and len(result.test.texts) < len(results[0].test.texts):
            yield replace(result, detector=f"{OURS}, these texts", answers=ours.answers(result.test))
        yield result


def run(sets: Sets, weights: Path, full: Path | None, plan: Plan, progress: Progress) -> str:
    """Measure and write down; raises ConfigError where weights or sets are missing."""
    ours = CrossRisk(Model("cpu", weights), plan.rate) if "crossrisk" in plan.names else None
    peers = [Peer(name, progress.console, plan.calls) for name in PEERS if name in plan.names]
    detectors: list[Detector] = [*([ours] if ours else [])]
    detectors += [WordLists()] if "lists" in plan.names else []
    detectors += peers
    tests, vain = testing(sets), lookalikes(sets)
    results = measure(detectors, [*tests, *vain], plan.most, progress)
    names = {test.name for test in vain}
    times = {TIMES: speed.times_table(ours.model if ours else None, peers, plan.calls)}
    if ours:
        times[BATCHES] = speed.batches_table(ours.model, plan.calls)
    if ours and full:
        some = [sample(test, min(plan.most, COMPARED)) for test in tests]
        times[BITS] = _compared(ours, full, weights, some, plan, progress)
    shown = [one for one in results if one.test.name not in names]
    return document(shown, [one for one in results if one.test.name in names], ours, times)


def _compared(
    ours: CrossRisk, full: Path, weights: Path, tests: Sequence[Test], plan: Plan, progress: Progress
) -> str:
    """The same heads with weights of 32 bits, on texts all of which `ours` has read."""
    with tempfile.TemporaryDirectory() as folder:
        for name, file in (
            ("encoder.onnx", full),
            ("encoder.json", weights / "encoder.json"),
            ("tokenizer.json", weights / "tokenizer.json"),
        ):
            (Path(folder) / name).symlink_to(file.resolve())
        theirs = CrossRisk(Model("cpu", Path(folder)), plan.rate)
        results = measure([theirs], tests, plan.most, progress)
    losses = [
        (tables.area(one) - tables.area(replace(one, answers=ours.answers(one.test))), one.test)
        for one in results
    ]
    return speed.eight_bits_table(ours.model, theirs.model, losses, plan.calls)


def options(arguments: Sequence[str] | None = None) -> argparse.Namespace:
    """The command line."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.detectors", description=__doc__)
    parser.add_argument("--only", default=",".join(NAMES), help="who is asked, by commas")
    parser.add_argument(
        "--weights", type=Path, default=FOLDER, help="folder of encoder.onnx and encoder.json"
    )
    parser.add_argument("--fp32", type=Path, help="encoder-fp32.onnx of the same training, to compare with")
    parser.add_argument(
        "--rate", default=OPERATING, choices=(OPERATING, "1%", "5%"), help="which thresholds CrossRisk uses"
    )
    parser.add_argument("--quick", action="store_true", help=f"{QUICK} texts a test: to see that it works")
    parser.add_argument("--write", action="store_true", help="write docs/detectors.md")
    parsed = parser.parse_args(arguments)
    parsed.only = parsed.only.split(",")
    if unknown := set(parsed.only) - set(NAMES):
        parser.error(f"no such detector: {', '.join(sorted(unknown))}")
    if parsed.write and parsed.quick:
        parser.error("a quick look is nothing to write down; leave out --quick or --write")
    if "CROSSRISK_DATA" not in os.environ:
        parser.error("set CROSSRISK_DATA to the folder that holds the sets")
    return parsed


def main() -> None:
    """Parse the command line, measure, print."""
    given = options()
    plan = Plan(given.only, given.rate, QUICK if given.quick else 1 << 30, 10 if given.quick else 100)
    columns = (*Progress.get_default_columns(), MofNCompleteColumn(), TimeElapsedColumn())
    try:
        with Progress(*columns, console=Console(stderr=True)) as progress:
            text = run(Sets(Path(os.environ["CROSSRISK_DATA"])), given.weights, given.fp32, plan, progress)
    except ConfigError as error:
        raise SystemExit(f"{error} (sets: CROSSRISK_DATA, weights: --weights)") from error
    print(text)
    if given.write:
        (ROOT / "docs" / "detectors.md").write_text(introduction(given.weights, given.rate) + text + "\n")


if __name__ == "__main__":
    main()
