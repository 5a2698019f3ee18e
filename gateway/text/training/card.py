"""The model card: what the encoder learned from, how well it does, and whom it flags by mistake."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from rich.progress import Progress

from gateway.text.encoder_model import Judgement, Model
from gateway.text.training.examples import PAIR_HEADS
from gateway.text.training.figures import auroc, share_above
from gateway.text.training.sets import Test

LICENCES: Mapping[str, str] = {
    "advbench": "MIT",
    "banking77": "CC-BY-4.0",
    "bipia": "MIT; its tables are of WikiTableQuestions, CC-BY-SA-4.0",
    "civil_madlibs talk": "Apache-2.0; the comments are of Wikipedia's talk pages, CC-BY-SA",
    "davidson": "MIT",
    "gptfuzz": "MIT",
    "jailbreak_inthewild": "MIT",
    "neuralchemy_injection": "Apache-2.0",
    "red_instruct": "Apache-2.0",
    "redditbias": "MIT",
    "self_instruct": "Apache-2.0",
    "slabs_injection": "MIT",
    "toxigen": "MIT",
    "xstest answers": "CC-BY-4.0",
    "yanismiraoui_injection": "Apache-2.0",
}
FEWEST = 15
"""Of fewer texts of an identity no rate is given."""

HEAD = """# Model card: the encoder of `gateway/text/weights`

What `crossrisk train encoder` writes beside the weights; what others reach on the same texts stands in
[detectors.md](detectors.md).

* **What**: all-MiniLM-L6-v2 (sentence-transformers, Apache-2.0; Wang et al. 2020) in its first {layers}
  layers, fine-tuned with a linear head for each question; weights of eight bits, one ONNX file of
  {size:.1f} MB.
* **Checksum**: sha256 `{sha256}`.
* **Began with** {requirement}, sha256 `{base}`.
* **Made with** {libraries};
  {epochs} epochs, seed {seed}, {training} examples; {held_back} held back to calibrate with.
* **Reads** windows of {window} tokens that overlap by 32; a text scores as its worst window, a refusal as
  its first.
* **Scores**: a calibrated probability, stretched so that 0.5 is the operating point.
* **Language**: English. Injections in seven languages are found because they were learned; nothing else was.

## What it is not for

