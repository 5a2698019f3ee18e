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

Counters are what makes automata large: each of a repeat's numbers is a state of its own, and side by side
they multiply. `loosened` drops the upper ones and all but a few of the lower, so that the automaton of
many patterns stays small; what it matches is a superset.
"""

import importlib
from collections.abc import Callable, Sequence
from typing import Any

from gateway.errors import ConfigError

# The standard library's own parser; hypothesis builds on the same module.
_parser: Any = importlib.import_module("re._parser")
_codes: Any = importlib.import_module("re._constants")
_ENDLESS = int(_codes.MAXREPEAT)

Node = tuple[Any, Any]
Tree = Sequence[Node]
"""A pattern as the parser sees it."""

WIDE = 4
"""A repeat of more than so many becomes endless in a loosened pattern."""
LEAST = 8
"""The least number of a loosened repeat is at most this."""

_CATEGORIES = {
    "CATEGORY_DIGIT": r"\d",
    "CATEGORY_NOT_DIGIT": r"\D",
    "CATEGORY_SPACE": r"\s",
    "CATEGORY_NOT_SPACE": r"\S",
    "CATEGORY_WORD": r"\w",
    "CATEGORY_NOT_WORD": r"\W",
}
_BOUNDARIES = {"AT_BOUNDARY": r"\b", "AT_NON_BOUNDARY": r"\B"}


def prefix_form(pattern: str | Tree) -> str:
    r"""The RE2 pattern for the proper prefixes of `pattern`, the empty one included.

    Raises ConfigError for what has none: anchors, look-around and back-references.

    >>> prefix_form(r"\bab?")
    '(?:|\\b(?:|a(?:(?:))))'
    """
    return _prefix_of_sequence(parse(pattern) if isinstance(pattern, str) else pattern)


def written(tree: Tree) -> str:
    """The RE2 pattern of a tree."""
    return _write_sequence(tree)


def loosened(pattern: str) -> Tree:
    r"""A pattern with few counters that matches wherever `pattern` does, and at the same places.

    >>> written(loosened(r"\b(?:[a-z]{2,3}-){5,9}"))
    '\\b(?:(?:[a-z]){2,3}\\x{2D}){5,}'
    """
    return _loosen(parse(pattern))


def opening(pattern: str) -> str:
    r"""The literal that every match of `pattern` begins with.

    >>> opening(r"\bsk-[a-z]{9}")
    'sk-'
    """
    nodes = iter(parse(pattern))
    literal = ""
    for code, argument in nodes:
        if str(code) == "LITERAL":
            literal += chr(argument)
        elif str(code) != "AT" or literal:
            break
    return literal


def max_length(pattern: str) -> int:
    r"""The longest match of `pattern`, in characters; ConfigError if there is no longest.

    >>> max_length(r"\d{3}-\d{2}")
    6
    """
    width = int(parse(pattern).getwidth()[1])
    if width >= _ENDLESS:
        raise ConfigError(
            "a pattern needs a bounded length: write {1,64} instead of + and {0,64} instead of *"
        )
    return width


def min_length(pattern: str) -> int:
    r"""The shortest match of `pattern`, in characters.

    >>> min_length(r"\d{3}-?\d{2}")
    5
    """
    return int(parse(pattern).getwidth()[0])


def parse(pattern: str) -> Any:
    """The tree of `pattern`; ConfigError if it is none."""
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
            return _group(argument, _prefix_of_sequence(argument[3]))
        case "MAX_REPEAT" | "MIN_REPEAT":
            _low, high, body = argument
            before = high if high == _ENDLESS else max(high, 1) - 1
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
    most = "" if high == _ENDLESS else str(high)
    return f"(?:{_write_sequence(body)}){{{low},{most}}}"


def _group(argument: Any, inner: str) -> str:
    """A group with its flags, of which only the one for case can be set inside a pattern."""
    return f"(?i:{inner})" if argument[1] & _codes.SRE_FLAG_IGNORECASE else f"(?:{inner})"


def _loosen(nodes: Sequence[Node]) -> Tree:
    return [_loosen_one(code, argument) for code, argument in nodes]


def _loosen_one(code: Any, argument: Any) -> Node:
    match str(code):
        case "BRANCH":
            return code, (argument[0], [_loosen(branch) for branch in argument[1]])
        case "SUBPATTERN":
            return code, (*argument[:3], _loosen(argument[3]))
        case "MAX_REPEAT" | "MIN_REPEAT":
            low, high, body = argument
            most = high if high <= WIDE else _ENDLESS
            return code, (min(low, LEAST), most, _loosen(body))
    return code, argument


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


def _unsupported(code: Any) -> ConfigError:
    return ConfigError(f"a streaming pattern cannot use {code}: no anchors, look-around or back-references")


_WRITERS: dict[str, Callable[[Any], str]] = {
    "LITERAL": _character,
    "NOT_LITERAL": lambda code: f"[^{_character(code)}]",
    "ANY": lambda _: ".",
    "IN": _write_class,
    "AT": _write_boundary,
    "BRANCH": lambda argument: f"(?:{'|'.join(_write_sequence(branch) for branch in argument[1])})",
    "SUBPATTERN": lambda argument: _group(argument, _write_sequence(argument[3])),
    "MAX_REPEAT": lambda argument: _write_repeat(*argument),
    "MIN_REPEAT": lambda argument: _write_repeat(*argument) + "?",
}
