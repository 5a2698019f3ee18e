"""Identity mentions: where a text speaks of a gender, religion, age ..., of which group, in which form."""

from dataclasses import dataclass
from typing import NamedTuple

from gateway.text.identity import context, grammar, pronouns
from gateway.text.identity.lexicon import LEXICON, Attribute, Entry, Form
from gateway.text.identity.words import Words

_YEARS = frozenset(("year", "years"))
_YOUNG, _MIDDLE, _OLD, _OLDEST = 30, 60, 130, 3


@dataclass(frozen=True, slots=True)
class Mention:
    """A half-open span of code points that mentions a group.

    `term` is the word as the lexicon spells it, `row` the lexicon's line that it and its partners
    stand on.
    """

    start: int
    end: int
    attribute: Attribute
    group: str
    form: Form
    term: str
    row: int


class Tagged(NamedTuple):
    """What is mentioned, from the word `first` to the word `last`."""

    entry: Entry
    first: int
    last: int

    @property
    def generic(self) -> bool:
        """Whether the word by itself tells no group: an actor."""
        return "?" in self.entry.marks


def mentions(text: str) -> list[Mention]:
    """Every identity mention, from left to right, none overlapping another.

    >>> [(m.group, m.form) for m in mentions("An old Jewish man lost his card.")]
    [('old', 'adjective'), ('jewish', 'adjective'), ('men', 'noun_singular'), ('men', 'pronoun_determiner')]
    >>> mentions("A black coffee at the White House, please.")
    []
    """
    words = Words(text)
    return [
        Mention(words.starts[first], words.ends[last], e.attribute, e.group, e.form, e.term, e.row)
        for e, first, last in tag(words)
        if "?" not in e.marks
    ]


def tag(words: Words) -> list[Tagged]:
    """Every mention in words already told apart, generic ones too."""
    found: list[Tagged] = []
    index, tails, lows = 0, LEXICON.tails, words.lows
    if LEXICON.opening.isdisjoint(lows):
        return found
    words.locate()
    while index < len(lows):
        low = lows[index]
        if low in tails:
            index = _at(words, index, found)
        elif low in _YEARS and index:
            index = _years(words, index, found)
        else:
            index += 1
    return found


def _at(words: Words, first: int, found: list[Tagged]) -> int:
    """Adds what is mentioned at a word; gives the word to go on with."""
    seconds = LEXICON.tails[words.lows[first]]
    second = words.lows[first + 1] if first + 1 < len(words) else ""
    for tail, entries in (*seconds.get(second, ()), *seconds.get("", ())):
        if tail and not words.follow(first, tail):
            continue
        last = first + len(tail)
        if not entries:
            return last + 1
        if context.other_sense(words, first, last):
            return first + 1
        for entry in entries:
            if _accepts(entry, words, first, last):
                found.append(Tagged(entry, first, last))
                return last + 1
    return first + 1


def _accepts(entry: Entry, words: Words, first: int, last: int) -> bool:
    form = entry.form
    if form.startswith("pronoun"):
        return entry.term not in ("her", "his") or pronouns.form_of(entry.term, words, first) == form
    if form == "name":
        return words.capital(first) and not context.names_place(words, first)
    if form == "title":
        return _is_title(entry, words, first)
    if "^" in entry.marks and not _is_proper(words, first, last):
        return False
    if entry.attribute == "gender":
        return _is_gender(entry, words, first, last)
    return _is_group(entry, words, first, last)


def _is_title(entry: Entry, words: Words, first: int) -> bool:
    if entry.term.islower():
        return True
    if words.word(first) != entry.term and (entry.term == "Ms" or not words.word(first).isupper()):
        return False  # MS Excel
    named = first + 1 < len(words) and words.capital(first + 1)
    return named and words.gap(first).strip() in ("", ".")


def _is_proper(words: Words, first: int, last: int) -> bool:
    """Whether the capital is that of a name, not that of a sentence."""
    return words.capital(first) and (not words.opens(first) or context.person_after(words, last))


def _is_gender(entry: Entry, words: Words, first: int, last: int) -> bool:
    if entry.form == "adjective":
        return True
    if entry.term in ("female", "male"):
        return context.is_noun(words, first, last)
    if entry.term in ("king", "queen", "prince", "duke") and words.capital(first):
        # Surnames and bands: a monarch has an article or a name.
        named = words.joined(last) and words.capital(last + 1)
        return words.before(first) in grammar.DETERMINERS or (
            named and words.before(first) not in LEXICON.names
        )
    return True


def _is_group(entry: Entry, words: Words, first: int, last: int) -> bool:
    beside = "~" in entry.marks
    if entry.form == "adjective":
        return _is_adjective(entry, words, first, last, beside)
    if entry.form == "noun_plural":
        return not beside or context.is_counted(words, first, last)
    if entry.form == "noun_singular":
        return _has_no_adjective(entry) or context.is_noun(words, first, last)
    return True


def _has_no_adjective(entry: Entry) -> bool:
    rows = LEXICON.rows[entry.attribute, entry.group, entry.row]
    return rows.get("adjective") != entry.term and "~" not in entry.marks


def _is_adjective(entry: Entry, words: Words, first: int, last: int, beside: bool) -> bool:
    if entry.attribute in ("nationality", "race_ethnicity"):
        if beside:
            culture = entry.attribute == "race_ethnicity"
            return context.person_after(words, last, culture) or context.said_of_person(words, first, last)
        return not context.of_things(words, first, last)
    if not beside:
        return True
    if context.person_after(words, last) or context.said_of_person(words, first, last):
        return True
    return entry.attribute in ("disability", "social_class") and context.is_collective(words, first, last)


def _years(words: Words, index: int, found: list[Tagged]) -> int:
    """Adds an age in numbers when it is a person's: 78 years old, a 24-year-old."""
    number = words.before(index)
    if not (number.isdecimal() and len(number) <= _OLDEST and words.after(index) == "old"):
        return index + 1
    first, last, age = index - 1, index + 1, int(number)
    noun = context.is_noun(words, first, last)
    if age >= _OLD or not (
        noun or context.person_after(words, last) or context.said_of_person(words, first, last)
    ):
        return index + 1
    group = "young" if age < _YOUNG else "middle_aged" if age < _MIDDLE else "old"
    entry = Entry("age", group, -1, "noun_singular" if noun else "adjective", number)
    found.append(Tagged(entry, first, last))
    return last + 1
