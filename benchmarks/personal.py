"""Our rules for personal data and secrets beside Presidio and detect-secrets: same texts, same run.

::

    CROSSRISK_DATA=... python -m benchmarks.personal [--write]

The others are installed on first use into environments of their own under `.tools/peers`. Personal data:
the labelled texts of `presidio_research`, the types that a pattern can know. Secrets: texts of
`benchmarks/secret_texts.py`. Something counts as found when a span of its type overlaps it.
"""

import argparse
import json
import os
import random
import statistics
import subprocess
import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from rich.console import Console

from benchmarks.environments import PEERS, ROOT, environment
from benchmarks.overhead import markdown
from benchmarks.secret_texts import Sample, near_misses, positives
from benchmarks.stalls import HOSTILE
from gateway.text.personal import PERSONAL

CONSOLE = Console(stderr=True)
THRESHOLD = 0.5
WORDS = 60
ROUNDS = 5
TYPES = {
    "EMAIL_ADDRESS": "email",
    "CREDIT_CARD": "card",
    "PHONE_NUMBER": "phone",
    "IBAN_CODE": "iban",
    "US_SSN": "ssn",
    "IP_ADDRESS": "ip_address",
    "US_DRIVER_LICENSE": "driving_licence",
    "STREET_ADDRESS": "address",
    "ADDRESS": "address",
}
"""The set's types that are measured, and ours."""
THEIRS = {name: label for name, label in TYPES.items() if label != "address"}
SECRETS = frozenset({"api_key", "jwt", "private_key", "credential", "password"})


@dataclass(frozen=True, slots=True)
class Span:
    """A labelled part of a text."""

    start: int
    end: int
    label: str


@dataclass(frozen=True, slots=True)
class Looked:
    """What somebody found in each text, and the CPU seconds each took in a second pass."""

    found: list[list[Span]]
    seconds: list[float]


def overlaps(span: Span, others: Sequence[Span], same: bool = True) -> bool:
    """Whether one of `others`, of the same label unless told otherwise, shares a character with `span`."""
    return any(
        span.start < other.end and other.start < span.end and (not same or span.label == other.label)
        for other in others
    )


def ours(texts: Sequence[str]) -> Looked:
    """Our rules over the texts."""
    for text in texts:
        PERSONAL.find(text)
    found, seconds = [], []
    for text in texts:
        began = time.thread_time()
        spans = PERSONAL.find(text)
        seconds.append(time.thread_time() - began)
        found.append([Span(one.start, one.end, one.label) for one in spans if one.score >= THRESHOLD])
    return Looked(found, seconds)


def peer(name: str, texts: Sequence[str], threshold: float = 0.0) -> Looked:
    """A peer over the texts, in its own environment."""
    probe = ROOT / "benchmarks" / "peers" / f"{name}_probe.py"
    command = [str(environment(name, CONSOLE) / "bin" / "python"), str(probe)]
    done = subprocess.run(command, input=json.dumps(texts), capture_output=True, text=True, check=False)
    lines = [line for line in done.stdout.splitlines() if line.startswith("RESULTS ")]
    if not lines:
        raise SystemExit(f"{name} failed: {done.stderr[-1000:]}")
    results = json.loads(lines[-1].removeprefix("RESULTS "))
    found = [
        [
            Span(start, end, THEIRS.get(kind, kind))
            for start, end, kind, score in result["found"]
            if score >= threshold
        ]
        for result in results
    ]
    return Looked(found, [result["seconds"] for result in results])


@dataclass(frozen=True, slots=True)
class Labelled:
    """A text of the set."""

    text: str
    spans: list[Span]


def labelled(folder: Path) -> list[Labelled]:
    """The texts of `presidio_research`."""
    read = []
    for name in ("generated_small.json", "synth_dataset_v2.json"):
        for row in json.loads((folder / "presidio_research" / name).read_text(encoding="utf-8")):
            spans = [
                Span(
                    span["start_position"],
                    span["end_position"],
                    TYPES.get(span["entity_type"], span["entity_type"]),
                )
                for span in row["spans"]
            ]
            read.append(Labelled(row["full_text"], spans))
    return read


def share(part: int, whole: int) -> str:
    """A share with what it is of.

    >>> share(1, 3)
    '.33 (1/3)'
    """
    if not whole:
        return "none"
    return ("1.00" if part == whole else f"{part / whole:.2f}".lstrip("0")) + f" ({part}/{whole})"


