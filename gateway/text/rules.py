"""Pattern rules: what they find in a text, and how much of its end they may still need."""

from collections.abc import Iterable, Sequence

import re2

from gateway.text.automata import Encoded, Screen, Which, compile_pattern, tail_pattern
from gateway.text.prefix import prefix_form
from gateway.text.rule import BEFORE, NEAR, Check, Matcher, Rule, context_pattern
from gateway.text.warm import LONG_RUNS, growing
from gateway.types import Detection

__all__ = ["LARGE", "NEAR", "Check", "Rule", "RuleSet"]

LARGE = 4_000
"""Past so many characters a text is searched in a thread, so that it does not stall every other exchange."""
LOOSE = 32
"""A wait of up to so many characters is not worth the search that may make it shorter."""


class RuleSet:
    r"""Rules searched together, in time linear in the text.

    A screen for all rules passes most text in one search; where it does not, it names the rules
    that are worth a search of their own. Rules that need a word of context have a screen to
    themselves, which is asked only where there is such a word.

    >>> rules = RuleSet([Rule("badge", r"\bB-\d{3,5}\b")])
    >>> rules.find("badge B-123 and B-1")
    [Detection(start=6, end=11, label='badge', score=1.0)]
    >>> rules.pending("please show B-12"), rules.pending("please show B-12!")
    (4, 0)
    """

    def __init__(self, rules: Iterable[Rule]) -> None:
        self.rules = tuple(rules)
        self.labels = frozenset(rule.label for rule in self.rules)
        self._plain = _Lot([rule for rule in self.rules if rule.score > 0])
        contextual = _ContextLot([rule for rule in self.rules if rule.score <= 0 and rule.context])
        self._lots = [lot for lot in (self._plain, contextual) if lot.matchers]
        self._telling = Which("|".join(lot.telling) for lot in self._lots)
        self.lookbehind = 1
        if any(rule.context for rule in self.rules):
            self.lookbehind = NEAR + 1
        elif any(rule.not_after for rule in self.rules):
            self.lookbehind = BEFORE

    def warm(self) -> None:
        """Build what is built on first use: at first sight, a text would stall everybody a moment."""
        for text in growing():
            self.pending(text)
            self.find(text)
        for text in LONG_RUNS:
            self.glance(text)
            self.pending(text)

    def find(self, text: str, start: int = 0) -> list[Detection]:
        """Every match from code point `start` on, in order; what lies before is only context."""
        if not self._tells(text, start):
            return []
        found = [one for lot in self._lots for one in lot.find(text, start)]
        found.sort(key=_place)
        return found

    def pending(self, text: str) -> int:
        """Code points at the end of `text` that may still become part of a match, or undo one."""
        return max([0, *(lot.pending(text) for lot in self._lots)])

    def glance(self, text: str, start: int = 0, final: bool = False) -> int | None:
        """What `pending` and `find` say of a text without matches, in two searches; else None.

        When the text is `final`, its end waits for nothing, since a prefix that nothing follows is no match.
        """
        if not self._tells(text, start):
            return 0 if final else self._waiting(text, start)
        most = 0
        for lot in self._lots:
            needed = lot.glance(text, start, final)
            if needed is None:
                return None
            most = max(most, needed)
        return most

    def _tells(self, text: str, start: int) -> bool:
        """Whether there may be a match from `start` on, or there is a word of context for one."""
        return self._telling.any(text[max(start - self.lookbehind, 0) :])

    def _waiting(self, text: str, start: int) -> int | None:
        """What `glance` says of a text that tells nothing: rules without context may yet begin to match."""
        return self._plain.glance_at_end(text, start) if self._plain.matchers else 0


def _place(found: Detection) -> tuple[int, int]:
    return found.start, found.end


class _Lot:
    """Rules that are screened together."""

    def __init__(self, rules: Sequence[Rule]) -> None:
        self.matchers = [Matcher(rule) for rule in rules]
        if not rules:
            return
        self.max_length = max(matcher.reach for matcher in self.matchers)
        self.screen = Screen(_bounded(rule.opening) if rule.opening else rule.whole for rule in rules)
        self.telling = self.screen.patterns
        self._opened = [matcher for matcher in self.matchers if matcher.rule.opening]
        openings = dict.fromkeys(prefix_form(re2.escape(matcher.opening)) for matcher in self.matchers)
        self._openings = compile_pattern(tail_pattern(*openings))

    def find(self, text: str, start: int) -> list[Detection]:
        """Every match from `start` on."""
        found: list[Detection] = []
        for number in self.screen.matching(text, start):
            found += self.matchers[number].matches(text, start)
        return found

    def pending(self, text: str) -> int:
        """Code points at the end of `text` that may still become part of a match, or undo one."""
        tail = text[-self.max_length - 1 :]  # one more, so that a boundary sees what precedes it
        opened = [matcher.waiting(tail) for matcher in self._opened if matcher.opening in tail]
        most = self.screen.waiting(tail)
        return max([most if most <= LOOSE else self._needed(tail), *opened])

    def _needed(self, tail: str) -> int:
        """What the rules need, each for itself, but for those whose opening is not there."""
        encoded = Encoded(tail)
        most = len(tail) - encoded.place(self._openings.search(encoded.data).start())
        return max([most, *(one.waiting(tail) for one in self.matchers if one.opening in tail)])

    def glance(self, text: str, start: int, final: bool) -> int | None:
        """What `pending` says if there is certainly no match from `start` on; else None."""
        if not self.screen.clean(text, start):
            return None
        return 0 if final else self.glance_at_end(text, start)

    def glance_at_end(self, text: str, start: int) -> int | None:
        """What `pending` says, if it is no more than the screen may say by itself; else None."""
        most = self.screen.waiting(text, start)
        return most if most <= LOOSE else None


class _ContextLot(_Lot):
    """Rules that find nothing without a word of their context."""

    def __init__(self, rules: Sequence[Rule]) -> None:
        super().__init__(rules)
        if not rules:
            return
        words = dict.fromkeys(word for rule in rules for word in rule.context)
        self.telling = [context_pattern(tuple(words))]
        self._words = compile_pattern(self.telling[0])
        self._whose = Which(context_pattern(rule.context) for rule in rules)

    def _applies(self, text: str, start: int) -> bool:
        encoded = Encoded(text)
        return self._words.search(encoded.data, encoded.byte(_near(start))) is not None

    def find(self, text: str, start: int) -> list[Detection]:
        if not self._applies(text, start):
            return []
        whose = self._whose.matching(text[_near(start) :])
        found: list[Detection] = []
        for number in set(whose).intersection(self.screen.matching(text, start)):
            found += self.matchers[number].matches(text, start)
        return found

    def pending(self, text: str) -> int:
        return super().pending(text) if self._applies(text, len(text) - self.max_length) else 0

    def glance(self, text: str, start: int, final: bool) -> int | None:
        return super().glance(text, start, final) if self._applies(text, start) else 0


def _near(start: int) -> int:
    """Where a word may stand that counts from `start` on, and a character more, which a boundary sees."""
    return max(start - NEAR - 1, 0)


def _bounded(literal: str) -> str:
    """A literal where a word may begin; one that begins with a letter does so inside no word."""
    boundary = r"\b" if literal[:1].isalnum() else ""
    return boundary + str(re2.escape(literal))
