"""One rule: a pattern, what must be true of its matches, and what is said before them."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cache

import re2

from gateway.text.automata import Encoded, compile_pattern, tail_pattern
from gateway.text.prefix import max_length, min_length, opening, parse, prefix_form, written
from gateway.types import Detection

Check = Callable[[str], int]
"""How many leading characters of a candidate are the real thing; 0 for none of it."""

BEFORE = 2
"""How many characters directly before a match a rule may forbid."""
NEAR = 48
"""How far before a match a word of its context may stand, in characters."""
_BLOCK = 2048


@dataclass(frozen=True, slots=True)
class Rule:
    """One pattern with a label; RE2 syntax without anchors, look-around and unbounded repeats.

    `check` refines what a pattern cannot say (a check digit); it sees one candidate at a time.
    `opening` is a literal that every match begins with: for a long pattern, which then costs
    nothing where the literal does not occur.
    `not_after` is a pattern of what must not stand directly before, in up to `BEFORE` characters.
    `lead` is a pattern for what must stand before and is no part of what is found ("password is").
    `context`: words, in any case, of which one among the `NEAR` characters before raises the score
    to `context_score`; `*` at an end of one lets it be part of a longer word. With a `score` of 0 nothing
    is found without one.
    """

    label: str
    pattern: str
    check: Check = len
    score: float = 1.0
    ignore_case: bool = False
    opening: str = ""
    not_after: str = ""
    lead: str = ""
    context: tuple[str, ...] = ()
    context_score: float = 0.9

    @property
    def whole(self) -> str:
        """The pattern with what leads to it."""
        return self._cased(self.lead + self.pattern)

    @property
    def leading(self) -> str:
        """The pattern of what leads to it."""
        return self._cased(self.lead)

    def _cased(self, pattern: str) -> str:
        return f"(?i:{pattern})" if self.ignore_case else pattern


def context_pattern(words: tuple[str, ...]) -> str:
    r"""The pattern of any of these words, in any case; `*` at an end stands for the rest of a longer word.

    >>> context_pattern(("pan", "licen*", "*nummer"))
    '(?i:\\bpan\\b|\\blicen|nummer\\b)'
    """
    return f"(?i:{'|'.join(map(_word, words))})"


def longest(candidate: str, accepted: Callable[[str], bool]) -> int:
    """Length of the longest accepted beginning of `candidate` that ends where a group of it ends.

    >>> longest("12 34 56", lambda text: len(text) < 7)
    5
    """
    end = len(candidate)
    while end > 0:
        if accepted(candidate[:end]):
            return end
        end = max(candidate.rfind(sign, 0, end) for sign in " -.")
    return 0


def _word(word: str) -> str:
    stem = word.strip("*")
    before = r"\b" if _is_word(word[0]) else ""
    after = r"\b" if _is_word(word[-1]) else ""
    return before + str(re2.escape(stem)) + after


@cache
def _shared(pattern: str) -> "re2._Regexp":
    """One automaton for all rules with the same pattern."""
    return compile_pattern(pattern)


@cache
def _refuse_bad(pattern: str) -> None:
    """Find out at the start that RE2 takes a pattern which is seldom needed and would cost memory."""
    compile_pattern(pattern)


def _is_word(character: str) -> bool:
    """Whether RE2's boundaries take it for part of a word."""
    return character == "_" or (character.isascii() and character.isalnum())


class Matcher:
    """Finds the matches of one rule."""

    def __init__(self, rule: Rule) -> None:
        self.rule = rule
        self.reach = max_length(rule.whole)
        self._least = min_length(rule.whole)
        self.opening = "" if rule.ignore_case else opening(rule.whole)
        self._pattern = _shared(written(parse(rule.whole)))
        self._lead = _shared(written(parse(rule.leading)))
        self._context = _shared(context_pattern(rule.context))
        self._forbidden = _shared(tail_pattern(rule.not_after)) if rule.not_after else None
        self._tail = tail_pattern(prefix_form(rule.whole))
        # The screen knows of a rule with an opening no more than that, so its tail is needed at first sight.
        _shared(self._tail) if rule.opening else _refuse_bad(self._tail)

    def waiting(self, text: str) -> int:
        """Code points at the end of `text` that may become part of a match, or undo one."""
        tail = text[-self.reach - 1 :]  # one more, so that a boundary sees what precedes it
        encoded = Encoded(tail)
        return len(tail) - encoded.place(_shared(self._tail).search(encoded.data).start())

    def matches(self, text: str, start: int) -> Iterator[Detection]:
        """Every match from `start` on."""
        # A long text is searched in blocks, each of which sees as far past its end as a match that begins
        # in it can reach: what is encoded, and what is searched again, stays short.
        last = len(text) - self._least
        while start <= last:
            base, limit = max(start - 1, 0), start + _BLOCK
            block = Encoded(text[base : limit + self.reach + 1])
            while start < limit and start <= last:
                if self.opening and not start <= (at := text.find(self.opening, start)) < limit:
                    start = at if at > start else len(text)  # in a later block, or nowhere
                    break
                match = self._pattern.search(block.data, block.byte(start - base))
                begin = limit if match is None else base + block.place(match.start())
                if match is None or begin >= limit:
                    start = limit
                    break
                found = self._found(text, begin, base + block.place(match.end()))
                # A candidate that fails its check is searched again one character on, so that what is
                # found from a position never depends on where an earlier, rejected candidate began.
                start = begin + 1 if found is None else found.end
                if found is not None and found.score > 0:
                    yield found

    def _found(self, text: str, begin: int, end: int) -> Detection | None:
        if self._forbidden is not None and self._forbidden.search(text[max(begin - BEFORE, 0) : begin]):
            return None
        value = begin
        if self.rule.lead:
            led = Encoded(text[begin:end])
            value += led.place(self._lead.match(led.data).end())
        length = self.rule.check(text[value:end])
        if not length:
            return None
        return Detection(value, value + length, self.rule.label, self._score(text, begin), begin)

    def _score(self, text: str, begin: int) -> float:
        if not self.rule.context:
            return self.rule.score
        # A character more at either side, so that a boundary sees it.
        base = max(begin - NEAR - 1, 0)
        before = Encoded(text[base : begin + 1])
        word = self._context.search(before.data, before.byte(max(begin - NEAR, 0) - base))
        if word is None or base + before.place(word.end()) > begin:
            return self.rule.score
        return self.rule.context_score
