"""What the two adapters that refuse learn from: requests to decline, and requests to answer as before.

Harmful requests come from AdvBench and red-instruct, which their licences let us learn from, and from
our own generator, which writes the opposite of a harmless look-alike. Benign ones are all of that generator:
sets of everyday traffic stay what systems are judged by. No text of a test is among them.
"""

import hashlib
import random
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from gateway.text.training import generator
from gateway.text.training.examples import Example, key, without
from gateway.text.training.sets import Sets, learning, testing
from gateway.text.training.sets import Test as Labelled

HELD_OUT = 8
"""One in so many harmful requests of the sets is never learned from."""
LONGEST = 160
"""Characters of a request; a longer one costs steps and teaches nothing else."""
HARMFUL: Mapping[str, int] = {"advbench": 100, "red_instruct": 50, "made:lookalikes": 30}
BENIGN: Mapping[str, int] = {
    "made:lookalikes": 100,
    "made:errands": 40,
    "made:ordinary": 30,
    "made:groups": 30,
    "made:commands": 20,
}
"""By source, how many are learned from."""
SHARE = 0.08
"""Of all that the generator would make for the encoder."""


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
    made = without(generator.examples(seed, SHARE), texts)
    unknown = without(generator.examples(seed + 1, SHARE, held_back=True), texts)
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
