"""Just enough English grammar: closed word classes, verb agreement, articles and letter case."""

from gateway.text.identity.tables import CLASSES

_ARTICLES = frozenset(("a", "an"))
DETERMINERS = CLASSES["determiners"]
SINGULAR = CLASSES["singular"]
FUNCTION = DETERMINERS | CLASSES["function"]
_PAST = CLASSES["past"]
DEGREES = CLASSES["degrees"]
BE = CLASSES["be"]
_ADVERBS = CLASSES["adverbs"]
_IRREGULAR = {
    "is": "are",
    "was": "were",
    "has": "have",
    "does": "do",
    "isn't": "aren't",
    "wasn't": "weren't",
    "hasn't": "haven't",
    "doesn't": "don't",
    "goes": "go",
    "dies": "die",
    "lies": "lie",
    "ties": "tie",
    "undergoes": "undergo",
}
AUXILIARIES = CLASSES["auxiliaries"]
RESUMED = AUXILIARIES | CLASSES["resumed"]
_NO_VERBS = CLASSES["no_verbs"]
_DESCRIBED = CLASSES["described"]
_DONE = CLASSES["done"]
_SILENT_H = ("hour", "honest", "honor", "honour", "heir")
_LIKE_YOU = ("uni", "use", "usu", "uti", "eu", "one", "once", "ur", "uk", "ug", "uz", "uru")
_SPELT_LIKE_A_VOWEL = frozenset("aefhilmnorsx")


def begins_with_vowel(word: str) -> bool:
    """Whether "an" stands before a word, by its sound.

    >>> [begins_with_vowel(word) for word in ("Ukrainian", "heir", "LGBT", "80", "atheist")]
    [False, True, True, True, True]
    """
    low = word.lower()
    if low[:1].isdigit():
        return low.startswith("8") or low in ("11", "18")
    if word.isupper() and len(word) in (3, 4) and not set(low) & set("aeiou"):
        return low[0] in _SPELT_LIKE_A_VOWEL  # letter by letter
    if low.startswith(_SILENT_H):
        return True
    if low.startswith(("unin", "unim", "urb", "urg", "ugl")):
        return True
    return low.startswith(tuple("aeiouáéíóúàèìòù")) and not low.startswith(_LIKE_YOU)


def is_article(word: str) -> bool:
    """Whether a word in lower case is "a" or "an"."""
    return word in _ARTICLES


def article(old: str, noun: str) -> str:
    """The other one of "a" and "an", in the letter case of the old one before `noun`.

    >>> article("A", "Irish"), article("AN", "MAN"), article("A", "ATHEIST")
    ('An', 'A', 'AN')
    """
    if old.lower() == "an":
        return old[0]
    return old + ("N" if old == "A" and len(noun) > 1 and noun.isupper() else "n")


def is_adverb(word: str) -> bool:
    """Whether a word may stand between subject and verb: often, quietly."""
    return word in _ADVERBS or (
        word.endswith("ly") and len(word) > 4 and word not in ("family", "reply", "apply")
    )


def is_past(word: str) -> bool:
    """Whether a word looks like a verb in the past or a modal."""
    return word in _PAST or (word.endswith("ed") and len(word) > 4)


def plural_verb(verb: str) -> str:
    """The form of a verb after "they", given the one after "she"; the same where they agree.

    >>> [plural_verb(verb) for verb in ("has", "walks", "tries", "watches", "uses", "went", "pass")]
    ['have', 'walk', 'try', 'watch', 'use', 'went', 'pass']
    """
    if verb in _IRREGULAR:
        return _IRREGULAR[verb]
    if verb in _NO_VERBS or not verb.endswith("s") or verb.endswith("ss") or len(verb) < 4:
        return verb
    if verb.endswith("ies"):
        return verb[:-3] + "y"
    if verb.endswith(("ches", "shes", "sses", "xes", "zzes")) and not verb.endswith("aches"):
        return verb[:-2]
    return "reach" if verb == "reaches" else "teach" if verb == "teaches" else verb[:-1]


def has_done(following: str) -> bool:
    """Whether "she's" is "she has", judged by the word after it."""
    return following in _DONE or (following.endswith("ed") and following not in _DESCRIBED)


def in_case_of(old: str, source: str, target: str, opens: bool) -> str:
    """`target` in the letter case of `old`, which the table spells `source`; `opens`: it begins a sentence.

    >>> in_case_of("WOMEN", "women", "men", False), in_case_of("muslims", "Muslims", "Jews", False)
    ('MEN', 'jews')
    >>> [in_case_of("Muslims", "Muslims", "atheists", opens) for opens in (True, False)]
    ['Atheists', 'atheists']
    """
    if old == source and not (opens and old[0].isupper()):
        return target
    if old.isupper() and len(old) > 1 and not source.isupper():
        return target.upper()
    if old.islower():
        return target.lower()
    raised = old[0].isupper() and (opens or not source[0].isupper())
    return target[0].upper() + target[1:] if raised else target
