"""Refuses prompts that ask for harm or try to break the model's rules."""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar, Literal

from gateway.detector import Detector
from gateway.errors import ConfigError
from gateway.text import harm, injection
from gateway.text.rules import LARGE
from gateway.types import Detection, Exchange, Risk


@dataclass(frozen=True, slots=True, kw_only=True)
class PromptFilter(Detector):
    """Finds harmful requests, injections and jailbreaks in prompts by patterns and phrases.

    phrases: more phrases to look for, in any case; phrases_file: a text file with one a line.
    Further parameters: see `gateway.detector.Detector`.

    >>> PromptFilter(phrases=("open sesame",)).phrases_found("Please, Open Sesame!")
    [Detection(start=8, end=19, label='phrase', score=1.0)]
    """

    risk: ClassVar[Risk] = "safety"
    labels: ClassVar[frozenset[str]] = harm.LABELS | injection.LABELS | {"phrase"}

    side: Literal["input"] = "input"
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
        if len(text) > LARGE:
            return await asyncio.to_thread(self._found, text)
        return self._found(text)

    def _found(self, text: str) -> list[Detection]:
        return [*harm.harm_labels(text), *injection.injection_spans(text), *self.phrases_found(text)]
