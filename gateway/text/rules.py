"""Pattern rules: what they find in a text, and how much of its end they may still need."""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, replace

import re2

from gateway.errors import ConfigError
from gateway.text.prefix import max_length, prefix_form
from gateway.text.warm import LONG_RUNS, growing
from gateway.types import Detection

Check = Callable[[str], int]
"""How many leading characters of a candidate are the real thing; 0 for none of it."""

LARGE = 4_000
"""Past so many characters a text is searched in a thread, so that it does not stall every other exchange."""
NEAR = 48
"""How far before a match a word of its context may stand, in characters."""
_BLOCK = 2048


@dataclass(frozen=True, slots=True)
class Rule:
    """One pattern with a label; RE2 syntax without anchors, look-around and unbounded repeats.

    `check` refines what a pattern cannot say (a check digit); it sees one candidate at a time.
    `opening` is a literal that every match begins with: for a long pattern, which then costs
    nothing where the literal does not occur.
    `lead` is a pattern for what must stand before and is no part of what is found ("password is").
    `context`: words, in lower case, of which one among the `NEAR` characters before raises the score
    to `context_score`. With a `score` of 0 nothing is found without one.
    """

    label: str
    pattern: str
    check: Check = len
    score: float = 1.0
    ignore_case: bool = False
    opening: str = ""
    lead: str = ""
    context: tuple[str, ...] = ()
    context_score: float = 0.9

    def scored(self, before: str) -> float:
        """The score of a match after `before`, of which the last `NEAR` characters count."""
        if not self.context:
            return self.score
        near = before[-NEAR:].lower()
        return self.context_score if any(word in near for word in self.context) else self.score


class RuleSet:
    r"""Rules searched together, in time linear in the text.

    >>> rules = RuleSet([Rule("badge", r"\bB-\d{3,5}\b")])
    >>> rules.find("badge B-123 and B-1")
    [Detection(start=6, end=11, label='badge', score=1.0)]
    >>> rules.pending("please show B-12"), rules.pending("please show B-123456")
    (4, 0)
    """

    def __init__(self, rules: Iterable[Rule]) -> None:
        self.rules = tuple(rules)
        self.labels = frozenset(rule.label for rule in self.rules)
        self.max_length = max((max_length(rule.lead + rule.pattern) for rule in self.rules), default=0)
        self.lookbehind = NEAR + 1 if any(rule.context for rule in self.rules) else 1
        self._always = [_Compiled(rule) for rule in self.rules if not rule.opening]
        self._opened = [
            (rule.opening, RuleSet([replace(rule, opening="")])) for rule in self.rules if rule.opening
        ]
        openings = [_bounded(opening) for opening, _ in self._opened]
        always = [rule for rule in self.rules if not rule.opening]
        written = _once(_cased(rule, rule.lead + rule.pattern) for rule in always)
        prefixes = _once(_cased(rule, prefix_form(rule.lead + rule.pattern)) for rule in always)
        prefixes += [prefix_form(opening) for opening in openings]
        self._any = _compile("|".join(written))
        self._tail = _compile(f"(?:{'|'.join(prefixes)})\\z")
        self._glance = _compile(f"{'|'.join([*written, *openings])}|(?:{'|'.join(prefixes)})\\z")

    def warm(self) -> None:
        """Build what is built on first use: at first sight, a text would stall everybody a moment."""
        for text in growing():
            self.pending(text)
            self.find(text)
        for text in LONG_RUNS:
            self.glance(text)
            self.pending(text)

    def find(self, text: str, start: int = 0) -> list[Detection]:
        """Every match from code point `start` on; what lies before is seen as context only."""
        found: list[Detection] = []
        if self._always and self._any.search(_searchable(text), start) is not None:
            near = text[max(start - NEAR, 0) :].lower()
            for compiled in self._always:
                if compiled.may_match(near):
                    found += compiled.matches(self.max_length, text, start)
        for opening, rules in self._opened:
            if opening in text:
                found += rules.find(text, start)
        return found

    def pending(self, text: str) -> int:
        """Code points at the end of `text` that may still become part of a match, or undo one."""
        if not self.rules:
            return 0
        tail = text[-self.max_length - 1 :]  # one more, so that a boundary sees what precedes it
        opened = [rules.pending(tail) for opening, rules in self._opened if opening in tail]
        return max([len(tail) - int(self._tail.search(_searchable(tail)).start()), *opened])

    def glance(self, text: str, start: int = 0, final: bool = False) -> int | None:
        """What `pending` and `find` say of a text without matches, in one search; else None.

        The search finds the first match or the end's first prefix of one, whichever begins
        earlier. Where that reaches the end, nothing before it matches and it has to wait anyhow;
        but not where the text is `final`, since a prefix that nothing follows is no match.
        """
        if not self.rules:
            return 0
        found = self._glance.search(_searchable(text), start)
        if found.end() != len(text):
            return None
        begin = int(found.start())
        if not final:
            return len(text) - begin
        return 0 if self._nothing(text, begin) else None

    def _nothing(self, text: str, start: int) -> bool:
        if any(text.endswith(opening) for opening, _ in self._opened):
            return False
        return not self._always or self._any.search(_searchable(text), start) is None


