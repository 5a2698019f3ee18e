"""Runs of characters that hide a text: base64, hexadecimal, invisible tags, selectors and spaces."""

import base64
import re
from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache

import re2

LONGEST = 4096
"""A run is looked at in its first so many characters; what a longer one hides after them is not seen."""
ALPHABET = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/_-"
INVISIBLE = re.compile("[\u200b\u200c\ufe00-\ufe0f\U000e0020-\U000e007e\U000e0100-\U000e01ef]")
_SHORT_TEXT = 100  # where the one that is slow by the character is fast by the call
_LONG = re.compile(r"[A-Za-z0-9+/_-]{16}")
_LONG_IN_BYTES = re2.compile(r"[A-Za-z0-9+/_-]{16}")
_RUN = re.compile(r"(?<![A-Za-z0-9+/_-])[A-Za-z0-9+/_-]{16,}")
_HEX_RUN = re.compile(r"[0-9A-Fa-f]*")
_NOT_TEXT = re.compile(r"[^\t\n\r\x20-\x7e\u00a0-\U0010ffff]")
_FROM_URL = str.maketrans("-_", "+/")
_SHORTEST = 16
_WORD = 24
# As base64 these begin a byte that no text begins with, and they are no hexadecimal digits.
_NO_TEXT = frozenset("ghijklmnopqrstuvGH")


@dataclass(frozen=True, slots=True)
class Hidden:
    """`text` is what the characters from `start` to `end` hide."""

    start: int
    end: int
    text: str


@dataclass(frozen=True, slots=True)
class _Decoded:
    """What a run decodes to: its text, how many characters of the run that took, and whether all was text."""

    text: str
    taken: int
    alive: bool


def has_long_run(text: str) -> bool:
    """Whether ASCII text has a run that is long enough to be looked at."""
    if len(text) < _SHORT_TEXT:
        return _LONG.search(text) is not None
    return _LONG_IN_BYTES.search(text.encode()) is not None


def visible_runs(text: str, begun: bool) -> list[Hidden]:
    """What base64 and hexadecimal runs hide; `begun`: the run at the very start began before `text`.

    >>> [(run.start, run.end, run.text) for run in visible_runs("see aGVsbG8gdGhlcmUhISE= ok", False)]
    [(4, 23, 'hello there!!!')]
    """
    found: list[Hidden] = []
    for run in _RUN.finditer(text):
        start = run.start()
        if start == 0 and begun:
            continue
        body = run.group()[:LONGEST]
        for decode in (_from_base64, _from_hex):
            decoded = decode(body, True)
            if decoded.taken >= _SHORTEST:
                found.append(Hidden(start, start + decoded.taken, decoded.text))
    return found


def alive(text: str, begun: bool) -> int:
    """Characters at the end of `text` that are so far an encoded text, however short."""
    size = len(text) - len(text.rstrip(ALPHABET))
    if not size or size >= LONGEST or (begun and size == len(text)):
        return 0
    run = text[-size:]
    if run[0] in _NO_TEXT:
        return 0
    return size if (_is_alive if size <= _WORD else _is_alive.__wrapped__)(run) else 0


@lru_cache(maxsize=8192)  # a text ends in the same words again and again
def _is_alive(run: str) -> bool:
    return _from_base64(run, False).alive or _from_hex(run, False).alive


def _from_base64(run: str, ended: bool) -> _Decoded:
    size = len(run) - len(run) % 4
    if ended and len(run) % 4 > 1:
        size = len(run)
    data = base64.b64decode(run[:size].translate(_FROM_URL) + "=" * (-size % 4))
    text, used = _text_of(data)
    taken = size if used == len(data) else -(-used // 3) * 4
    return _Decoded(text, taken, used == len(data))


def _from_hex(run: str, ended: bool) -> _Decoded:
    digits = _HEX_RUN.match(run)
    size = digits.end() if digits is not None else 0
    data = bytes.fromhex(run[: size - size % 2])
    text, used = _text_of(data)
    return _Decoded(text, 2 * used, size == len(run) and used == len(data))


def _text_of(data: bytes) -> tuple[str, int]:
    """The text that `data` begins with, and how many bytes that is; a character that is cut off counts."""
    end = len(data)
    try:
        text = data.decode()
    except UnicodeDecodeError as error:
        cut_off = error.reason == "unexpected end of data"
        text, end = data[: error.start].decode(), end if cut_off else error.start
    wrong = _NOT_TEXT.search(text)
    if wrong is not None:
        text = text[: wrong.start()]
        end = len(text.encode())
    return text, end


@dataclass(frozen=True, slots=True)
class _Cover:
    """Invisible characters that stand for bytes or letters."""

    run: "re.Pattern[str]"
    tail: "re.Pattern[str]"
    decode: Callable[[str], str]


def _cover(characters: str, least: int, decode: Callable[[str], str]) -> _Cover:
    return _Cover(re.compile(f"[{characters}]{{{least},}}"), re.compile(f"[{characters}]+\\Z"), decode)


def _from_tags(run: str) -> str:
    return "".join(chr(ord(tag) - 0xE0000) for tag in run)


def _from_selectors(run: str) -> str:
    codes = map(ord, run)
    data = bytes(code - 0xFE00 if code < 0xFF00 else code - 0xE0100 + 16 for code in codes)
    return _text_of(data)[0]


def _from_spaces(run: str) -> str:
    """Bits as zero-width spaces and non-joiners; which of them is zero is what reads as text."""
    for zero in "\u200b\u200c":
        bits = "".join("0" if space == zero else "1" for space in run)
        data = bytes(int(bits[at : at + 8], 2) for at in range(0, len(bits) - 7, 8))
        text = _text_of(data)[0]
        if len(text) == len(data):
            return text
    return ""


_COVERS = (
    _cover("\U000e0020-\U000e007e", 4, _from_tags),
    _cover("\ufe00-\ufe0f\U000e0100-\U000e01ef", 4, _from_selectors),
    _cover("\u200b\u200c", 32, _from_spaces),
)


def invisible_runs(text: str, begun: bool) -> list[Hidden]:
    """What runs of invisible characters hide."""
    found: list[Hidden] = []
    for cover in _COVERS:
        for run in cover.run.finditer(text):
            if run.start() == 0 and begun:
                continue
            body = run.group()[:LONGEST]
            if hidden := cover.decode(body):
                found.append(Hidden(run.start(), run.start() + len(body), hidden))
    return found


def alive_invisible(text: str, begun: bool) -> int:
    """Invisible characters at the end of `text` that may go on hiding something."""
    for cover in _COVERS:
        tail = cover.tail.search(text, max(len(text) - LONGEST, 0))
        if tail is not None:
            size = len(text) - tail.start()
            return 0 if size >= LONGEST or (begun and size == len(text)) else size
    return 0
