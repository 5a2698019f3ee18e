"""Derives, from a pattern, the pattern of everything that may still grow into a match of it.

A stream may release a character only when no pattern can still claim it, and RE2 has no partial
matching. The *prefix form* of a pattern matches each proper prefix of its matches, and each match
that further text could still extend or undo; searched with an anchor at the end of the text so
far, it yields the longest suffix that has to wait. The construction is the textbook closure of a
regular language under prefixes, taken over the syntax tree:

    prefix(ab)     = prefix(a) | a prefix(b)
    prefix(a|b)    = prefix(a) | prefix(b)
    prefix(a{m,n}) = a{0,n-1} prefix(a)
    prefix(c)      = nothing, for one character or a word boundary (undecided at the end)
"""

import importlib
from collections.abc import Callable, Sequence
from typing import Any

from gateway.errors import ConfigError

# The standard library's own parser; hypothesis builds on the same module.
_parser: Any = importlib.import_module("re._parser")
_codes: Any = importlib.import_module("re._constants")

Node = tuple[Any, Any]

_CATEGORIES = {
    "CATEGORY_DIGIT": r"\d",
    "CATEGORY_NOT_DIGIT": r"\D",
    "CATEGORY_SPACE": r"\s",
    "CATEGORY_NOT_SPACE": r"\S",
    "CATEGORY_WORD": r"\w",
    "CATEGORY_NOT_WORD": r"\W",
}
_BOUNDARIES = {"AT_BOUNDARY": r"\b", "AT_NON_BOUNDARY": r"\B"}


def prefix_form(pattern: str) -> str:
    r"""The RE2 pattern for the proper prefixes of `pattern`, the empty one included.

    Raises ConfigError for what has no bounded prefix form: unbounded repeats, anchors,
    look-around and back-references.

    >>> prefix_form(r"\bab?")
    '(?:|\\b(?:|a(?:(?:))))'
    """
    return _prefix_of_sequence(_parse(pattern))


def max_length(pattern: str) -> int:
    r"""The longest match of `pattern`, in characters.

    >>> max_length(r"\d{3}-\d{2}")
    6
    """
    return int(_parse(pattern).getwidth()[1])


def _parse(pattern: str) -> Any:
    try:
        return _parser.parse(pattern)
    except _parser.error as error:
        raise ConfigError(f"not a regular expression: {pattern!r}: {error}") from error


def _prefix_of_sequence(nodes: Sequence[Node]) -> str:
    if not nodes:
        return "(?:)"
    *head, last = nodes
    form = _prefix(last)
    for node in reversed(head):
        form = f"{_prefix(node)}|{_write(node)}(?:{form})"
    return f"(?:{form})"


def _prefix(node: Node) -> str:
    code, argument = node
    match str(code):
        case "LITERAL" | "NOT_LITERAL" | "ANY" | "IN" | "AT":
            _write(node)  # refuses what is unsupported
            return ""
        case "BRANCH":
            return "|".join(_prefix_of_sequence(branch) for branch in argument[1])
        case "SUBPATTERN":
            return _prefix_of_sequence(argument[3])
        case "MAX_REPEAT" | "MIN_REPEAT":
            _low, high, body = argument
            before = max(_bounded(high), 1) - 1
            repeated = _write_repeat(0, before, body) if before else ""
            return repeated + _prefix_of_sequence(body)
    raise _unsupported(code)


def _write(node: Node) -> str:
    code, argument = node
    writer = _WRITERS.get(str(code))
    if writer is None:
        raise _unsupported(code)
    return writer(argument)


def _write_sequence(nodes: Sequence[Node]) -> str:
    return "".join(_write(node) for node in nodes)


def _write_repeat(low: int, high: int, body: Sequence[Node]) -> str:
    return f"(?:{_write_sequence(body)}){{{low},{high}}}"


def _write_class(items: Sequence[Node]) -> str:
    written = ""
    for code, argument in items:
        match str(code):
            case "NEGATE":
                written += "^"
            case "LITERAL":
                written += _character(argument)
            case "RANGE":
                written += f"{_character(argument[0])}-{_character(argument[1])}"
            case "CATEGORY":
                written += _CATEGORIES[str(argument)]
            case _:
                raise _unsupported(code)
    return f"[{written}]"


def _write_boundary(kind: Any) -> str:
    try:
        return _BOUNDARIES[str(kind)]
    except KeyError:
        raise _unsupported(kind) from None


def _character(code: int) -> str:
    return f"\\x{{{code:X}}}" if not chr(code).isalnum() or code > 127 else chr(code)


def _bounded(high: Any) -> int:
    if high is _codes.MAXREPEAT:
        raise ConfigError(
            "a pattern needs a bounded length: write {1,64} instead of + and {0,64} instead of *"
        )
    return int(high)


def _unsupported(code: Any) -> ConfigError:
    return ConfigError(f"a streaming pattern cannot use {code}: no anchors, look-around or back-references")


_WRITERS: dict[str, Callable[[Any], str]] = {
    "LITERAL": _character,
    "NOT_LITERAL": lambda code: f"[^{_character(code)}]",
    "ANY": lambda _: ".",
    "IN": _write_class,
    "AT": _write_boundary,
    "BRANCH": lambda argument: f"(?:{'|'.join(_write_sequence(branch) for branch in argument[1])})",
    "SUBPATTERN": lambda argument: f"(?:{_write_sequence(argument[3])})",
    "MAX_REPEAT": lambda argument: _write_repeat(argument[0], _bounded(argument[1]), argument[2]),
    "MIN_REPEAT": lambda argument: _write_repeat(argument[0], _bounded(argument[1]), argument[2]) + "?",
}
