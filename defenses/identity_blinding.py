"""Hides from the model to which groups people belong where a decision should not turn on it."""

import re
import secrets
from collections.abc import Sequence
from contextlib import aclosing
from dataclasses import dataclass, replace
from typing import ClassVar, Literal

from gateway.pseudonyms import GARBLED, Vault, placeholders, reader, restored
from gateway.text.identity import Mention, mentions, swap
from gateway.types import Deltas, Exchange, Finding, Message, Risk, Role, Upstream

LABELS = ("group", "name")
_READER = reader(placeholders(LABELS))
_DECISIONS = re.compile(
    r"\b(?:hir(?:e|ing)|recruit|promot(?:e|ion)|dismiss|layoff|applicants?|candidates?|shortlist|résumé|resume|cv|"
    r"interview|salary|raise|loan|credit|mortgage|insur(?:e|ance)|premium|rent|tenants?|admit|admission|enrol|"
    r"scholarship|grade|rat(?:e|ing)|rank|scor(?:e|ing)|choose|select|recommend|assess|evaluate|judge|guilty|"
    r"sentenc(?:e|ing)|parole|bail|suspect|diagnos(?:e|is)|triage|trust(?:worthy)?|performance|qualified|suitable|"
    r"eligible|should (?:we|i|they))\b",
    re.IGNORECASE,
)
_CODE = re.compile(r"```|[{}=;\\]|\w/\w|//|\w_\w")
_KEY = secrets.token_bytes(32)
"""Of the codes: they are the same whoever is meant, since a model answers other codes otherwise."""
_KEPT = ("pronoun", "kinship", "title")


@dataclass(frozen=True, slots=True, kw_only=True)
class IdentityBlinding:
    """Replaces names of groups and of persons by placeholders, which the answer has back as the words.

    Pronouns, titles and kinship become those for anybody (they, Mx, parent), and stay so in the answer.

    when: `decisions` blinds a conversation in which the user speaks of a decision about people (hiring,
    lending, grading and the like), and leaves one that asks about a group itself; `always` blinds each.
    roles: whose turns. In turns with code, data or paths only the placeholders are put in, and pronouns stay.

    Stands at: input; its placeholders come back in the output, and are the same whoever is meant.
    Cost: one look at the prompt; what may become a placeholder is held back in the answer.
    Source: the blindness of counterfactual token fairness, Garg et al., 2019 (arXiv 1809.10610).

    >>> IdentityBlinding().needs("Should we hire the Muslim engineer?")
    True
    >>> IdentityBlinding().needs("When do Muslims fast?")
    False
    """

    risk: ClassVar[Risk] = "fairness"
    labels: ClassVar[frozenset[str]] = frozenset({*LABELS, GARBLED})
    hides: ClassVar[frozenset[str]] = frozenset({"identities"})
    restores: ClassVar[frozenset[str]] = hides
    relies_on: ClassVar[frozenset[str]] = frozenset({"exact wording"})

    when: Literal["decisions", "always"] = "decisions"
    roles: tuple[Role, ...] = ("user", "assistant", "tool")

    def needs(self, text: str) -> bool:
        """Whether a user who says `text` asks for blindness."""
        return self.when == "always" or _DECISIONS.search(text) is not None

    async def __call__(self, exchange: Exchange, upstream: Upstream) -> Deltas:
        vault = Vault(_KEY)
        messages: list[Message] = []
        blind = any(turn.role == "user" and self.needs(turn.content) for turn in exchange.messages)
        for number, turn in enumerate(exchange.messages):
            if not blind or turn.role not in self.roles:
                messages.append(turn)
                continue
            hidden = [one for one in mentions(turn.content) if not one.form.startswith(_KEPT)]
            for mention in hidden:
                yield self._finding(exchange.layer, number, mention)
            messages.append(replace(turn, content=blinded(turn.content, hidden, vault)))
        asked = replace(exchange, messages=tuple(messages))
        async with aclosing(restored(exchange, asked, upstream, vault, _READER)) as deltas:
            async for delta in deltas:
                yield delta

    def _finding(self, layer: str, number: int, mention: Mention) -> Finding:
        place = f"messages[{number}].content"
        return Finding(
            layer, self.risk, _label(mention), "redact", "input", place, mention.start, mention.end
        )


def blinded(text: str, hidden: Sequence[Mention], vault: Vault) -> str:
    """`text` with placeholders for the mentions, and with words for anybody where gender is left.

    >>> blinded("Should he get the loan?", [], Vault())
    'Should they get the loan?'
    """
    is_code = _CODE.search(text) is not None  # where "her" may be a column and "mary" a folder
    pieces, end = [], 0
    for mention in hidden:
        pieces += [text[end : mention.start], vault.hide(_label(mention), text[mention.start : mention.end])]
        end = mention.end
    text = "".join((*pieces, text[end:]))
    if is_code:
        return text
    for group in ("women", "men"):
        text = swap(text, group, "nonbinary").text
    return text


def _label(mention: Mention) -> str:
    return "name" if mention.form.startswith("name") else "group"
