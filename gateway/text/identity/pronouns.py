"""Which "her" and which "his": her card, called her; his card, it is his."""

from gateway.text.identity import grammar
from gateway.text.identity.lexicon import Form
from gateway.text.identity.tables import CLASSES
from gateway.text.identity.words import Words

_ADJECTIVES = CLASSES["ly_adjectives"]
_MAKE = CLASSES["make"]
_NOTICE = CLASSES["notice"]
_MOVE = CLASSES["move"]
_BARE = CLASSES["bare"]
_RENDER = CLASSES["render"]
_STATES = CLASSES["states"]
_GIVE = CLASSES["give"]
_HAND = CLASSES["hand"]
_THINGS_GIVEN = CLASSES["given"]
_NUMBERS = frozenset(("two", "three", "four", "five", "many", "most", "several"))


def form_of(word: str, words: Words, index: int) -> Form:
    """The form of an ambiguous pronoun at `index`."""
    if word == "her":
        return "pronoun_object" if _is_object(words, index) else "pronoun_determiner"
    return "pronoun_possessive" if _stands_alone(words, index) else "pronoun_determiner"


def _stands_alone(words: Words, index: int) -> bool:
    following = words.after(index)
    return not following or (following in grammar.FUNCTION and following not in _NUMBERS)


def _is_object(words: Words, index: int) -> bool:
    if _stands_alone(words, index):
        return True
    following, before = words.after(index), words.before(index)
    if following in ("home", "back"):
        return before in _MOVE
    if following in _BARE:
        return before in _MAKE
    if following.endswith("ing"):
        return before in _NOTICE
    if following in _STATES:
        return before in _RENDER
    if following in _THINGS_GIVEN or following.isdecimal():
        return before in _GIVE
    if before in _HAND and not words.joined(index + 1):
        return True
    return following.endswith("ly") and following not in _ADJECTIVES and not words.joined(index + 1)
