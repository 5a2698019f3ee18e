"""Markup from nested calls; whatever comes from outside is escaped."""

from collections.abc import Iterable
from html import escape

EMPTY = frozenset({"meta", "link", "br", "col", "wbr"})


class Markup(str):
    """Text that is markup already."""

    __slots__ = ()


Part = str | None | Iterable["Part"]
"""A text (escaped), markup, several of them, or nothing."""


def tag(element: str, /, *parts: Part, **attributes: str | float | bool | None) -> Markup:
    """One element. An attribute is written with `-` for `_`; None and False leave it out, True has no value.

    >>> tag("a", "1 < 2", href="/?a&b", class_="x", hidden=False, aria_label="One")
    '<a href="/?a&amp;b" class="x" aria-label="One">1 &lt; 2</a>'
    """
    written = "".join(_attribute(key, value) for key, value in attributes.items())
    if element in EMPTY:
        return Markup(f"<{element}{written}>")
    return Markup(f"<{element}{written}>{join(parts)}</{element}>")


def join(parts: Part) -> Markup:
    """Parts behind one another.

    >>> join(["<", tag("br"), None])
    '&lt;<br>'
    """
    if parts is None:
        return Markup("")
    if isinstance(parts, Markup):
        return parts
    if isinstance(parts, str):
        return Markup(escape(parts))
    return Markup("".join(map(join, parts)))


def _attribute(key: str, value: str | float | bool | None) -> str:
    if value is None or value is False:
        return ""
    name = key.rstrip("_").replace("_", "-")
    if value is True:
        return f" {name}"
    if isinstance(value, float):
        value = f"{value:.4g}"
    return f' {name}="{escape(str(value))}"'
