"""Keeps personal data and secrets out of answers."""

from dataclasses import dataclass
from typing import ClassVar, Literal

from gateway.detector import PatternDetector
from gateway.text.personal import PERSONAL
from gateway.text.rules import RuleSet
from gateway.types import Action, Risk


@dataclass(frozen=True, slots=True, kw_only=True)
class LeakFilter(PatternDetector):
    """Finds e-mail addresses, phone and card numbers, IBANs, social security numbers, provider keys.

    Cards must pass Luhn, IBANs their check digits, phone numbers must be possible ones. By default
    it redacts in the answer; `side: both` also keeps them from the model. Parameters: see
    `gateway.detector.Detector`.

    >>> LeakFilter().rules.find("write to ada@example.org")
    [Detection(start=9, end=24, label='email', score=1.0)]
    """

    risk: ClassVar[Risk] = "privacy"
    rules: ClassVar[RuleSet] = PERSONAL
    labels: ClassVar[frozenset[str]] = PERSONAL.labels

    action: Action = "redact"
    side: Literal["input", "output", "both"] = "output"