def by_type(texts: Sequence[Labelled], looked: Looked) -> dict[str, list[str]]:
    """Recall and precision of each label."""
    hit: Counter[str] = Counter()
    there: Counter[str] = Counter()
    right: Counter[str] = Counter()
    said: Counter[str] = Counter()
    for one, found in zip(texts, looked.found, strict=True):
        for span in one.spans:
            there[span.label] += 1
            hit[span.label] += overlaps(span, found)
        for span in found:
            said[span.label] += 1
            right[span.label] += overlaps(span, one.spans)
    labels = dict.fromkeys(TYPES.values())
    return {label: [share(hit[label], there[label]), share(right[label], said[label])] for label in labels}


def personal_table(texts: Sequence[Labelled], looked: dict[str, Looked]) -> str:
    """Recall and precision by type."""
    cells = {name: by_type(texts, one) for name, one in looked.items()}
    rows = [["type", *(f"{name}: {what}" for name in looked for what in ("recall", "precision"))]]
    for label in dict.fromkeys(TYPES.values()):
        rows.append([label, *(cell for name in looked for cell in cells[name][label])])
    return markdown(rows)


def secrets_table(samples: Sequence[Sample], looked: dict[str, Looked]) -> str:
    """Recall, precision, and near misses that were taken for a secret."""
    hidden = [sample for sample in samples if sample.secret]
    rows = [["", *looked]]
    for carrier in dict.fromkeys(sample.carrier for sample in hidden):
        rows.append([f"recall, {carrier}", *(recall(samples, one, carrier) for one in looked.values())])
    rows.append(["recall, all", *(recall(samples, one, None) for one in looked.values())])
    rows.append(["precision", *(precision(samples, one) for one in looked.values())])
    for kind in dict.fromkeys(sample.kind for sample in samples if not sample.secret):
        cells = [flagged(samples, one, kind) for one in looked.values()]
        rows.append([f"near misses taken for a secret, {kind}", *cells])
    return markdown(rows)


def secret_span(sample: Sample) -> Span:
    """Where the secret stands."""
    start = sample.text.index(sample.secret)
    return Span(start, start + len(sample.secret), "secret")


def recall(samples: Sequence[Sample], looked: Looked, carrier: str | None) -> str:
    """Share of the secrets that were found."""
    of = [
        overlaps(secret_span(sample), found, same=False)
        for sample, found in zip(samples, looked.found, strict=True)
        if sample.secret and carrier in (None, sample.carrier)
    ]
    return share(sum(of), len(of))


def precision(samples: Sequence[Sample], looked: Looked) -> str:
    """Share of what was found that is a secret."""
    right = [
        bool(sample.secret) and overlaps(span, [secret_span(sample)], same=False)
        for sample, found in zip(samples, looked.found, strict=True)
        for span in found
    ]
    return share(sum(right), len(right))


def flagged(samples: Sequence[Sample], looked: Looked, kind: str) -> str:
    """Share of the texts of a kind in which something was found."""
    of = [bool(found) for sample, found in zip(samples, looked.found, strict=True) if sample.kind == kind]
    return share(sum(of), len(of))


def missed(samples: Sequence[Sample], looked: Looked) -> str:
    """The kinds of which something was missed."""
    kinds = Counter(
        sample.kind
        for sample, found in zip(samples, looked.found, strict=True)
        if sample.secret and not overlaps(secret_span(sample), found, same=False)
    )
    return ", ".join(f"{kind} {count}" for kind, count in kinds.most_common()) or "none"


def only_secrets(looked: Looked) -> Looked:
    """Without what is no secret, which the other does not look for."""
    return Looked(
        [[span for span in found if span.label in SECRETS] for found in looked.found], looked.seconds
    )


def of_sixty_words(texts: Sequence[str]) -> list[str]:
    """The texts one after the other, parted where sixty words are full."""
    parts: list[str] = []
    words: list[str] = []
    for text in texts:
        words += text.split(" ")
        if sum(len(word.split()) for word in words) >= WORDS:
            parts.append(" ".join(words))
            words = []
    return parts


def speed(texts: Sequence[str], other: str) -> list[str]:
    """CPU milliseconds per text, median of the rounds of the means, interleaved with the other's."""
    rounds = [(ours(texts).seconds, peer(other, texts).seconds) for _ in range(ROUNDS)]
    mine = statistics.median(statistics.fmean(a) for a, _ in rounds) * 1e3
    theirs = statistics.median(statistics.fmean(b) for _, b in rounds) * 1e3
    size = statistics.fmean(map(len, texts))
    return [str(len(texts)), f"{size:.0f}", f"{mine:.3f}", f"{theirs:.2f}", f"{theirs / mine:.0f}"]


