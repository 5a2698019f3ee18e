"""Twenty patterns for both sides of a comparison: as a defense of the gateway, and as a bare list."""

from dataclasses import dataclass
from typing import ClassVar, Literal

from gateway.detector import PatternDetector
from gateway.text.rules import Rule, RuleSet
from gateway.types import Action, Risk

PATTERNS = (
    r"[A-Za-z0-9._%+-]{1,64}@[A-Za-z0-9.-]{1,190}\.[A-Za-z]{2,24}\b",
    r"\b(?:\d[ -]?){13,19}\b",
    r"\bsk-[A-Za-z0-9]{20,100}",
    *(rf"\bSECRET{number}[A-Z0-9]{{8}}\b" for number in range(17)),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Twenty(PatternDetector):
    """Blocks a prompt and redacts an answer in which one of them matches, as far as one action goes."""

    risk: ClassVar[Risk] = "privacy"
    rules: ClassVar[RuleSet] = RuleSet([Rule(f"rule_{n}", pattern) for n, pattern in enumerate(PATTERNS)])
    labels: ClassVar[frozenset[str]] = rules.labels

    action: Action = "redact"
    side: Literal["input", "output", "both"] = "both"
