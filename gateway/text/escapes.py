r"""Local escapes: percent signs of URLs, entities of HTML, backslashes of JSON and JavaScript."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from html.entities import html5

_HEX = "[0-9A-Fa-f]"
_HIGH, _LOW = rf"\\u[dD][89abAB]{_HEX}{{2}}", rf"\\u[dD][c-fC-F]{_HEX}{{2}}"
_TOKEN = re.compile(
    rf"(?P<percent>(?:%{_HEX}{{2}})+)"
    rf"|&(?:#(?P<decimal>[0-9]{{1,7}})|#[xX](?P<hex>{_HEX}{{1,6}})|(?P<name>[A-Za-z][A-Za-z0-9]{{1,30}}));"
    rf"|(?P<pair>{_HIGH}{_LOW})"
    rf"|\\(?:u(?P<unit>{_HEX}{{4}})|x(?P<byte>{_HEX}{{2}})|(?P<short>[\"'\\/bfnrt]))"
)
# What may still grow into a token, at the end of a text.
_PARTIAL = re.compile(
    rf"(?:%{_HEX}?"
    rf"|&(?:#(?:[0-9]{{0,7}}|[xX]{_HEX}{{0,6}})|[A-Za-z][A-Za-z0-9]{{0,30}})?"
    rf"|\\(?:u{_HEX}{{0,3}}|x{_HEX}?)?)\Z"
)
_PARTIAL_LOW = re.compile(rf"(?:\\(?:u(?:[dD](?:[c-fC-F]{_HEX}?)?)?)?)?")
_REACH = 40
_SHORT = {"b": "\b", "f": "\f", "n": "\n", "r": "\r", "t": "\t"}


@dataclass(frozen=True, slots=True)
class Escape:
    """`text` stands at `start` to `end` of the source in other writing."""

    start: int
    end: int
    text: str


@dataclass(frozen=True, slots=True)
class Escapes:
    """All escapes of a text in order, and how much of its end may still grow into one."""

    found: tuple[Escape, ...]
    unsettled: int


def has_marks(text: str) -> bool:
    """Whether there is a character that every escape begins with."""
    return "%" in text or "&" in text or "\\" in text


def escapes(text: str) -> Escapes:
    r"""Read `text` from left to right, so that an escaped backslash escapes nothing after it.

    >>> [(e.start, e.end, e.text) for e in escapes(r"a%40b&#46;c\\n").found]
    [(1, 4, '@'), (5, 10, '.'), (11, 13, '\\')]
    >>> escapes("50%").unsettled, escapes("caf%C3").unsettled, escapes("50% of").unsettled
    (1, 3, 0)
    """
    found: list[Escape] = []
    last = rest = 0
    for token in _TOKEN.finditer(text):
        percent = token.group("percent")
        if percent is None:
            meaning = _meaning(token)
            found += [Escape(token.start(), token.end(), meaning)] if meaning else []
            last = token.end()
            continue
        data = bytes.fromhex(percent.replace("%", ""))
        characters = list(_characters(data))
        found += [Escape(token.start() + 3 * at, token.start() + 3 * end, one) for at, end, one in characters]
        last = token.end()
        if last == len(text):
            rest = 3 * _incomplete(data)
    partial = _PARTIAL.search(text, max(last, len(text) - _REACH))
    unsettled = len(text) - partial.start() if partial is not None else rest
    if found and _is_high(found[-1].text) and _PARTIAL_LOW.fullmatch(text, found[-1].end):
        unsettled = len(text) - found[-1].start
    return Escapes(tuple(found), unsettled)


def _meaning(token: "re.Match[str]") -> str:
    """What one escape stands for, empty for an entity that does not exist."""
    kind = token.lastgroup
    value = token.group(kind) if kind else ""
    match kind:
        case "decimal":
            return _character(int(value))
        case "hex" | "unit" | "byte":
            return _character(int(value, 16))
        case "name":
            return html5.get(f"{value};", "")
        case "pair":
            high, low = int(value[2:6], 16), int(value[8:12], 16)
            return chr(0x10000 + ((high - 0xD800) << 10) + (low - 0xDC00))
    return _SHORT.get(value, value)


def _character(code: int) -> str:
    return chr(code) if 0 < code <= 0x10FFFF else ""


def _is_high(text: str) -> bool:
    return "\ud800" <= text <= "\udbff"


def _characters(data: bytes) -> Iterator[tuple[int, int, str]]:
    """Each valid UTF-8 character of `data`, with its place; invalid bytes are passed over."""
    at = 0
    while at < len(data):
        size = _size(data[at])
        try:
            yield at, at + size, data[at : at + size].decode()
            at += size
        except UnicodeDecodeError:
            at += 1


def _size(lead: int) -> int:
    return 1 if lead < 0xC0 else 2 if lead < 0xE0 else 3 if lead < 0xF0 else 4


def _incomplete(data: bytes) -> int:
    """Bytes at the end of `data` that begin a character and do not end it."""
    for size in (1, 2, 3):
        tail = data[-size:]
        if len(tail) == size and tail[0] >= 0xC2 and _size(tail[0]) > size:
            return size if all(0x80 <= byte < 0xC0 for byte in tail[1:]) else 0
    return 0
