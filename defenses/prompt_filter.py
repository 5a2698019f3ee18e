"""Refuses prompts that ask for harm or try to break the model's rules."""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar, Literal

from gateway.detector import Detector
from gateway.errors import ConfigError
from gateway.text import harm, injection
from gateway.text.encoder import shared
from gateway.text.rules import LARGE
from gateway.text.warm import growing
from gateway.types import Detection, Exchange, Risk

_HEADS = frozenset({"injection", "harmful_request"})
"""What the encoder is asked; each is a label."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PromptFilter(Detector):
    """Finds harmful requests, injections and jailbreaks in prompts, by patterns, phrases and classifiers.

    classifiers: let the encoder read what the patterns let pass. It catches far more, and takes a few
        everyday requests in a hundred for attacks (`docs/model-card.md`), so try it with `action: flag`.
    phrases: more phrases to look for, in any case; phrases_file: a text file with one a line.
    Further parameters: see `gateway.detector.Detector`.

    Stands at: input.
    Cost: microseconds for the patterns; with `classifiers` a run of the encoder.
    Source: prompt filtering; the rules and heads are our own, see `docs/model-card.md`.

    >>> PromptFilter(phrases=("open sesame",)).phrases_found("Please, Open Sesame!")
    [Detection(start=8, end=19, label='phrase', score=1.0)]
    """

    risk: ClassVar[Risk] = "safety"
    labels: ClassVar[frozenset[str]] = harm.LABELS | injection.LABELS | {"phrase"} | _HEADS
    looks_for: ClassVar[frozenset[str]] = frozenset({"exact wording"})

    side: Literal["input"] = "input"
    classifiers: bool = False
    phrases: tuple[str, ...] = ()
    phrases_file: str = ""

    def __post_init__(self) -> None:
        Detector.__post_init__(self)
        if self.phrases_file:
            lines = Path(self.phrases_file).read_text(encoding="utf-8").splitlines()
            more = tuple(line.strip() for line in lines if line.strip())
            object.__setattr__(self, "phrases", self.phrases + more)
        if any(not phrase.strip() for phrase in self.phrases):
            raise ConfigError("phrases: an empty phrase would match everything")
        object.__setattr__(self, "phrases", tuple(phrase.lower() for phrase in self.phrases))
        if self.classifiers:
            shared()  # what cannot be had is an error now and not at the first prompt

    def phrases_found(self, text: str) -> list[Detection]:
        """Every place of a configured phrase."""
        lowered = text.lower()
        if len(lowered) != len(text):  # a few letters grow in lower case and would shift the spans
            lowered = "".join(character.lower()[:1] for character in text)
        found = []
        for phrase in self.phrases:
            start = lowered.find(phrase)
            while start >= 0:
                found.append(Detection(start, start + len(phrase), "phrase"))
                start = lowered.find(phrase, start + len(phrase))
        return found

    async def detect(self, text: str, exchange: Exchange, start: int = 0) -> Sequence[Detection]:
        found = await asyncio.to_thread(self._found, text) if len(text) > LARGE else self._found(text)
        encoder = shared() if self.classifiers else None
        if encoder is None or any(detection.score >= self.threshold for detection in found):
            return found
        judged = await encoder.judge(text)
        return found + [
            Detection(*judged.spans[head], head, judged.scores[head])
            for head in sorted(_HEADS)
            if judged.spans[head].end
        ]

    async def warm(self) -> None:
        for text in growing():  # the classifiers are warm already
            self._found(text)

    def _found(self, text: str) -> list[Detection]:
        return [*harm.harm_labels(text), *injection.injection_spans(text), *self.phrases_found(text)]
