"""Writes released text: what is kept as it is, and placeholders in the place of redacted spans."""

import re
from typing import Protocol


def placeholder(label: str) -> str:
    """What stands in the place of a redacted span.

    >>> placeholder("email")
    '[EMAIL]'
    """
    return f"[{label.upper()}]"


class Writer(Protocol):
    """Sees every released character once, in order."""

    def keep(self, text: str) -> str:
        """Text that no redaction touches."""
        ...

    def replace(self, label: str, text: str) -> str:
        """What to write instead of `text`."""
        ...


class PlainWriter:
    """For prose: the placeholder and nothing else."""

    def keep(self, text: str) -> str:
        """The text itself."""
        return text

    def replace(self, label: str, text: str) -> str:
        """The placeholder."""
        return placeholder(label)


class JsonWriter:
    r"""For JSON text: what was valid JSON stays valid.

    >>> writer = JsonWriter()
    >>> writer.keep('{"to": "') + writer.replace("email", "a@b.org") + writer.keep('", "card": ')
    '{"to": "[EMAIL]", "card": '
    >>> writer.replace("card", "4539148803436467")
    '"[CARD]"'
    """

    def __init__(self) -> None:
        self._in_string = False
        self._escaped = False

    def keep(self, text: str) -> str:
        """The text itself; its quotes are counted."""
        self._pass(text)
        return text

    def replace(self, label: str, text: str) -> str:
        """The placeholder, with the quotes it needs to stay one string between what surrounds it."""
        opening = "" if self._in_string else '"'
        self._pass(text)
        closing = "" if self._in_string else '"'
        return f"{opening}{placeholder(label)}{closing}"

    def _pass(self, text: str) -> None:
        if self._escaped and text:
            text, self._escaped = text[1:], False
        for mark in _TOKENS.findall(text):
            if mark == '"':
                self._in_string = not self._in_string
            elif mark == "\\":  # its other half comes with the next piece
                self._escaped = True


_TOKENS = re.compile(r'\\.|\\\Z|"', re.DOTALL)