It tells kinds of wording apart, not truth or intent, and is one opinion among several: a clever attack passes
(see [red-team.md](red-team.md)), and a harmless text that looks like harm is flagged now and then. It must
not decide alone about a person.
"""


@dataclass(frozen=True, slots=True)
class Seen:
    """A test and the scores of the model as it ships."""

    test: Test
    scores: Sequence[float]

    def of(self, label: int) -> list[float]:
        """Scores of the positives or of the negatives."""
        return [score for score, own in zip(self.scores, self.test.labels, strict=True) if own == label]


def measure(model: Model, tests: Sequence[Test], progress: Progress) -> list[Seen]:
    """Judge every text of `tests` as at run time."""
    known: dict[str, Judgement] = {}
    task = progress.add_task("testing", total=sum(len(test.texts) for test in tests))

    def judged(text: str) -> Judgement:
        if text not in known:
            windows = model.windows(text)
            read = zip(*(model.read([window.ids]) for window in windows), strict=True)
            known[text] = model.judgement(windows, *map(np.concatenate, read))
        return known[text]

    seen = []
    for test in tests:
        scores = []
        for number, text in enumerate(test.texts):
            if test.head in PAIR_HEADS:
                scores.append(model.pair(judged(text), judged(test.answers[number]))[test.head])
            else:
                scores.append(judged(text).scores[test.head])
            progress.update(task, advance=1)
        seen.append(Seen(test, scores))
    return seen


def card(described: Mapping[str, Any], size: int, seen: Sequence[Seen]) -> str:
    """The card of the encoder that `described` (its `encoder.json`) tells of; `size` in bytes."""
    plan, base = described["plan"], described["base"]
    head = HEAD.format(
        layers=plan["layers"],
        size=size / 1e6,
        sha256=described["sha256"],
        base=base["sha256"],
        requirement=base["requirement"],
        libraries=", ".join(f"{name} {version}" for name, version in described["libraries"].items()),
        epochs=plan["epochs"],
        seed=plan["seed"],
        training=sum(described["examples"]["training"].values()),
        held_back=sum(described["examples"]["held_back"].values()),
        window=described["window"],
    )
    parts = (_data, _calibration, _tests, _identities)
    return "\n".join([head, *(line for part in parts for line in part(described, seen))]) + "\n"


def _table(rows: Sequence[Sequence[str]]) -> Iterator[str]:
    for number, row in enumerate(rows):
        yield f"| {' | '.join(cell.replace('|', 'against') for cell in row)} |"
        if not number:
            yield "|" + "---|" * len(row)
    yield ""


def _data(described: Mapping[str, Any], seen: Sequence[Seen]) -> Iterator[str]:
    yield "## What it learned from"
    yield ""
    yield (
        "Sources that begin with `made:` are of our own generator (`gateway/text/training/generator.yaml`,\n"
        "`lookalikes.yaml`), whose held-back examples are of words that no learned one has. Of a collected\n"
        "set a part fixed by position is learned, the rest tested on; the requests of XSTest and TrustLLM\n"
        "are only for testing. Texts of a test were taken out; near copies of a few may remain."
    )
    yield ""
    counts, held = described["examples"]["training"], described["examples"]["held_back"]
    rows = [["source", "licence", "learned", "held back"]]
    for name, count in counts.items():
        own = "our own" if name.startswith("made:") else LICENCES[name]
        rows.append([name, own, str(count), str(held.get(name, 0))])
    yield from _table(rows)


def _calibration(described: Mapping[str, Any], seen: Sequence[Seen]) -> Iterator[str]:
    yield "## Calibration and thresholds"
    yield ""
    yield (
        "Platt scaling on the held-back examples, both kinds weighing the same. *1 %* and *5 %* are the\n"
        "probabilities that so many of the held-back negatives exceed, and a half at least; *acts from* is\n"
        "the operating point: lower where nearly all negatives are look-alikes, of which traffic has few."
    )
    yield ""
    rows = [["head", "scale", "shift", "expected error", "1 %", "5 %", "acts from"]]
    for name, own in described["calibration"].items():
        limits = described["thresholds"][name]
        figures = own["scale"], own["shift"], own["error"], limits["1%"], limits["5%"]
        rows.append([name, *(f"{figure:.3f}" for figure in figures), f"{described['operating'][name]:.3f}"])
    yield from _table(rows)
    yield "Reliability, as predicted → observed by tenths of the prediction:"
    yield ""
    rows = [["head", "curve"]]
    for name, own in described["calibration"].items():
        rows.append([name, ", ".join(f"{said:.2f} → {was:.2f}" for said, was, _ in own["curve"])])
    yield from _table(rows)


def _tests(described: Mapping[str, Any], seen: Sequence[Seen]) -> Iterator[str]:
    yield "## Tests"
    yield ""
    yield "None of these texts was learned from; *found* and *flagged* are at the operating point."
    yield ""
    rows = [["head", "test", "texts", "AUROC", "positives found", "negatives flagged"]]
    for one in seen:
        bad, good = one.of(1), one.of(0)
        area = f"{auroc(one.scores, one.test.labels):.3f}" if bad and good else ""
        shares = [_percent(bad), _percent(good)]
        rows.append([one.test.head, one.test.name, f"{len(bad)} + {len(good)}", area, *shares])
    yield from _table(rows)


def _percent(scores: Sequence[float]) -> str:
    return f"{share_above(scores, 0.4999999):.1%}" if scores else ""


def _identities(described: Mapping[str, Any], seen: Sequence[Seen]) -> Iterator[str]:
    yield "## False positives by identity"
    yield ""
    yield (
        "Sentences that insult nobody, by who is named. A guard must not itself be unfair: the generator\n"
        f"says the same good and the same bad of every identity. At least {FEWEST} sentences each."
    )
    for one in seen:
        if not one.test.groups:
            continue
        rates = dict(_by_group(one))
        yield ""
        yield f"**{one.test.head}, {one.test.name}**: spread {max(rates.values()) - min(rates.values()):.1%}"
        yield ""
        yield ", ".join(f"{name} {rate:.0%}" for name, rate in sorted(rates.items(), key=_worst_first))


def _worst_first(item: tuple[str, float]) -> tuple[float, str]:
    return -item[1], item[0]


def _by_group(one: Seen) -> Iterator[tuple[str, float]]:
    groups: dict[str, list[float]] = {}
    for score, label, group in zip(one.scores, one.test.labels, one.test.groups, strict=True):
        if not label:
            groups.setdefault(group, []).append(score)
    for name, scores in groups.items():
        if len(scores) >= FEWEST:
            yield name, share_above(scores, 0.4999999)
