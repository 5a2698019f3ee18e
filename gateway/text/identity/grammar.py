"""Just enough English grammar: closed word classes, verb agreement, articles and letter case."""

_ARTICLES = frozenset(("a", "an"))
DETERMINERS = frozenset(
    "a an the this that these those every each another one any no some my your his her its our their "
    "which what two three four five many most several all both such".split()
)
SINGULAR = frozenset("a an this that every each another one".split())
# Words that begin nothing a noun phrase goes on with: "her" before one of them is an object, "his" stands alone.
FUNCTION = DETERMINERS | frozenset(
    "i me you he him she it we us they them who whom whose where when why how while if because since although though "
    "and or but nor so yet as than then of to in on at by for from with without about after before during until "
    "into onto over under through between against among around up down off out away "
    "is are was were be been being am do does did has have had would could should must shall cannot can't isn't "
    "aren't wasn't weren't don't doesn't didn't hasn't haven't hadn't won't wouldn't couldn't shouldn't "
    "not never always often also again too either instead yesterday today tomorrow tonight now soon later here there "
    "once twice alone everything something nothing anything".split()
)
# Forms of the past that show no "-ed"; after a noun they are its verb.
_PAST = frozenset(
    "went said came told got made took saw found wrote ran gave felt knew thought became began brought bought kept "
    "held stood sat spoke won paid met sent built drove ate fell grew chose broke wore taught fought slept sold can "
    "will may might left lost led".split()
)
DEGREES = frozenset("so too very really quite just also not both proudly openly half mostly legally still".split())
BE = frozenset("is are was were be been being am become became becomes isn't wasn't aren't i'm".split())
_ADVERBS = frozenset(
    "always never often sometimes usually also still just really only even already soon then now not ever rarely "
    "seldom perhaps maybe probably currently too once".split()
)
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
AUXILIARIES = frozenset("is was has does isn't wasn't hasn't doesn't".split())
# Verbs that are taken up again after "and" without their subject; none is a plural noun as well.
RESUMED = AUXILIARIES | frozenset(
    "says goes gets makes takes gives keeps knows thinks becomes seems brings tells buys eats sings writes reads "
    "lives learns teaches wears asks tries speaks enjoys hates loves needs wants lets sends pays comes puts".split()
)
_NO_VERBS = frozenset("as this thus us yes his its perhaps sometimes always besides hers".split())
# Words in "-ed" and the like that tell what someone is, not what they have done: "she's tired".
_STATES = frozenset(
    "tired married interested excited worried scared bored supposed allowed called named retired disabled confused "
    "annoyed pleased divorced engaged concerned afraid talented gifted educated".split()
)
_DONE = frozenset("been had got gone become made done taken given seen lost won left said told found come".split())
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
    return word in _ADVERBS or (word.endswith("ly") and len(word) > 4 and word not in ("family", "reply", "apply"))


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
    return following in _DONE or (following.endswith("ed") and following not in _STATES)


def in_case_of(old: str, source: str, target: str, opens: bool) -> str:
    """`target` in the letter case of `old`, which the table spells `source`; `opens`: a sentence begins here.

    >>> in_case_of("WOMEN", "women", "men", False), in_case_of("muslims", "Muslims", "Jews", False)
    ('MEN', 'jews')
    >>> in_case_of("Muslims", "Muslims", "atheists", True), in_case_of("Muslims", "Muslims", "atheists", False)
    ('Atheists', 'atheists')
    """
    if old == source and not (opens and old[0].isupper()):
        return target
    if old.isupper() and len(old) > 1 and not source.isupper():
        return target.upper()
    if old.islower():
        return target.lower()
    raised = old[0].isupper() and (opens or not source[0].isupper())
    return target[0].upper() + target[1:] if raised else target
