"""Keeps personal data and secrets out of answers."""

from collections.abc import Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase
from typing import ClassVar, Literal

from gateway.detector import PatternDetector
from gateway.errors import ConfigError
from gateway.text.personal import PERSONAL
from gateway.text.rules import RuleSet
from gateway.types import Action, Detection, Exchange, Risk


@dataclass(frozen=True, slots=True, kw_only=True)
class LeakFilter(PatternDetector):
    """Finds personal data, numbers of persons and accounts, passwords and provider keys.

    Check digits must be right, and what is no telling number by itself counts only near a word for
    it. By default it redacts in the answer; `side: both` also keeps them from the model.

    kinds: the labels to look for; all when empty.
    allow: values that may pass, in any case, `*` for anything: `*@example.org`.
    Other parameters: see `gateway.detector.Detector`.

    >>> LeakFilter().rules.find("write to ada@example.org")
    [Detection(start=9, end=24, label='email', score=1.0)]
    """

    risk: ClassVar[Risk] = "privacy"
    rules: ClassVar[RuleSet] = PERSONAL
    labels: ClassVar[frozenset[str]] = PERSONAL.labels

    action: Action = "redact"
    side: Literal["input", "output", "both"] = "output"
    kinds: tuple[str, ...] = ()
    allow: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        PatternDetector.__post_init__(self)
        if unknown := sorted(set(self.kinds) - self.labels):
            raise ConfigError(f"kinds: unknown {unknown[0]!r}; known: {', '.join(sorted(self.labels))}")

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
