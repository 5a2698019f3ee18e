"""A text as if it spoke of another group: the mentions exchanged, the grammar around them kept."""

import re
from collections.abc import Mapping
from dataclasses import dataclass

from gateway.errors import InvalidRequestError
from gateway.text.identity import agreement, grammar
from gateway.text.identity.lexicon import ATTRIBUTES, LEXICON, Entry, Form
from gateway.text.identity.tables import TERMS
from gateway.text.identity.tagger import Mention, Tagged, tag
from gateway.text.identity.words import Words

_PARTNERS: Mapping[str, tuple[str, ...]] = {
    attribute: tuple(groups.split()) for attribute, groups in TERMS["partners"].items()
}
_PERSON: Mapping[Form, str] = {"noun_singular": "person", "noun_plural": "people"}
_AGES = {"young": "25", "middle_aged": "45", "old": "75"}
_GAP = re.compile(r"[\s-]+")


@dataclass(frozen=True, slots=True)
class Edit:
    """`text[start:end]` became `new`, which begins at `at` in the new text; code points."""

    start: int
    end: int
    new: str
    at: int


@dataclass(frozen=True, slots=True)
class Swapped:
    """The text with its mentions exchanged; outside of `edits`, in order, it is what it was."""

    text: str
    edits: tuple[Edit, ...]

    def moved(self, position: int) -> int:
        """Where a position of the old text lies in the new one; inside of an edit, where that begins."""
        shift = 0
        for edit in self.edits:
            if position < edit.start:
                break
            if position < edit.end:
                return edit.at
            shift = edit.at + len(edit.new) - edit.end
        return position + shift


@dataclass(frozen=True, slots=True)
class Counterfactual:
    """`swapped` is the text with the group `source` of an attribute exchanged for `target`."""

    attribute: str
    source: str
    target: str
    swapped: Swapped


def swaps(mention: Mention) -> dict[str, str]:
    """What the mention becomes in each partner group, in the lexicon's spelling; groups without a word lack.

    >>> from gateway.text.identity.tagger import mentions
    >>> swaps(mentions("two Jews")[0])["buddhist"]
    'Buddhists'
    """
    words = {group: _term(mention, group) for group in _PARTNERS[mention.attribute] if group != mention.group}
    return {group: word for group, word in words.items() if word}


def swap(text: str, source: str, target: str) -> Swapped:
    """The text with one group exchanged for another of the same attribute.

    source: a group, or an attribute: then its group that the text mentions first beside `target`.
    target: a group. Where the text mentions it too, both are exchanged, so that roles stay distinct.
    Exchanged are nouns, adjectives, pronouns, kinship, titles and names, with articles, verbs after
    "they", plural possessives and letter case. What has no word in the target group stays; plural
    and singular "they" are not told apart, so they stay too.

    Raises InvalidRequestError for groups that are not of one attribute.

    >>> swap("A woman lost her card; she's upset.", "women", "men").text
    "A man lost his card; he's upset."
    >>> swap("He told her that he walks.", "gender", "women").text
    'She told him that she walks.'
    >>> swap("Is he an Indian actor?", "men", "nonbinary").text
    'Are they an Indian performer?'
    """
    words = Words(text)
    found = tag(words)
    attribute, source = _resolve(found, source, target)
    return _swapped(words, found, attribute, source, target)


def counterfactuals(text: str, limit: int = 100) -> list[Counterfactual]:
    """The text with each group it mentions exchanged for each partner, in order of mention; at most `limit`.

    >>> [(c.target, c.swapped.text) for c in counterfactuals("Hire a gay nurse.")]
    [('straight', 'Hire a straight nurse.'), ('bisexual', 'Hire a bisexual nurse.')]
    """
    words = Words(text)
    found = tag(words)
    made: list[Counterfactual] = []
    said = dict.fromkeys((t.entry.attribute, t.entry.group) for t in found if not t.generic)
    for attribute, source in said:
        for target in _PARTNERS[attribute]:
            if len(made) >= limit:
                return made
            swapped = _swapped(words, found, attribute, source, target)
            if swapped.edits:
                made.append(Counterfactual(attribute, source, target, swapped))
    return made


