"""Personal data and secrets: e-mail, phone, card, IBAN, social security numbers, provider keys."""

from collections.abc import Callable

import phonenumbers
from stdnum import iban, luhn
from stdnum.us import ssn

from gateway.text.rules import Rule, RuleSet


def _longest(candidate: str, accepted: Callable[[str], bool]) -> int:
    """Length of the longest accepted beginning of `candidate` that ends where a group of it ends."""
    end = len(candidate)
    while end > 0:
        if accepted(candidate[:end]):
            return end
        end = max(candidate.rfind(" ", 0, end), candidate.rfind("-", 0, end))
    return 0


def _is_card(text: str) -> bool:
    digits = text.replace(" ", "").replace("-", "")
    return 13 <= len(digits) <= 19 and digits[0] in "23456" and bool(luhn.is_valid(digits))


def _is_iban(text: str) -> bool:
    return bool(iban.is_valid(text))


def _phone(candidate: str) -> int:
    try:
        number = phonenumbers.parse(candidate, "US")
    except phonenumbers.NumberParseException:
        return 0
    return len(candidate) if phonenumbers.is_possible_number(number) else 0


_DOMAIN = r"[A-Za-z0-9.-]{1,190}\.[A-Za-z]{2,24}\b"

# The lines of a key, then a last one that may be long. Written so that each text can be had in one
# way only, forwards and backwards: two counters side by side are as many states as their product,
# with which RE2 gives up its automaton. RE2 takes no repeat of more than 1,000 in all, so it is nested.
_KEY_LINE = r"[A-Za-z0-9+/=]{1,100}\s{1,3}"
_KEY_BODY = rf"\s{{0,3}}{f'(?:{_KEY_LINE}' * 60}{')?' * 60}[A-Za-z0-9+/=]{{0,999}}"

_KEY_BEGIN = "-----BEGIN [A-Z ]{0,24}PRIVATE KEY(?: BLOCK)?-----"
_KEY_END = "-----END [A-Z ]{0,24}PRIVATE KEY(?: BLOCK)?-----"

# Formats as the providers publish them: what a key begins with, and what follows.
_PROVIDERS = {
    "sk-": "[A-Za-z0-9_-]{20,200}",
    "AKIA": r"[0-9A-Z]{16}\b",
    "ASIA": r"[0-9A-Z]{16}\b",
    **dict.fromkeys(("ghp_", "gho_", "ghu_", "ghs_", "ghr_"), "[A-Za-z0-9]{36,255}"),
    **{f"xox{kind}-": "[A-Za-z0-9-]{10,250}" for kind in "abeprs"},
    "AIza": "[0-9A-Za-z_-]{35}",
}

PERSONAL = RuleSet(
    [
        Rule("email", r"[A-Za-z0-9._%+-]{1,64}@" + _DOMAIN),
        Rule("card", r"\b\d(?:[ -]?\d){12,18}\b", lambda text: _longest(text, _is_card)),
        Rule("iban", r"\b[A-Z]{2}\d{2}(?: ?[A-Z0-9]){11,30}\b", lambda text: _longest(text, _is_iban)),
        Rule("ssn", r"\b\d{3}-\d{2}-\d{4}\b", lambda text: len(text) if ssn.is_valid(text) else 0),
        Rule("phone", r"\+\d(?:[ .()-]{0,2}\d){6,14}\b", _phone),
        Rule("phone", r"(?:\(\d{3}\) ?|\b\d{3}[ .-])\d{3}[ .-]\d{4}\b", _phone),
        *(Rule("api_key", rf"\b{opening}{rest}", opening=opening) for opening, rest in _PROVIDERS.items()),
        Rule("jwt", r"\beyJ[A-Za-z0-9_-]{8,500}\.[A-Za-z0-9_-]{8,900}\.[A-Za-z0-9_-]{8,700}", opening="eyJ"),
        Rule("private_key", f"{_KEY_BEGIN}{_KEY_BODY}(?:{_KEY_END})?", opening="-----BEGIN "),
    ]
)
"""The rules shared by the leak filter in line and the privacy monitors off it."""
