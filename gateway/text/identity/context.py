"""What stands around a word: whether it is said of a person, and as which part of speech."""

from gateway.text.identity import grammar
from gateway.text.identity.lexicon import LEXICON
from gateway.text.identity.tables import CLASSES, SENSES
from gateway.text.identity.words import Words

_CULTURE = frozenset(
    form for noun in SENSES["culture"].split() for one in (noun.split("/"),) for form in (*one, one[0] + "s")
)
_BETWEEN = frozenset(SENSES["between"].split())
_THINGS = frozenset(SENSES["things"].split())
_LANGUAGE = frozenset(SENSES["language"].split())
_PLACE_BEFORE = frozenset(SENSES["place_before"].split())
_PLACE_AFTER = frozenset(SENSES["place_after"].split())
_FOLLOWED = {
    term: frozenset(words.split())
    for term, _, words in (line.partition(":") for line in SENSES["followed"].splitlines())
}
_SUBJECTS = CLASSES["subjects"]
_SAID_OF = frozenset(("being", "as"))
_MANY = CLASSES["many"]
_MODALS = frozenset(("will", "can", "may", "might"))  # nouns too, but not behind an adjective
_THEY_DO = _MODALS | {"are", "were", "aren't", "have", "haven't", "do", "don't", "did", "didn't"}
_REACH = 3


def other_sense(words: Words, first: int, last: int) -> bool:
    """Whether the next word gives the term another sense: black coffee."""
    listed = _FOLLOWED.get(words.lows[first]) if first == last else None
    if not listed:
        return False
    following = words.after(last)
    return following in listed or following.removesuffix("s") in listed


def person_after(words: Words, last: int, culture: bool = False) -> bool:
    """Whether a person is what the term describes: a black [female] doctor."""
    for index in range(last, last + _REACH):
        following = words.after(index)
        if following in LEXICON.people or (culture and following in _CULTURE):
            return True
        if following in LEXICON.nouns and (
            ends_phrase(words, index + 1) or grammar.is_past(words.after(index + 1))
        ):
            return True
        if not following or not (following in _BETWEEN or following in LEXICON.adjectives):
            return False
    return False


def said_of_person(words: Words, first: int, last: int) -> bool:
    """Whether a person is said to be the term: I am black, my neighbour is very old."""
    if not ends_phrase(words, last):
        return False
    index, article = first, False
    for step in range(_REACH):
        before = words.before(index)
        article = article or grammar.is_article(before)
        if not (article or before in grammar.DEGREES or before in LEXICON.adjectives):
            if step or not grammar.is_article(words.before(index - 1)):
                break  # else an adjective: is a nice Muslim
        elif before in grammar.BE or before in _SAID_OF:
            break
        index -= 1
    before = words.before(index)
    if before in _SAID_OF:
        return True
    if words.clitics.get(index - 1) in ("m", "re", "s") and before:
        return before in _SUBJECTS
    return before in grammar.BE and _is_person(words, index - 2, article)


def _is_person(words: Words, index: int, article: bool) -> bool:
    """Whether the subject at `index` is a person; unknown names count where an article follows."""
    if index < 0 or not words.joined(index):
        return False
    subject = words.lows[index]
    if subject in _SUBJECTS or subject in LEXICON.people or subject in LEXICON.names:
        return True
    return article and words.capital(index) and subject not in grammar.FUNCTION


def is_complement(words: Words, first: int) -> bool:
    """Whether something is said to be a term with an article: ... is a nice Chinese."""
    index = first
    if not grammar.is_article(words.before(index)):
        index -= 1
    return grammar.is_article(words.before(index)) and words.before(index - 1) in grammar.BE


def ends_phrase(words: Words, last: int) -> bool:
    """Whether no noun follows that the term could describe."""
    following = words.after(last)
    return not following or following in grammar.FUNCTION or following in _MODALS


def is_noun(words: Words, first: int, last: int) -> bool:
    """Whether a word that is adjective and noun is the noun here: a Muslim asked, not a Muslim wedding."""
    determiner = _determiner(words, first)
    if not determiner:
        return False
    if ends_phrase(words, last):
        return True
    following = words.after(last)
    if grammar.is_past(following) or (grammar.is_adverb(following) and following != "family"):
        return True
    return determiner in grammar.SINGULAR and following.endswith("s") and following not in LEXICON.people


def _determiner(words: Words, first: int) -> str:
    for index in range(first, first - _REACH, -1):
        before = words.before(index)
        if before in grammar.DETERMINERS:
            return before
        if not before or before in grammar.FUNCTION:
            return ""
    return ""


def is_collective(words: Words, first: int, last: int) -> bool:
    """Whether a group is called by its adjective: the blind, help the poor."""
    return words.before(first) == "the" and ends_phrase(words, last)


def is_counted(words: Words, first: int, last: int) -> bool:
    """Whether a plural that also means things is said of people: the blacks, all whites; Whites are ..."""
    if words.opens(first):
        following = words.after(last)
        return following in _THEY_DO or grammar.is_adverb(following)
    return words.before(first) in _MANY


def of_things(words: Words, first: int, last: int) -> bool:
    """Whether a nationality is said of food, money, a language or the like."""
    if words.after(last) in _THINGS:
        return True
    if not ends_phrase(words, last) or person_after(words, last):
        return False
    if words.before(first) in _LANGUAGE:
        return True
    said = said_of_person(words, first, last) or is_complement(words, first)
    return not (said or words.before(first) == "the" or _one_of_two(words, first))


def _one_of_two(words: Words, first: int) -> bool:
    """One is Malian and the other is Thai."""
    return words.before(first) in grammar.BE and words.before(first - 1) in ("one", "other")


def names_place(words: Words, index: int) -> bool:
    """Whether a name is part of a place or a brand: St. Mary, Elizabeth Street."""
    if words.after(index) in _PLACE_AFTER:
        return True
    return (
        index > 0
        and words.lows[index - 1] in _PLACE_BEFORE
        and words.gap(index - 1).strip() in ("", ".", "-")
    )
