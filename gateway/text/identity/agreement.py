"""What has to agree with a swapped word: verbs after "they", "a" or "an" before, an apostrophe behind."""

from gateway.text.identity import grammar
from gateway.text.identity.tables import CLASSES
from gateway.text.identity.words import Words

Changes = dict[int, tuple[int, str]]
"""By where a span begins: where it ends, and what it becomes."""
_ADVERBS = 3
_RESUMED_WITHIN = 12
_ANOTHER_SUBJECT = CLASSES["another_subject"]


def article_before(words: Words, index: int, new: str) -> Changes:
    """ "a" and "an", where the sound behind them changed: a woman, an old one."""
    if not grammar.is_article(words.before(index)) or words.gap(index - 1).strip():
        return {}
    if grammar.begins_with_vowel(new) == grammar.begins_with_vowel(words.word(index)):
        return {}
    return {words.starts[index - 1]: (words.ends[index - 1], grammar.article(words.word(index - 1), new))}


def possessive_after(words: Words, index: int, new: str) -> Changes:
    """The apostrophe of plurals: ladies' and gentlemen's."""
    old, end = words.word(index), words.ends[index]
    if words.clitics.get(index) == "s":
        if old.lower().endswith("s") or not new.lower().endswith("s") or not _is_plural(old):
            return {}
        return {end: (end + 2, words.text[end])}
    if (
        words.text[end : end + 1] not in ("'", "’")
        or not old.lower().endswith("s")
        or new.lower().endswith("s")
    ):
        return {}
    return {end: (end + 1, words.text[end] + ("S" if new.isupper() else "s"))}


def _is_plural(old: str) -> bool:
    return old.lower().endswith(("men", "people", "children"))


def they(words: Words, index: int) -> Changes:
    """The verbs of "he" or "she" at `index`, once that is "they"."""
    if words.clitics.get(index) == "s":
        return _contraction(words, index)
    before = words.before(index)
    verb = _verb(words, index)
    if before in grammar.AUXILIARIES and not _changes(words, verb):
        return _changes(words, index - 1)
    return {**_changes(words, verb), **_resumed(words, verb)}


def _verb(words: Words, index: int) -> int:
    """Where the verb of a subject stands, adverbs between; -1 for none."""
    for position in range(index, index + _ADVERBS + 1):
        if not words.joined(position):
            return -1
        if not grammar.is_adverb(words.lows[position + 1]):
            return position + 1
    return -1


def _changes(words: Words, verb: int) -> Changes:
    if verb < 0:
        return {}
    old, low = words.word(verb), words.lows[verb]
    new = grammar.plural_verb(low)
    if new == low:
        return {}
    if "’" in old:
        new = new.replace("'", "’")
    return {words.starts[verb]: (words.ends[verb], grammar.in_case_of(old, low, new, False))}


def _contraction(words: Words, index: int) -> Changes:
    """he's: they're, or they've."""
    following = words.lows[verb] if (verb := _verb(words, index)) >= 0 else ""
    new = "ve" if grammar.has_done(following) else "re"
    start, stop = words.ends[index] + 1, words.stops[index]
    changes = {start: (stop, new.upper() if words.text[start].isupper() else new)}
    return changes | _resumed(words, index)


def _resumed(words: Words, verb: int) -> Changes:
    """Verbs that follow without their subject: is tall and has a dog."""
    changes: Changes = {}
    for position in range(verb, min(verb + _RESUMED_WITHIN, len(words) - 2) if verb >= 0 else verb):
        if (position > verb and words.lows[position] in _ANOTHER_SUBJECT) or words.opens(position + 1):
            break
        if words.lows[position + 1] in ("and", "or", "but", "then"):
            again = _verb(words, position + 1)
            if again >= 0 and words.lows[again] in grammar.RESUMED:
                changes |= _changes(words, again)
    return changes
