"""Keeps personal data and secrets out of answers."""

from collections.abc import Sequence
from dataclasses import dataclass, field, fields
from fnmatch import fnmatchcase
from functools import cache
from typing import ClassVar, Literal

import re2

from gateway.detector import Detector, PatternDetector
from gateway.errors import ConfigError
from gateway.text.grams import Grams, grams
from gateway.text.personal import PERSONAL
from gateway.text.rules import Rule, RuleSet
from gateway.types import Action, Detection, Exchange, Risk


@cache
def _rules_for(tokens: tuple[str, ...]) -> RuleSet:
    return RuleSet([Rule("planted", str(re2.escape(token)), ignore_case=True) for token in tokens])


_SHORTEST = 6
_NO_WORDS = 4


@dataclass(frozen=True, slots=True, kw_only=True)
class LeakFilter(PatternDetector):
    """Finds personal data, numbers of persons and accounts, passwords and provider keys.

    Check digits must be right, and what is no telling number by itself counts only near a word for
    it. By default it redacts in the answer; `side: both` also keeps them from the model.

    kinds: the labels to look for; all when empty.
    allow: values that may pass, in any case, `*` for anything: `*@example.org`.
    planted: tokens that were put where nobody should read them out, found in any case.
    system_words: so many words in a row that stand in the system prompt as well are a leak of it; 0 looks
        for none. Such an answer is held back while its last words are in the prompt.
    Other parameters: see `gateway.detector.Detector`.

    Stands at: output, or input.
    Cost: microseconds a delta; what may become a match is held back, mostly less than a word.
    Source: none; formats are those of the issuers, see `docs/personal.md`.

    >>> LeakFilter().rules.find("write to ada@example.org")
    [Detection(start=9, end=24, label='email', score=1.0)]
    """

    risk: ClassVar[Risk] = "privacy"
    rules: ClassVar[RuleSet] = PERSONAL
    labels: ClassVar[frozenset[str]] = PERSONAL.labels | {"planted", "system_prompt"}

    @property
    def looks_for(self) -> frozenset[str]:
        """What it would find in prompts."""
        return frozenset() if self.side == "output" else frozenset({"personal data"})

    @property
    def looks_for_in_answers(self) -> frozenset[str]:
        """What it would find in answers."""
        return frozenset() if self.side == "input" else frozenset({"personal data"})

    action: Action = "redact"
    side: Literal["input", "output", "both"] = "output"
    kinds: tuple[str, ...] = ()
    allow: tuple[str, ...] = ()
    planted: tuple[str, ...] = ()
    system_words: int = 0
    _tokens: RuleSet = field(init=False, repr=False, compare=False, default=_rules_for(()))

    def __post_init__(self) -> None:
        PatternDetector.__post_init__(self)
        if unknown := sorted(set(self.kinds) - PERSONAL.labels):
            raise ConfigError(f"kinds: unknown {unknown[0]!r}; known: {', '.join(sorted(PERSONAL.labels))}")
        if any(len(token.strip()) < _SHORTEST for token in self.planted):
            raise ConfigError(f"planted: a token of less than {_SHORTEST} characters is found everywhere")
        if self.system_words < 0 or self.system_words in range(1, 4):
            raise ConfigError(
                f"system_words: 0 or at least 4, not {self.system_words}: fewer are in any text"
            )
        if self.system_words and self.side != "output":
            raise ConfigError("system_words: is for answers; leave side at output")
        object.__setattr__(self, "_tokens", _rules_for(self.planted))

    def within(self, exchange: Exchange) -> Detector:
        if not (self.planted or self.system_words):
            return self
        system = tuple(turn.content for turn in exchange.messages if turn.role in ("system", "developer"))
        size = self.system_words or _NO_WORDS
        own = {one.name: getattr(self, one.name) for one in fields(self) if one.init}
        return _Guarding(**own, stretches=grams(system if self.system_words else (), size))

    async def detect(self, text: str, exchange: Exchange, start: int = 0) -> Sequence[Detection]:
        found = await PatternDetector.detect(self, text, exchange, start)
        if not (self.kinds or self.allow):
            return found
        return [one for one in found if self._wanted(one.label, text[one.start : one.end])]

    def _wanted(self, label: str, value: str) -> bool:
        if self.kinds and label not in self.kinds:
            return False
        value = value.casefold()
        return not any(fnmatchcase(value, pattern.casefold()) for pattern in self.allow)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Guarding(LeakFilter):
    """The leak filter in one exchange, with the planted tokens and the words of its system prompt."""

    stretches: Grams

    async def detect(self, text: str, exchange: Exchange, start: int = 0) -> Sequence[Detection]:
        found = await LeakFilter.detect(self, text, exchange, start)
        return [*found, *self._tokens.find(text, start), *self.stretches.find(text, "system_prompt", start)]

    def pending(self, text: str, start: int = 0) -> int:
        return max(
            LeakFilter.pending(self, text, start), self._tokens.pending(text), self.stretches.pending(text)
        )

    def glance(self, text: str, start: int = 0, final: bool = False) -> int | None:
        most = LeakFilter.glance(self, text, start, final)
        tokens = self._tokens.glance(text, start, final)
        if most is None or tokens is None or self.stretches.find(text, "system_prompt", start):
            return None
        return max(most, tokens, 0 if final else self.stretches.pending(text))
