"""Texts that match a pattern, such that a rule accepts, and how they are released in pieces."""

import hashlib
import random
import re
from collections.abc import Iterator, Sequence
from re import _parser as parser  # type: ignore[attr-defined]
from typing import Any

from gateway.text.identifiers import DIGITS
from gateway.text.personal import BASE58
from gateway.text.rules import Rule, RuleSet

_EVERY = [chr(code) for code in range(33, 127)]
_SETS = {"CATEGORY_DIGIT": "0123456789", "CATEGORY_SPACE": " ", "CATEGORY_WORD": "abcXYZ019_"}

TRIES = 60_000


def valid(rule: Rule, rng: random.Random) -> str:
    """A value that `rule` accepts whole."""
    for _ in range(TRIES):
        text = _candidate(rule, rng)
        if rule.check(text) >= len(text) - (text[-1] == "@"):
            return text
    raise AssertionError(f"no sample of {rule}")


def embedded(rule: Rule, value: str, rng: random.Random) -> str:
    """A sentence with `value`, said in such a way that it counts."""
    lead = next(lead for lead in _leads(rule, rng) if re.match(rule.lead + rule.pattern, lead + value, re.I))
    said = f"{rng.choice(rule.context).strip('*')} " if rule.context else ""
    return f"As I told you {said}{lead}{value} is what it was, and so on."


def released(rules: RuleSet, text: str, sizes: list[int]) -> list[int]:
    """How much of `text` is out after each delta, by the rules of the window."""
    out, seen, places = 0, 0, []
    for size in sizes:
        seen = min(seen + size, len(text))
        kept = max(out - rules.lookbehind, 0)
        window, start = text[kept:seen], out - kept
        needed = rules.glance(window, start)
        cut = len(window) - (rules.pending(window) if needed is None else needed)
        if needed is None:
            for found in reversed(rules.find(window, start)):
                cut = found.since or 0 if (found.since or 0) < cut < found.end else cut
        out = max(out, kept + cut)
        places.append(out)
    return places


def _leads(rule: Rule, rng: random.Random) -> Iterator[str]:
    for _ in range(TRIES):
        yield sample(rule.lead, rng, short=True)


def _candidate(rule: Rule, rng: random.Random) -> str:
    if rule.pattern == DIGITS:
        return _number(rng)
    if rule.label == "iban":
        return _iban(rng)
    if r"\bbc1" in rule.pattern:
        return "bc1qw508d6qejxtdg4y5r3zarvary0c5xw7kv8f3t4"  # the example of BIP 173
    if rule.check.__name__ == "_base58":
        return _coin(sample(rule.pattern, rng), rng)
    return sample(rule.pattern, rng)


def _number(rng: random.Random) -> str:
    """Digits that begin, as many numbers of persons do, with a date of birth."""
    year, month, day = f"{rng.randint(30, 99)}", f"{rng.randint(1, 12):02}", f"{rng.randint(1, 28):02}"
    begin = rng.choice(
        (year + month + day, day + month + year, f"19{year}{month}{day}", f"1{year}{month}{day}", "")
    )
    size = rng.choice((8, 9, 10, 10, 11, 11, 12, 13, 13, 15))
    return (begin + "".join(rng.choices("0123456789", k=size)))[:size]


def _iban(rng: random.Random) -> str:
    account = "".join(rng.choices("0123456789", k=18))
    return f"DE{98 - int(account + '131400') % 97:02}{account}"


def _coin(text: str, rng: random.Random) -> str:
    """Base58 with its check bytes, of the length and with the beginning of `text`, where one is to be had."""
    number = 0
    for character in text[:-6]:
        number = number * 58 + BASE58.index(character)
    number *= 58**6
    data = number.to_bytes((number.bit_length() + 7) // 8 + len(text) - len(text.lstrip("1")), "big")[:-4]
    data += hashlib.sha256(hashlib.sha256(data).digest()).digest()[:4]
    number, written = int.from_bytes(data, "big"), ""
    while number:
        number, digit = divmod(number, 58)
        written = BASE58[digit] + written
    return "1" * (len(data) - len(data.lstrip(b"\0"))) + written


def sample(pattern: str, rng: random.Random, *, short: bool = False) -> str:
    """A match of `pattern`, the shortest its repeats allow if `short`."""
    return _sequence(parser.parse(pattern), rng, short)


def _sequence(nodes: Sequence[Any], rng: random.Random, short: bool) -> str:
    return "".join(_one(str(kind), argument, rng, short) for kind, argument in nodes)


def _one(kind: str, argument: Any, rng: random.Random, short: bool) -> str:
    match kind:
        case "LITERAL":
            return chr(argument)
        case "NOT_LITERAL":
            return rng.choice([character for character in _EVERY if ord(character) != argument])
        case "IN":
            return rng.choice(_members(argument))
        case "MAX_REPEAT":
            low, high, body = argument
            times = low if short else rng.randint(low, min(high, low + 40))
            return "".join(_sequence(body, rng, short) for _ in range(times))
        case "SUBPATTERN":
            return _sequence(argument[3], rng, short)
        case "BRANCH":
            return _sequence(rng.choice(argument[1]), rng, short)
        case "AT":
            return ""
    raise ValueError(f"no sample of {kind}")


def _members(items: Sequence[Any]) -> Sequence[str]:
    members: list[str] = []
    negated = False
    for kind, argument in items:
        match str(kind):
            case "NEGATE":
                negated = True
            case "LITERAL":
                members.append(chr(argument))
            case "RANGE":
                members += map(chr, range(argument[0], argument[1] + 1))
            case "CATEGORY":
                members += _SETS[str(argument)]
    return [character for character in _EVERY if character not in members] if negated else members
