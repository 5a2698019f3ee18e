"""The stratum of an exchange: its kind, told by prompt and model alone, before anything has happened to it.

Effects are compared within strata, so that a change of the traffic mix is not taken for one. Nothing that a
defense can influence, the answer least of all, may decide where an exchange belongs.
"""

import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from gateway.types import Message

LOOKED_AT = 512
"""Characters of the last turn of the user that its script is told by."""
SHORT, LONG = 200, 2000
"""Characters of all turns: fewer than the first are `short`, from the second on `long`."""
ANY = "any"
"""Stands for a model whose name the client made up."""

LATIN, OTHER = "latin", "other"
_LETTER = re.compile("[A-Za-z]")


@dataclass(frozen=True, slots=True)
class _Script:
    name: str
    first: int
    last: int


# Blocks of code points that hold most letters of one script; rough on purpose.
_SCRIPTS = (
    _Script(LATIN, 0x0041, 0x024F),
    _Script("greek", 0x0370, 0x03FF),
    _Script("cyrillic", 0x0400, 0x052F),
    _Script("hebrew", 0x0590, 0x05FF),
    _Script("arabic", 0x0600, 0x077F),
    _Script("indic", 0x0900, 0x0DFF),
    _Script("thai", 0x0E00, 0x0E7F),
    _Script("japanese", 0x3040, 0x30FF),
    _Script("han", 0x3400, 0x9FFF),
    _Script("korean", 0xAC00, 0xD7AF),
)


def stratum(messages: Sequence[Message], model: str, known: Sequence[str]) -> str:
    """`model/script/size`; `known` are the models that the route names, any other is `any`.

    >>> stratum([Message("user", "Say hello.")], "m", ("m",))
    'm/latin/short'
    >>> stratum([Message("user", "Скажи привет.")], "whatever", ())
    'any/cyrillic/short'
    """
    size = sum(len(message.content) for message in messages)
    length = "short" if size < SHORT else "medium" if size < LONG else "long"
    asked = next((turn.content for turn in reversed(messages) if turn.role == "user"), "")
    return f"{model if model in known else ANY}/{script(asked[:LOOKED_AT])}/{length}"


def script(text: str) -> str:
    """The script that most letters of `text` belong to; `other` where there are none.

    >>> script("こんにちは世界"), script("123")
    ('japanese', 'other')
    """
    if text.isascii():
        return LATIN if _LETTER.search(text) else OTHER
    counts = dict.fromkeys((*(one.name for one in _SCRIPTS), OTHER), 0)
    # Each character is looked up once, however often it stands there.
    for character, times in Counter(text).items():
        if character.isalpha():
            counts[_script_of(ord(character))] += times
    found = max(counts, key=counts.__getitem__)
    return found if counts[found] else OTHER


def _script_of(code: int) -> str:
    for one in _SCRIPTS:
        if one.first <= code <= one.last:
            return one.name
    return OTHER
