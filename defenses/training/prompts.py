"""What the two adapters that refuse learn from: requests to decline, and requests to answer as before.

Harmful requests come from AdvBench and red-instruct, which their licences let us learn from, and from
our own generator, which writes the opposite of a harmless look-alike. Benign ones are all of our own:
sets of everyday traffic stay what systems are judged by. No text of a test is among them.
"""

import hashlib
import random
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import yaml

from gateway.text.training import generator, lookalikes
from gateway.text.training.examples import Example, key, without
from gateway.text.training.sets import Sets, learning, testing
from gateway.text.training.sets import Test as Labelled

HELD_OUT = 8
"""One in so many harmful requests of the sets is never learned from."""
LONGEST = 160
"""Characters of a request; a longer one costs steps and teaches nothing else."""
HARMFUL: Mapping[str, int] = {"advbench": 80, "red_instruct": 50, "made:lookalikes": 30}
BENIGN: Mapping[str, int] = {
    "made:imperatives": 100,
    "made:lookalikes": 70,
    "made:errands": 20,
    "made:ordinary": 20,
    "made:groups": 20,
    "made:commands": 10,
}
"""By source, how many are learned from."""
SHARE = 0.08
"""Of all that the generator would make for the encoder."""
IMPERATIVES = 200
"""Errands in imperatives that are made, of which some are chosen."""


@dataclass(frozen=True, slots=True)
class Test:
    """Requests that were never learned from; `harmful` says whether they should be declined."""

    name: str
    harmful: bool
    prompts: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Prompts:
    """Requests to learn from, and the tests."""

    harmful: tuple[Example, ...]
    benign: tuple[Example, ...]
    tests: tuple[Test, ...]


def prompts(sets: Sets, seed: int, tested: int) -> Prompts:
    """The requests of one training, and tests of up to `tested` prompts each; the same for the same seed.

    Raises `ConfigError` when a set is missing.
    """
    tests = {test.name: test for test in testing(sets)}
    texts = [text for test in tests.values() for text in test.texts]
    collected = [
        one for one in learning(sets) if one.source in HARMFUL and _is_harmful(one) and not one.answer
    ]
    collected = [one for one in without(collected, texts) if len(one.text) <= LONGEST]
    made = without(_made(seed), texts)
    unknown = without(_made(seed + 1, held_back=True), texts)
    rng = random.Random(seed)  # noqa: S311 -- nothing secret
    learned = [one for one in collected if not _is_held_out(one)] + [one for one in made if _is_harmful(one)]
    kept = [one.text for one in collected if _is_held_out(one)]
    new = [one.text for one in unknown if _is_benign(one)]
    unsafe, safe = _by_label(tests["XSTest, unsafe | safe"])
    behaviours, _ = _by_label(tests["TDC 2023 | everyday"])
    return Prompts(
        harmful=_chosen(learned, HARMFUL, rng),
        benign=_chosen([one for one in made if _is_benign(one)], BENIGN, rng),
        tests=(
            Test("AdvBench and red-instruct, held out", True, _some(kept, tested, rng)),
            Test("TDC 2023", True, _some(behaviours, tested, rng)),
            Test("XSTest, unsafe", True, _some(unsafe, tested, rng)),
            Test("our own benign, words held out", False, _some(new, tested, rng)),
            Test("XSTest, safe", False, _some(safe, tested, rng)),
        ),
    )


def _made(seed: int, held_back: bool = False) -> list[Example]:
    """What the generator makes, and errands in the words in which harm is asked for too.

    Without the latter, whoever wants a plan or a tutorial is taken for a criminal. With `held_back` they are
    of words that no other has.
    """
    rng = lookalikes.Choice(seed, held_back)
    labels = {"harmful_request": 0.0}
    errands = [
        Example(
            lookalikes.one(rng, wordings()["frames"]).format(lookalikes.one(rng, wordings()["deeds"])),
            labels,
            "made:imperatives",
        )
        for _ in range(IMPERATIVES)
    ]
    return [*generator.examples(seed, SHARE, held_back=held_back), *errands]


@cache
def wordings() -> Mapping[str, Sequence[str]]:
    """Frames of requests, and deeds to fill them with, of which nobody is harmed."""
    path = Path(__file__).with_name("imperatives.yaml")
    loaded: Mapping[str, Sequence[str]] = yaml.safe_load(path.read_text())
    return loaded


def _is_harmful(example: Example) -> bool:
    return example.labels.get("harmful_request", 0.0) == 1.0


def _is_benign(example: Example) -> bool:
    return example.source in BENIGN and example.labels.get("harmful_request") == 0.0


def _is_held_out(example: Example) -> bool:
    return hashlib.blake2b(key(example.text).encode(), digest_size=2).digest()[0] % HELD_OUT == 0


def _chosen(
    examples: Iterable[Example], counts: Mapping[str, int], rng: random.Random
) -> tuple[Example, ...]:
    by_source: dict[str, list[Example]] = {source: [] for source in counts}
    for one in examples:
        if one.source in by_source and len(one.text) <= LONGEST:
            by_source[one.source].append(one)
    chosen = [
        one
        for source, count in counts.items()
        for one in rng.sample(by_source[source], min(count, len(by_source[source])))
    ]
    rng.shuffle(chosen)
    return tuple(chosen)


def _some(texts: Sequence[str], count: int, rng: random.Random) -> tuple[str, ...]:
    return tuple(rng.sample(list(texts), min(count, len(texts))))


def _by_label(test: Labelled) -> tuple[list[str], list[str]]:
    pairs = list(zip(test.texts, test.labels, strict=True))
    return [text for text, label in pairs if label], [text for text, label in pairs if not label]