def growth() -> str:
    """Seconds for hostile text, and for ten times as much."""
    rows = [["text", "20,000 characters, ms", "200,000 characters, ms", "×"]]
    for name, text in HOSTILE.items():
        short, long = (min(timed(text[:size]) for _ in range(3)) for size in (20_000, 200_000))
        rows.append([name, f"{short * 1e3:.1f}", f"{long * 1e3:.1f}", f"{long / short:.1f}"])
    return markdown(rows)


def timed(text: str) -> float:
    """CPU seconds for one search of `text`."""
    began = time.thread_time()
    PERSONAL.find(text)
    return time.thread_time() - began


def measure(folder: Path) -> str:
    """All tables."""
    rng = random.Random(20)
    texts = labelled(folder)
    samples = [*positives(5, rng), *near_misses(20, rng)]
    plain = [one.text for one in texts]
    looked = {
        "ours": ours(plain),
        "Presidio": peer("presidio", plain),
        f"Presidio, ≥ {THRESHOLD}": peer("presidio", plain, THRESHOLD),
    }
    secret = [sample.text for sample in samples]
    found = {"ours": only_secrets(ours(secret)), "detect-secrets": peer("detect_secrets", secret)}
    long = of_sixty_words(plain)
    rows = [["texts", "number", "characters", "ours, ms", "the other, ms", "×"]]
    rows.append(["`presidio_research`, 60 words; Presidio", *speed(long, "presidio")])
    rows.append(["`presidio_research`, 60 words; detect-secrets", *speed(long, "detect_secrets")])
    rows.append(["each of the secrets and near misses; detect-secrets", *speed(secret, "detect_secrets")])
    dense = of_sixty_words(rng.sample(secret, len(secret)))
    rows.append(["the same, 60 words with nine secrets; detect-secrets", *speed(dense, "detect_secrets")])
    misses = "\n".join(f"* Missed by {name}: {missed(samples, one)}." for name, one in found.items())
    return (
        f"## Personal data\n\n{len(texts)} texts.\n\n{personal_table(texts, looked)}\n\n"
        f"## Secrets\n\n{sum(bool(s.secret) for s in samples)} texts with one and "
        f"{sum(not s.secret for s in samples)} without.\n\n{secrets_table(samples, found)}\n\n{misses}\n\n"
        f"## Time\n\n{markdown(rows)}\n\n## Hostile text\n\n{growth()}\n"
    )


INTRODUCTION = """# Personal data and secrets

Our rules (`gateway/text/personal.py`, score ≥ 0.5 as the leak filter has it) beside {versions},
on the same texts in the same run, one thread. Written by `python -m benchmarks.personal --write`.

* What is found counts when it overlaps what is labelled and is of the same type, whatever its exact borders.
* Presidio: every recogniser for English that needs no model, over a blank spaCy pipeline; it has no pattern
  for street addresses. The first columns count everything it says, the last what it is sure of as ours are.
* detect-secrets: all plugins and filters with their defaults, line by line, as it scans a file. It is
  made for source code; chat is not what it is for. Of ours only {secrets} count.
* Times are CPU time of a second pass (what is built at first sight is left out), median of {rounds} rounds.
* Our rules for telephones, cards and addresses were extended while looking at what they missed in
  `presidio_research`, so their recall there is that of a set they have seen; the others' is not.
* The texts with secrets are made up by `benchmarks/secret_texts.py` from what the providers document.
  After a first run two formats that our rules lacked (Azure storage, Artifactory) were added to them.

"""


def main() -> None:
    """Print the tables."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.personal", description=__doc__)
    parser.add_argument("--write", action="store_true", help="write docs/personal.md")
    options = parser.parse_args()
    folder = os.environ.get("CROSSRISK_DATA")
    if not folder:
        raise SystemExit("set CROSSRISK_DATA to the folder of the evaluation sets")
    text = measure(Path(folder))
    print(text)
    if options.write:
        versions = f"{PEERS['presidio'][0]} and {PEERS['detect_secrets'][0]}"
        head = INTRODUCTION.format(versions=versions, secrets=", ".join(sorted(SECRETS)), rounds=ROUNDS)
        (ROOT / "docs" / "personal.md").write_text(head + text)


if __name__ == "__main__":
    main()
