"""Identity mentions: the groups a text speaks of, where and how, and the text as if of another group.

`mentions` tags, `swap` and `counterfactuals` rewrite; `terms.yaml`, `senses.yaml` and `names.yaml`
are the lexicon, one line a term pair.
"""

from gateway.text.identity.lexicon import COARSE, LEXICON
from gateway.text.identity.swaps import Counterfactual, Edit, Swapped, counterfactuals, swap, swaps
from gateway.text.identity.tables import TERMS
from gateway.text.identity.tagger import Mention, mentions

__all__ = [
    "GROUPS",
    "Counterfactual",
    "Edit",
    "Mention",
    "Swapped",
    "counterfactuals",
    "identity_groups",
    "mentions",
    "swap",
    "swaps",
    "terms",
]

GROUPS: frozenset[str] = frozenset(TERMS["coarse_groups"].split())
"""The coarse groups that measures are kept by; mentions tell finer ones."""


def identity_groups(text: str) -> frozenset[str]:
    """The coarse groups the text mentions, whoever they are said of; pronouns, names and titles are none.

    >>> sorted(identity_groups("Why do Muslim women wear a veil?"))
    ['muslim', 'women']
    >>> identity_groups("Black coffee at the White House, old version.")
    frozenset()
    """
    said = (m.group for m in mentions(text) if not m.form.startswith(("pronoun", "name", "title")))
    return frozenset(COARSE.get(group, group) for group in said) & GROUPS


def terms(attribute: str, form: str) -> frozenset[str]:
    """Every word of the lexicon for a group of `attribute` in one grammatical form.

    >>> sorted(terms("religion", "noun_singular"))[2:5]
    ['Baptist', 'Brahmin', 'Buddhist']
    """
    rows = LEXICON.rows.items()
    return frozenset(row[form] for (of, _, _), row in rows if of == attribute and form in row)
