"""Exchanges what tells persons apart for something near it, under metric differential privacy."""

import asyncio
import random
import re
from collections.abc import Sequence
from contextlib import aclosing
from dataclasses import dataclass, field, replace
from functools import cache
from math import inf
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar, NamedTuple

from gateway.errors import ConfigError
from gateway.ledger import EpsilonLedger
from gateway.paths import run_folder
from gateway.text.identity import mentions, terms
from gateway.text.vectors import word_vectors
from gateway.types import Deltas, Exchange, Finding, Finish, Message, Risk, Role, Upstream

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

    Floats = npt.NDArray[np.float64]

AGES = tuple(str(age) for age in range(1, 100))
YEARS = 10.0
"""Years of age that count as a distance of one."""
_FORMS = ("name", "adjective", "noun")
EXHAUSTED = "privacy_budget_spent"


class Word(NamedTuple):
    """What is exchanged: a half-open span of code points, its label, and what may stand in its place."""

    start: int
    end: int
    label: str
    candidates: tuple[str, ...]


def distances(word: str, candidates: Sequence[str]) -> "Floats":
    """How far each candidate is from `word`: a tenth of the years between ages, else between vectors.

    Where nothing is known of `word` all are as far, so that the draw says nothing of it.
    """
    import numpy as np

    if candidates is AGES:
        return np.abs(np.arange(1, len(AGES) + 1) - int(word)) / YEARS
    vectors = word_vectors()
    if word.lower() not in vectors:
        return np.zeros(len(candidates))
    return vectors.distances(word.lower(), np.array([vectors.numbers[one] for one in candidates]))


def probabilities(word: str, candidates: Sequence[str], epsilon: float) -> "Floats":
    """The exponential mechanism (McSherry and Talwar, 2007) with the distance as its loss.

    For any two words and any outcome they differ by a factor of at most exp(epsilon * their distance),
    which is metric differential privacy (Chatzikokolakis et al., 2013).
    """
    import numpy as np

    weights = np.exp(-epsilon / 2 * distances(word, candidates))
    drawn: Floats = weights / weights.sum()
    return drawn


@cache
def _candidates(attribute: str, form: str) -> tuple[str, ...]:
    """Words of one kind that have a vector, in lower case."""
    known = word_vectors()
    return tuple(sorted({word.lower() for word in terms(attribute, form) if word.lower() in known}))


def sensitive(text: str) -> list[Word]:
    """The words of `text` that are exchanged, in order: names, groups and ages, as far as they are one word.

    >>> [word.label for word in sensitive("Maria is a Polish nurse. She is 34 years old.")]
    ['name', 'group', 'age']
    """
    found: list[Word] = []
    for mention in mentions(text):
        if mention.row < 0:
            if mention.term in AGES:
                found.append(Word(mention.start, mention.start + len(mention.term), "age", AGES))
            continue
        candidates = _candidates(mention.attribute, mention.form)
        if mention.form.startswith(_FORMS) and candidates and text[mention.start : mention.end].isalpha():
            label = "name" if mention.form == "name" else "group"
            found.append(Word(mention.start, mention.end, label, candidates))
    return found


