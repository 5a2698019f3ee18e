"""Which "her" and which "his": her card, called her; his card, it is his."""

from gateway.text.identity import grammar
from gateway.text.identity.lexicon import Form
from gateway.text.identity.words import Words

# "-ly" that describes a noun.
_ADJECTIVES = frozenset("family friendly elderly only daily early lonely lovely ugly silly weekly monthly likely".split())
_MAKE = frozenset(
    "make makes made let lets help helps helped see sees saw hear hears heard watch watches watched have had".split()
)
_NOTICE = frozenset(
    "see sees saw seen hear hears heard catch caught find found keep kept watch watches watched leave left notice "
    "noticed stop stopped remember imagine".split()
)
_MOVE = frozenset(
    "take takes took taken bring brought drive drove send sent call called get got want wanted pay paid give gave "
    "walk walked follow followed invite invited let".split()
)
_BARE = frozenset(
    "go know get see feel think believe understand realise realize become come cry laugh eat choose decide sit keep "
    "take make finish leave speak talk sleep live learn get find pay carry move pass die wait do say look enjoy "
    "succeed improve pick clean fix open close complete write read prepare solve deal relax recover".split()
)


def forms(word: str, words: Words, index: int) -> Form:
    """The form of an ambiguous pronoun at `index`."""
    if word == "her":
        return "pronoun_object" if _is_object(words, index) else "pronoun_determiner"
    return "pronoun_possessive" if _stands_alone(words, index) else "pronoun_determiner"


def _stands_alone(words: Words, index: int) -> bool:
    following = words.after(index)
    return not following or (following in grammar.FUNCTION and following not in ("two", "three", "four", "five", "many"))


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
    return following.endswith("ly") and following not in _ADJECTIVES and grammar.is_past(before)
