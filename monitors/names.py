"""Names of defenses as labels: a closed set, so that no record can make series without end."""

MAX_DEFENSES = 64
"""Defenses with series of their own; what is named beyond them shares the label `other`."""
OTHER = "other"


class Names:
    """Remembers the first names it sees, one for all series of a process.

    >>> names = Names(1)
    >>> names.label("a"), names.label("b"), names.label("a")
    ('a', 'other', 'a')
    """

    def __init__(self, most: int = MAX_DEFENSES) -> None:
        self._most = most
        self._known: set[str] = set()

    def label(self, name: str) -> str:
        """The name, or `other` where there are too many."""
        if name not in self._known:
            if len(self._known) >= self._most:
                return OTHER
            self._known.add(name)
        return name