@dataclass(frozen=True, slots=True, kw_only=True)
class DpPrompt:
    """Draws another word for each name, group and age that it knows: a near one likely, any one possible.

    epsilon: per word and unit of distance (of vectors from 0 to 2, ten years of age): smaller is more
    private and less useful. A word is drawn once and exchanged wherever it stands. What is known are words of
    `gateway.text.identity`, one word long: common first names, groups, ages up to 99. What kind of word it is
    stays open, and so does all other text: surnames, numbers, addresses; see `pii_redaction`.
    budget: epsilon that one unit may spend in `days`; then its prompts are refused, with a finding
    `privacy_budget_spent`. ledger: the file that keeps account, in the gateway's `run` folder unless given.
    roles: whose turns. The answer passes as it is, and speaks of the words drawn. Needs the extra [onnx].

    Stands at: input.
    Cost: a draw for each word, less than a millisecond, and a line in the ledger.
    Source: Feyisetan et al., 2020, "Privacy- and utility-preserving textual analysis via calibrated
        multivariate perturbations" (arXiv 1910.08902); Utpala et al., 2023, "Locally differentially
        private document generation using zero shot prompting" (arXiv 2310.16111); here with the
        exponential mechanism over the words of a kind.

    >>> DpPrompt(epsilon=0)
    Traceback (most recent call last):
        ...
    gateway.errors.ConfigError: epsilon: must be above 0 and finite, not 0
    """

    risk: ClassVar[Risk] = "privacy"
    spends: ClassVar[bool] = True
    labels: ClassVar[frozenset[str]] = frozenset({"name", "group", "age", EXHAUSTED})
    looks_for: ClassVar[frozenset[str]] = frozenset({"identities"})

    epsilon: float = 6.0
    budget: float = 600.0
    days: float = 30.0
    ledger: str = ""
    roles: tuple[Role, ...] = ("user", "tool")
    _ledger: EpsilonLedger | None = field(init=False, repr=False, compare=False, default=None)

    def __post_init__(self) -> None:
        for name in ("epsilon", "budget", "days"):
            if not 0 < getattr(self, name) < inf:
                raise ConfigError(f"{name}: must be above 0 and finite, not {getattr(self, name)}")
        try:
            word_vectors()
        except ModuleNotFoundError as error:
            raise ConfigError("it needs the extra [onnx]: pip install 'crossrisk-gateway[onnx]'") from error

    async def __call__(self, exchange: Exchange, upstream: Upstream) -> Deltas:
        turns = [turn for turn in exchange.messages if turn.role in self.roles]
        drawn = self._all_drawn([text for turn in turns for text in (turn.content, turn.name)])
        cost = self.epsilon * len(drawn.words)
        if cost and not await asyncio.to_thread(self._account().spend, exchange.unit or exchange.id, cost):
            yield Finding(exchange.layer, self.risk, EXHAUSTED, "block", "input", "messages", 0, 0)
            yield Finish("content_filter")
            return
        exchange.trail.footprint(exchange.layer).epsilon += cost
        messages: list[Message] = []
        for number, turn in enumerate(exchange.messages):
            if turn.role not in self.roles:
                messages.append(turn)
                continue
            messages.append(replace(turn, content=drawn.put_in(turn.content), name=drawn.put_in(turn.name)))
            place = f"messages[{number}].content"
            for start, end, label in drawn.places(turn.content):
                yield Finding(exchange.layer, self.risk, label, "redact", "input", place, start, end)
        async with aclosing(upstream(replace(exchange, messages=tuple(messages)))) as deltas:
            async for delta in deltas:
                yield delta

    def _all_drawn(self, texts: Sequence[str]) -> "_Drawn":
        """Another word for each that is sensitive anywhere."""
        drawn: dict[str, tuple[str, str]] = {}
        for text in texts:
            for word in sensitive(text):
                said = text[word.start : word.end].lower()
                if said not in drawn:
                    drawn[said] = (self.draw(said, word.candidates), word.label)
        return _Drawn(drawn)

    def _account(self) -> EpsilonLedger:
        if self._ledger is not None:
            return self._ledger
        file = Path(self.ledger).expanduser() if self.ledger else run_folder("") / "epsilon.sqlite"
        opened = EpsilonLedger(file, self.budget, self.days)
        object.__setattr__(self, "_ledger", opened)
        return opened

    def draw(self, word: str, candidates: Sequence[str]) -> str:
        """One of the candidates, by the mechanism."""
        chances = probabilities(word, candidates, self.epsilon)
        return random.SystemRandom().choices(candidates, chances.tolist())[0]

    async def warm(self) -> None:
        """Open the ledger."""
        self._account()

    async def aclose(self) -> None:
        """Close the ledger."""
        if self._ledger is not None:
            self._ledger.close()
            object.__setattr__(self, "_ledger", None)


class _Drawn:
    """What stands for what. Each word is exchanged wherever it stands, or one place would give it away."""

    def __init__(self, words: dict[str, tuple[str, str]]) -> None:
        self.words = words
        ordered = sorted(map(re.escape, words), key=len, reverse=True)
        # A name may stand in an address or beside an underscore, so only letters and digits end a word.
        self._pattern = re.compile(rf"(?<![^\W_])(?:{'|'.join(ordered)})(?![^\W_])", re.IGNORECASE)

    def put_in(self, text: str) -> str:
        if not self.words:
            return text
        return self._pattern.sub(lambda said: _in_case_of(said[0], self._of(said[0])[0]), text)

    def places(self, text: str) -> list[tuple[int, int, str]]:
        """Start, end and label of each word that is exchanged."""
        found = self._pattern.finditer(text) if self.words else ()
        return [(one.start(), one.end(), self._of(one[0])[1]) for one in found]

    def _of(self, said: str) -> tuple[str, str]:
        """What stands for `said`; a long s or a Kelvin sign matches where lower case does not tell."""
        if (known := self.words.get(said.lower())) is not None:
            return known
        return next(
            drawn for word, drawn in self.words.items() if re.fullmatch(re.escape(word), said, re.IGNORECASE)
        )


def _in_case_of(word: str, other: str) -> str:
    if word.isupper() and len(word) > 1:
        return other.upper()
    return other.title() if word[0].isupper() else other
