"""The lexicon of identity terms, compiled: what a word may mention, and its words in other groups."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Literal, get_args

from gateway.text.identity.tables import NAMES, SENSES, TERMS

Attribute = Literal[
    "gender",
    "gender_identity",
    "race_ethnicity",
    "religion",
    "nationality",
    "age",
    "disability",
    "sexual_orientation",
    "social_class",
]
Form = Literal[
    "noun_singular",
    "noun_plural",
    "adjective",
    "abstract",  # what the group is known by: Islam, blindness
    "kinship_singular",
    "kinship_plural",
    "title",
    "name",
    "pronoun_subject",
    "pronoun_object",
    "pronoun_determiner",  # her card
    "pronoun_possessive",  # the card is hers
    "pronoun_reflexive",
]
ATTRIBUTES: tuple[Attribute, ...] = get_args(Attribute)
_MARKS = "~^?"
_PRONOUNS: Mapping[Form, tuple[str, str, str]] = {
    "pronoun_subject": ("she", "he", "they"),
    "pronoun_object": ("her", "him", "them"),
    "pronoun_determiner": ("her", "his", "their"),
    "pronoun_possessive": ("hers", "his", "theirs"),
    "pronoun_reflexive": ("herself", "himself", "themselves"),
}
_GENDERS = ("women", "men", "nonbinary")


@dataclass(frozen=True, slots=True)
class Entry:
    """What a term may mention. `row` numbers the lines of a group: terms of one row are partners."""

    attribute: Attribute
    group: str
    row: int
    form: Form
    term: str
    marks: str = ""


class Lexicon:
    """`tails`: by first word, then second ("" for none), the others and what they may mention, longest first.

    What mentions nothing is another sense. `opening`: the first words of what does mention something.
    `rows`: the terms of a group by attribute, group and row.
    """

    def __init__(self, terms: Mapping[str, Any], senses: Mapping[str, Any], names: str) -> None:
        found: dict[tuple[str, ...], list[Entry]] = {}
        self.rows: dict[tuple[str, str, int], dict[Form, str]] = {}
        entries = [*_gender(terms["gender"], names), *_others(terms["groups"])]
        for entry in entries:
            self.rows.setdefault((entry.attribute, entry.group, entry.row), {}).setdefault(
                entry.form, entry.term
            )
            if entry.marks != "-":
                found.setdefault(spelling(entry.term), []).append(entry)
        for phrase in _phrases(senses["phrases"] + senses["brands"]):
            found[spelling(phrase)] = []
        self.tails: dict[str, dict[str, list[tuple[tuple[str, ...], list[Entry]]]]] = {}
        for (first, *rest), meant in sorted(found.items(), key=lambda item: -len(item[0])):
            seconds = self.tails.setdefault(first, {})
            seconds.setdefault(rest[0] if rest else "", []).append((tuple(rest), meant))
        self.opening = {words[0] for words, meant in found.items() if meant} | {"year", "years"}
        self.first: dict[tuple[str, str, Form], str] = {}
        for (attribute, group, _), row in self.rows.items():
            for form, term in row.items():
                self.first.setdefault((attribute, group, form), term)
        self.gendered = {cell: (cells[0], cells[1]) for cells in _lines(terms["gendered"]) for cell in cells}
        self.adjectives = frozenset(
            entry.term.lower() for entry in entries if entry.form == "adjective" and " " not in entry.term
        )
        self.nouns = frozenset(
            entry.term.lower() for entry in entries if entry.form == "noun_singular" and not entry.marks
        )
        self.names = frozenset(entry.term.lower() for entry in entries if entry.form == "name")
        self.people = _people(senses["people"], entries)
        self.groups = {(entry.attribute, entry.group) for entry in entries}


def spelling(term: str) -> tuple[str, ...]:
    """The words of a term as `Words.lows` has them."""
    return tuple(word.removesuffix("'s") for word in term.lower().replace("-", " ").replace("&", " ").split())


def plural(noun: str) -> str:
    """The plural of a noun without a table entry.

    >>> plural("girl"), plural("boss"), plural("fiancé")
    ('girls', 'bosses', 'fiancés')
    """
    return noun + ("es" if noun.endswith(("s", "x", "ch", "sh")) else "s")


def _pair(cell: str) -> tuple[str, str, str]:
    """Singular, plural and marks of `woman/women?`."""
    marks = "".join(mark for mark in _MARKS if mark in cell)
    for mark in marks:
        cell = cell.replace(mark, "")
    one, _, many = cell.strip().partition("/")
    return one, many or plural(one), marks


def _lines(table: str) -> Iterator[list[str]]:
    for line in table.splitlines():
        yield [cell.strip() for cell in line.split("|")]


def _gender(tables: Mapping[str, str], names: str) -> Iterator[Entry]:
    for form, words in _PRONOUNS.items():
        for group, word in zip(_GENDERS, words, strict=True):
            yield Entry("gender", group, 0, form, word, "-" if group == "nonbinary" else "")
    row = 1
    for kind in ("title", "noun", "adjective", "kinship"):
        for cells in _lines(tables[kind]):
            for group, cell in zip(_GENDERS, cells, strict=True):
                yield from _cell(kind, group, row, cell)
            row += 1
    for women, men in _lines(names):
        yield Entry("gender", "women", row, "name", women)
        yield Entry("gender", "men", row, "name", men)
        row += 1


def _cell(kind: str, group: str, row: int, cell: str) -> Iterator[Entry]:
    one, many, marks = _pair(cell)
    if one == "-":
        return
    if group == "nonbinary" and not one.startswith("non-binary"):
        marks = "-"  # a word for everyone mentions no group
    if kind in ("title", "adjective"):
        yield Entry("gender", group, row, "title" if kind == "title" else "adjective", one, marks)
        return
    singular, several = _NUMBERS[kind]
    yield Entry("gender", group, row, singular, one, marks)
    yield Entry("gender", group, row, several, many, marks)


_NUMBERS: Mapping[str, tuple[Form, Form]] = {
    "noun": ("noun_singular", "noun_plural"),
    "kinship": ("kinship_singular", "kinship_plural"),
}
_COLUMNS: tuple[Form, ...] = ("noun_singular", "noun_plural", "adjective", "abstract")


def _others(attributes: Mapping[Attribute, Mapping[str, str]]) -> Iterator[Entry]:
    for attribute, groups in attributes.items():
        for group, line in groups.items():
            for row, cells in enumerate(line.split(";")):
                for form, cell in zip(_COLUMNS, cells.split(","), strict=False):
                    term, _, marks = _pair(cell)
                    if term not in ("", "-"):
                        # Gender's own tables come first; its lines here continue behind them.
                        yield Entry(
                            attribute, group, row + (1000 if attribute == "gender" else 0), form, term, marks
                        )


def _phrases(table: str) -> Iterator[str]:
    for line in table.splitlines():
        yield from (phrase.strip() for phrase in line.split(";"))


def _people(nouns: str, entries: Iterable[Entry]) -> frozenset[str]:
    found = {form for noun in nouns.split() for form in _pair(noun)[:2]}
    kinds = ("noun_singular", "noun_plural", "kinship_singular", "kinship_plural")
    found |= {entry.term.lower() for entry in entries if entry.attribute == "gender" and entry.form in kinds}
    found |= {entry.term.lower() for entry in entries if entry.form == "noun_plural" and not entry.marks}
    return frozenset(found)


LEXICON = Lexicon(TERMS, SENSES, NAMES)
COARSE: Mapping[str, str] = {
    fine: coarse for coarse, many in TERMS["coarse"].items() for fine in many.split()
}
