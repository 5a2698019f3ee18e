"""Texts that match a pattern, made from its syntax tree."""

import random
from collections.abc import Sequence
from re import _parser as parser  # type: ignore[attr-defined]
from typing import Any

_EVERY = [chr(code) for code in range(33, 127)]
_SETS = {"CATEGORY_DIGIT": "0123456789", "CATEGORY_SPACE": " ", "CATEGORY_WORD": "abcXYZ019_"}


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
