"""Who is asked by `benchmarks.detectors`: our encoder, our word lists, and the classifiers of others."""

import json
import os
import subprocess
import tempfile
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

from rich.console import Console

from benchmarks.environments import ROOT, environment
from gateway.text.encoder_model import Judgement, Model
from gateway.text.harm import harm_labels
from gateway.text.injection import injection_spans
from gateway.text.private_request import asks_for_personal_data
from gateway.text.refusal import is_refusal
from gateway.text.sentiment import negativity
from gateway.text.training.sets import Test
from gateway.types import Detection

Advance = Callable[[float], None]
OURS = "CrossRisk"
OPERATING = "operating point"
SHIPPED = 0.5
"""The score at a head's operating point."""
PHRASES = "word lists"
PEERS: Mapping[str, tuple[str, ...]] = {
    "securevector": ("injection", "harmful_request"),
    "metatron": ("injection", "harmful_request"),
    "prompt-guardrail": ("injection", "harmful_request"),
    "tox-block": ("toxicity",),
    "profanity-check": ("toxicity",),
    "vader": ("toxicity", "stereotype", "negative_regard"),
}
"""Which heads' questions each peer comes nearest to."""
LEARNED = {
    "profanity-check": ("Davidson, other part", "Wikipedia talk, other half"),
    "tox-block": ("Wikipedia talk, other half",),
}
"""Tests from whose source a peer learned, as it says of itself (Davidson's tweets, Jigsaw's comments)."""
LIMITS = {"metatron": 150}
"""How many texts of a test are asked, where a text takes so long that all of them would take an hour."""
SIXTY_WORDS = (
    "I moved to a new flat last month and the heating makes a strange noise at night, so could you explain "
    "what might cause it, what I can check by myself without any special tools, when I should rather call "
    "somebody who knows about boilers, and how much such a visit usually costs in a town during the "
    "winter months?"
)
"""What is timed."""


@dataclass(frozen=True, slots=True)
class Answers:
    """Scores of the texts of one test, 1 worst, and which of them the detector flags by itself."""

    scores: Sequence[float]
    flagged: Sequence[bool]


class Detector(Protocol):
    """Something that is asked about texts."""

    name: str

    def knows(self, head: str) -> bool:
        """Whether the question of this head may be put to it."""
        ...

    def read(self, texts: Sequence[str], advance: Advance) -> None:
        """Judge each of `texts` once, telling how many are done."""
        ...

    def answers(self, test: Test) -> Answers:
        """What it says of a test, all of whose texts were read."""
        ...


class CrossRisk:
    """Our encoder, flagging at its operating point, or where its training wrote for a `rate` such as "1%"."""

    name = OURS

    def __init__(self, model: Model, rate: str) -> None:
        self.model = model
        self.rate = rate
        self._judged: dict[str, Judgement] = {}

    def knows(self, head: str) -> bool:
        """All of them."""
        return head in self.model.heads or head in self.model.pair_heads

    def read(self, texts: Sequence[str], advance: Advance) -> None:
        """Window by window, as in the gateway on a CPU."""
        import numpy as np

        for text in texts:
            windows = self.model.windows(text)
            read = zip(*(self.model.read([window.ids]) for window in windows), strict=True)
            self._judged[text] = self.model.judgement(windows, *map(np.concatenate, read))
            advance(1)

    def answers(self, test: Test) -> Answers:
        """By one head."""
        return self.at(test, self.rate)

    def at(self, test: Test, rate: str) -> Answers:
        """By one head, flagging above another of its thresholds."""
        scores = [self._score(test, index) for index in range(len(test.texts))]
        threshold = SHIPPED if rate == OPERATING else self.model.thresholds[test.head][rate]
        return Answers(scores, [score >= threshold for score in scores])

    def _score(self, test: Test, index: int) -> float:
        own = self._judged[test.texts[index]]
        if test.head in self.model.pair_heads:
            return self.model.pair(own, self._judged[test.answers[index]])[test.head]
        return own.scores[test.head]


class WordLists:
    """Our own patterns and word lists, which need no model; they flag from a half on."""

    name = PHRASES

    def knows(self, head: str) -> bool:
        """Wherever there is a list."""
        return head in _LISTS or head == "harmful_compliance"

    def read(self, texts: Sequence[str], advance: Advance) -> None:
        """Nothing to do beforehand."""
        advance(len(texts))

    def answers(self, test: Test) -> Answers:
        """By the list for the head."""
        if test.head == "harmful_compliance":
            scores = [_complied(*pair) for pair in zip(test.texts, test.answers, strict=True)]
        else:
            scores = [_LISTS[test.head](text) for text in test.texts]
        return Answers(scores, [score >= 0.5 for score in scores])


def _worst(found: Iterable[Detection]) -> float:
    return max((one.score for one in found), default=0.0)


def _complied(request: str, answer: str) -> float:
    """An answer that does not decline; the worse, the worse what it was asked."""
    return 0.0 if is_refusal(answer) else 0.4 + 0.6 * _worst(harm_labels(request))


_LISTS: Mapping[str, Callable[[str], float]] = {
    "injection": lambda text: _worst(injection_spans(text)),
    "harmful_request": lambda text: _worst(harm_labels(text)),
    "toxicity": negativity,
    "stereotype": negativity,
    "refusal": lambda text: float(is_refusal(text)),
    "personal_request": lambda text: float(asks_for_personal_data(text)),
    "negative_regard": negativity,
}


class Peer:
    """A classifier of somebody else, asked in an environment of its own."""

    def __init__(self, name: str, console: Console, calls: int) -> None:
        self.name = name
        self.milliseconds = float("nan")
        self._console = console
        self._calls = calls
        self._said: dict[str, tuple[float, bool]] = {}

    def knows(self, head: str) -> bool:
        """Where it is the nearest that there is."""
        return head in PEERS[self.name]

    def read(self, texts: Sequence[str], advance: Advance) -> None:
        """Ask its probe on one thread; raises SystemExit where that fails."""
        python = environment(self.name, self._console) / "bin" / "python"
        command = [str(python), str(ROOT / "benchmarks/peers/classifier_probe.py"), self.name]
        single = {**os.environ, "OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"}
        with tempfile.TemporaryFile("w+") as asked, tempfile.TemporaryFile("w+") as complaints:
            asked.write(json.dumps({"text": SIXTY_WORDS, "calls": self._calls}) + "\n")
            asked.writelines(json.dumps(text) + "\n" for text in texts)
            asked.seek(0)
            with subprocess.Popen(
                command, stdin=asked, stdout=subprocess.PIPE, stderr=complaints, text=True, env=single
            ) as running:
                assert running.stdout is not None
                self.take(texts, running.stdout, advance)
            complaints.seek(0)
            if running.returncode:
                raise SystemExit(f"{self.name} failed: {complaints.read()[-1000:]}")

    def take(self, texts: Sequence[str], lines: Iterable[str], advance: Advance) -> None:
        """Remember what the probe answers, a line for each text and one with the time."""
        waiting = iter(texts)
        for line in lines:
            said = json.loads(line)
            if isinstance(said, dict):
                self.milliseconds = said["milliseconds"]
            else:
                self._said[next(waiting)] = (float(said[0]), bool(said[1]))
                advance(1)

    def answers(self, test: Test) -> Answers:
        """Whatever the head, a peer has one score."""
        said = [self._said[text] for text in test.texts]
        return Answers([score for score, _ in said], [flagged for _, flagged in said])
