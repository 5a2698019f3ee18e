"""What was said of a text, for whoever asks again; the text itself is not kept."""

from collections import OrderedDict
from hashlib import blake2b
from typing import Generic, TypeVar

Said = TypeVar("Said")


class Remembered(Generic[Said]):
    """The last `most` answers, by the hash of their text; the least recently asked for is forgotten first.

    >>> known = Remembered[int](2)
    >>> known.keep("a", 1), known.keep("b", 2), known.get("a"), known.keep("c", 3)
    (None, None, 1, None)
    >>> known.get("a"), known.get("b"), known.get("c")
    (1, None, 3)
    """

    def __init__(self, most: int) -> None:
        self._most = most
        self._known: OrderedDict[bytes, Said] = OrderedDict()

    def get(self, text: str) -> Said | None:
        """What was said of `text`, None if that is not known."""
        key = _key(text)
        if key not in self._known:
            return None
        self._known.move_to_end(key)
        return self._known[key]

    def keep(self, text: str, said: Said) -> None:
        """Remember it."""
        self._known[_key(text)] = said
        if len(self._known) > self._most:
            self._known.popitem(last=False)


def _key(text: str) -> bytes:
    return blake2b(text.encode("utf-8", "surrogatepass"), digest_size=16).digest()