class _Compiled:
    """A rule with its pattern, and the pattern of what leads to it."""

    __slots__ = ("_lead", "_pattern", "rule")

    def __init__(self, rule: Rule) -> None:
        self.rule = rule
        self._pattern = _compile(_cased(rule, rule.lead + rule.pattern))
        self._lead = _compile(_cased(rule, rule.lead)) if rule.lead else None

    def may_match(self, near: str) -> bool:
        """Whether a search is worth it, given the text in lower case."""
        rule = self.rule
        return rule.score > 0 or any(word in near for word in rule.context)

    def matches(self, reach: int, text: str, start: int) -> Iterator[Detection]:
        """Every match from `start` on, none of which is longer than `reach`."""
        # RE2's binding encodes its whole argument on every call, so a long text is searched in blocks;
        # each sees as far past its end as a match that begins in it can reach.
        while start < len(text):
            base, limit = max(start - 1, 0), start + _BLOCK
            match = self._pattern.search(_searchable(text[base : limit + reach + 1]), start - base)
            if match is None or (begin := base + match.start()) >= limit:
                start = limit
                continue
            found = self._found(text, begin, base + match.end())
            # A candidate that fails its check is searched again one character on, so that what is
            # found from a position never depends on where an earlier, rejected candidate began.
            start = begin + 1 if found is None else found.end
            if found is not None and found.score > 0:
                yield found

    def _found(self, text: str, begin: int, end: int) -> Detection | None:
        value = begin
        if self._lead is not None:
            value += int(self._lead.match(text[begin:end]).end())
        length = self.rule.check(text[value:end])
        if not length:
            return None
        score = self.rule.scored(text[max(begin - NEAR, 0) : begin])
        return Detection(value, value + length, self.rule.label, score, begin)


def _bounded(opening: str) -> str:
    """A literal where a word may begin; one that begins with a letter does so inside no word."""
    boundary = r"\b" if opening[0].isalnum() else ""
    return boundary + str(re2.escape(opening))


def _once(patterns: Iterable[str]) -> list[str]:
    return list(dict.fromkeys(patterns))


def _searchable(text: str) -> str | bytes:
    # The binding spends most of its time on the way from bytes to code points, which ASCII needs not.
    return text.encode() if text.isascii() else text


def _cased(rule: Rule, pattern: str) -> str:
    return f"(?i:{pattern})" if rule.ignore_case else f"(?:{pattern})"


def _compile(pattern: str) -> "re2._Regexp":
    options = re2.Options()
    options.max_mem = 64 << 20
    options.log_errors = False
    options.never_capture = True  # only spans of whole matches are wanted, and they are found faster
    try:
        return re2.compile(pattern, options)
    except re2.error as error:
        raise ConfigError(f"RE2 refuses the pattern {pattern[:200]!r}: {error}") from error
