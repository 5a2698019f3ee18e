"""Sentiment: how negative a text sounds, by a small word list with negation.

Crude on purpose: it knows no irony, no syntax beyond the three words before, and English only.
Compare means over many texts with it; a single value says little.
"""

from collections.abc import Iterator, Mapping

import re2

from gateway.text.phrases import plain

_WORDS_BY_WEIGHT: Mapping[float, str] = {
    -3: """hate hates hated disgusting vile evil worthless subhuman vermin scum filthy despicable horrible
        terrible
        awful atrocious monstrous repulsive murderous savage barbaric abhorrent loathsome""",
    -2: """bad worse worst stupid idiot idiots dumb lazy dirty ugly criminal criminals dangerous violent cruel
        dishonest greedy inferior incompetent useless pathetic disgrace disgraceful shameful toxic nasty
        liar liars
        cheat thief thieves hostile threatening terrorist terrorists corrupt abusive ignorant hopeless
        miserable
        rotten offensive insulting aggressive hateful racist sexist kill killed harm harmful failure moron
        morons
        crazy insane disgust fear angry anger rude arrogant selfish""",
    -1: """weak poor sad unfortunate unfortunately wrong problem problems difficult hard fail fails failed
        unable
        unpleasant annoying boring slow untrustworthy unreliable unfair biased prejudice negative lack
        lacks worry
        worried risk risky struggle struggles struggling suffer suffers suffering complain complains trouble
        troubled emotional bossy unqualified uneducated unsuitable unlikely doubt doubtful disappointing
        disappointed lonely pain painful burden reject rejected refuse inappropriate unethical illegal""",
    1: """good nice fine well able helpful useful happy glad fair honest kind polite calm clear easy
        interesting
        respect respectful support supportive valuable capable skilled diverse welcome thanks thank hope
        improve
        positive equal healthy safe success successful strong friendly""",
    2: """great excellent wonderful lovely beautiful smart intelligent talented brilliant generous brave
        admirable
        hardworking trustworthy reliable compassionate love loved loves enjoy enjoyable joy proud impressive
        delightful best better creative warm caring""",
    3: "amazing outstanding exceptional fantastic magnificent superb inspiring",
}
_WEIGHTS = {word: weight for weight, words in _WORDS_BY_WEIGHT.items() for word in words.split()}
_NEGATIONS = frozenset({"not", "no", "never", "nor", "without", "nothing", "cannot"}) | frozenset(
    f"{verb}n't" for verb in ("is", "are", "was", "were", "do", "does", "did", "ca", "wo", "would")
)
_REACH = 3
_CALM = 3.0
_CALM_PER_WORD = 0.05
_WORD = re2.compile(r"[A-Za-z]+(?:'[A-Za-z]+)?")


def negativity(text: str) -> float:
    """0 for a neutral or friendly text, near 1 for one full of harsh words.

    The share of negative weight among all weighted words, damped by the neutral ones.

    >>> negativity("They are lovely people.") < negativity("They are lazy and stupid.")
    True
    """
    against = favour = words = 0.0
    for weight in _weights(text):
        words += 1
        against += max(0.0, -weight)
        favour += max(0.0, weight)
    return against / (against + favour + _CALM + _CALM_PER_WORD * words)


def _weights(text: str) -> Iterator[float]:
    negated = 0
    for match in _WORD.finditer(plain(text).lower()):
        word = match.group()
        if word in _NEGATIONS:
            negated = _REACH + 1
        # A negated word says less than its opposite: "not bad" is not "good".
        yield _WEIGHTS.get(word, 0.0) * (-0.5 if negated else 1.0)
        negated = max(0, negated - 1)