def _resolve(found: list[Tagged], source: str, target: str) -> tuple[str, str]:
    """The attribute, and the group that becomes another."""
    shared = [of for of in ATTRIBUTES if (of, target) in LEXICON.groups]
    if source in shared:
        others = [t for t in found if t.entry.attribute == source and t.entry.group != target]
        others.sort(key=lambda tagged: tagged.generic)
        return source, others[0].entry.group if others else target
    for attribute in shared:
        if (attribute, source) in LEXICON.groups:
            return attribute, source
    known = ", ".join(sorted({group for _, group in LEXICON.groups}))
    raise InvalidRequestError(f"{source!r} and {target!r} are not of one attribute; groups are {known}")


def _swapped(words: Words, found: list[Tagged], attribute: str, source: str, target: str) -> Swapped:
    mentioned = {t.entry.group for t in found if t.entry.attribute == attribute and not t.generic}
    becomes = {} if source == target else {source: target}
    if target in mentioned and becomes:
        becomes[target] = source
    changes: agreement.Changes = {}
    for tagged in found:
        if tagged.entry.attribute != attribute:
            continue
        group = becomes.get(tagged.entry.group)
        if group and not (tagged.generic and "women" in mentioned):
            changes |= _exchange(words, tagged, group)
    if attribute == "gender":
        changes |= _gendered(words, found, becomes)
    return _apply(words.text, changes)


def _exchange(words: Words, tagged: Tagged, group: str) -> agreement.Changes:
    entry, first, last = tagged
    start, end = words.starts[first], words.ends[last]
    term = _term(entry, group)
    if not term:
        return {}
    if entry.row < 0:  # an age: only its number changes
        return {start: (words.ends[first], term)} | agreement.article_before(words, first, term)
    new = _in_shape_of(words.text[start:end], entry.term, term, words.opens(first))
    changes = {start: (end, new)} | agreement.article_before(words, first, new)
    if entry.form == "pronoun_subject" and group == "nonbinary":
        changes |= agreement.they(words, first)
    if entry.form.endswith("plural"):
        changes |= agreement.possessive_after(words, last, new)
    return changes


def _in_shape_of(old: str, source: str, target: str, opens: bool) -> str:
    """`target` with the letter case, hyphens and spaces of `old`."""
    gaps = _GAP.findall(old)
    cased = grammar.in_case_of(_GAP.sub(" ", old), _GAP.sub(" ", source), target, opens)
    parts = _GAP.split(cased)
    if not gaps or len(parts) != len(gaps) + 1:
        return cased
    return "".join(part + gap for part, gap in zip(parts, (*gaps, ""), strict=True))


def _term(mention: Mention | Entry, group: str) -> str | None:
    """The lexicon's word of another group for a mention."""
    attribute, form = mention.attribute, mention.form
    if mention.row < 0:
        return _AGES.get(group)
    if word := LEXICON.rows.get((attribute, group, mention.row), {}).get(form):
        return word
    if form == "abstract" or (attribute == "gender" and mention.group != "nonbinary"):
        return None
    row = LEXICON.rows.get((attribute, group, 0), {})
    if form in _PERSON and form not in row and "adjective" in row:
        return f"{row['adjective']} {_PERSON[form]}"
    return LEXICON.first.get((attribute, group, form))


def _gendered(words: Words, found: list[Tagged], becomes: Mapping[str, str]) -> agreement.Changes:
    """Groups whose word has a gender, changed along: a Latina woman, a Latino man."""
    changes: agreement.Changes = {}
    men = {tagged.first for tagged in found if tagged.entry.group == "men"}
    for entry, first, last in found:
        women_s, men_s = LEXICON.gendered.get(entry.term, ("", ""))
        if entry.term == women_s and becomes.get("women") == "men":
            new = men_s
        elif entry.term == men_s and becomes.get("men") == "women" and last + 1 in men:
            new = women_s  # by itself the word may mean everyone
        else:
            continue
        start, end = words.starts[first], words.ends[last]
        changes[start] = (end, _in_shape_of(words.text[start:end], entry.term, new, False))
    return changes


def _apply(text: str, changes: agreement.Changes) -> Swapped:
    pieces, edits, end, at = [], [], 0, 0
    for start, (stop, new) in sorted(changes.items()):
        kept = text[end:start]
        at += len(kept)
        pieces += [kept, new]
        edits.append(Edit(start, stop, new, at))
        at, end = at + len(new), stop
    return Swapped("".join((*pieces, text[end:])), tuple(edits))
