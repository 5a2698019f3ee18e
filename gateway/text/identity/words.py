"""The words of a text with their positions, in one pass."""

import re
from collections.abc import Sequence

# A run of letters or digits, and what an apostrophe ties to it. A class and its complement: linear.
_WORD = re.compile(r"[^\W_]+(?:['’ʼ＇][^\W_]+)?")
_APOSTROPHES = "'’ʼ＇"
_CLITICS = frozenset(("s", "m", "re", "d", "ll", "ve"))
_BETWEEN = " \t\n\r\f\v-‐‑‒–\u00a0\u202f"
_ENDS = frozenset('.!?\n"“”*#>')


class Words:
    """The words of a text: `lows` in lower case without clitics ('s, 're), `starts`, `ends`, `clitics`.

    Positions are code points. `ends[i]` is before the clitic, `stops[i]` behind it.
    """

    __slots__ = ("_lowered", "clitics", "ends", "lows", "starts", "stops", "text")

    def __init__(self, text: str) -> None:
        self.text = text
        lowered = text.lower()
        if len(lowered) != len(text):  # some letters are longer in lower case: they stay as they are
            lowered = "".join(low if len(low := letter.lower()) == 1 else letter for letter in text)
        self.lows: list[str] = _WORD.findall(lowered)
        self.starts: list[int] = []
        self.ends: list[int] = []
        self.stops: list[int] = []
        self.clitics: dict[int, str] = {}
        if not lowered.isascii() or "'" in lowered:
            for index, word in enumerate(self.lows):
                if not word.isalnum():
                    self._split(index, word)
        self._lowered = lowered

    def locate(self) -> None:
        """Works out positions, which a text without terms needs none of."""
        spans = [match.span() for match in _WORD.finditer(self._lowered)]
        self.starts = [start for start, _ in spans]
        self.stops = [stop for _, stop in spans]
        self.ends = self.stops.copy()
        for index, clitic in self.clitics.items():
            self.ends[index] -= len(clitic) + 1

    def _split(self, index: int, word: str) -> None:
        at = next(at for at, letter in enumerate(word) if letter in _APOSTROPHES)
        clitic = word[at + 1 :]
        self.lows[index] = f"{word[:at]}'{clitic}"
        if clitic in _CLITICS:
            self.lows[index] = word[:at]
            self.clitics[index] = clitic

    def __len__(self) -> int:
        return len(self.lows)

    def word(self, index: int) -> str:
        """The word as it stands, without its clitic."""
        return self.text[self.starts[index] : self.ends[index]]

    def gap(self, index: int) -> str:
        """What stands between a word and the one after it; "." past either end."""
        if not 0 <= index < len(self.lows) - 1:
            return "."
        return self.text[self.stops[index] : self.starts[index + 1]]

    def joined(self, index: int) -> bool:
        """Whether the next word follows with no more than spaces or hyphens between."""
        gap = self.gap(index)
        return gap == " " or not gap.strip(_BETWEEN)

    def after(self, index: int) -> str:
        """The next word in lower case, or nothing when a pause or the end comes first."""
        return self.lows[index + 1] if self.joined(index) else ""

    def before(self, index: int) -> str:
        """The word before in lower case, or nothing when a pause or the start comes first."""
        return self.lows[index - 1] if index and self.joined(index - 1) else ""

    def follow(self, index: int, tail: Sequence[str]) -> bool:
        """Whether the words of `tail` come next, spaces, hyphens or slashes between."""
        for offset, word in enumerate(tail, start=index):
            if offset + 1 >= len(self.lows) or self.lows[offset + 1] != word:
                return False
            if not (self.joined(offset) or self.gap(offset).strip() in ("/", "&")):
                return False
        return True

    def opens(self, index: int) -> bool:
        """Whether a sentence, a line or a quotation begins with this word."""
        if index == 0:
            return True
        return not _ENDS.isdisjoint(self.gap(index - 1))

    def capital(self, index: int) -> bool:
        """Whether the word begins with a capital letter."""
        return self.text[self.starts[index]].isupper()
