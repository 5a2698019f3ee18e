"""Gives the model placeholders for personal data, and puts the data back into its answer."""

import secrets
from collections.abc import Mapping, Sequence
from contextlib import aclosing
from dataclasses import dataclass, field, replace
from typing import ClassVar, Literal, get_args

from defenses.leak_filter import LeakFilter
from gateway.detector import PatternDetector
from gateway.lanes import AnswerLanes, PromptLanes
from gateway.panel import Panel
from gateway.text.personal import PERSONAL
from gateway.text.rules import Rule, RuleSet
from gateway.types import (
    Action,
    Deltas,
    Detection,
    Exchange,
    Finding,
    Risk,
    Role,
    Upstream,
)

ALPHABET = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"
"""Of codes: Crockford's base 32, in which nothing looks like something else, in either case."""
SIZE = 8
"""Characters of a code: 40 bits, so that no prompt guesses one."""
GARBLED = "garbled_placeholder"
_LABELS = "|".join(sorted(PERSONAL.labels))
_CODE = f"[{ALPHABET}]{{{SIZE}}}"
_PLACEHOLDERS = RuleSet(
    [Rule("placeholder", rf"\[?\b(?:{_LABELS})[ _-]{{1,2}}{_CODE}\b\]?", ignore_case=True)]
)


class Vault:
    """The values of one exchange by the codes that stand for them; gone with the exchange."""

    def __init__(self) -> None:
        self._codes: dict[str, str] = {}
        self._values: dict[str, str] = {}

    def hide(self, label: str, value: str) -> str:
        """The placeholder for `value`; the same value has the same one."""
        code = self._codes.get(value)
        if code is None:
            code = self._codes[value] = "".join(secrets.choice(ALPHABET) for _ in range(SIZE))
            self._values[code] = value
        return f"[{label.upper()}_{code}]"

    def show(self, label: str, placeholder: str) -> str:
        """The value that `placeholder` stands for, which has to be known."""
        return self._values[_code(placeholder)]

    def knows(self, placeholder: str) -> bool:
        """Whether it stands for a value, whatever the model made of its case and brackets."""
        return _code(placeholder) in self._values


def _code(placeholder: str) -> str:
    return placeholder.strip("[]")[-SIZE:].upper()


@dataclass(frozen=True, slots=True, kw_only=True)
class _Placeholders(PatternDetector):
    """Finds placeholders in an answer: those of the vault, or those that only look like it."""

    risk: ClassVar[Risk] = "privacy"
    rules: ClassVar[RuleSet] = _PLACEHOLDERS
    labels: ClassVar[frozenset[str]] = frozenset({"placeholder", GARBLED})

    side: Literal["output"] = "output"
    normalise: bool = False
    vault: Vault
    known: bool

    async def detect(self, text: str, exchange: Exchange, start: int = 0) -> Sequence[Detection]:
        label = "placeholder" if self.known else GARBLED
        return [
            Detection(one.start, one.end, label)
            for one in await PatternDetector.detect(self, text, exchange, start)
            if self.vault.knows(text[one.start : one.end]) == self.known
        ]


@dataclass(frozen=True, slots=True, kw_only=True)
class PiiRedaction:
    """Replaces personal data in all turns by placeholders, which the answer has back as the values.

    kinds: the labels to look for; all when empty. allow: values that may go to the model, in any case,
    `*` for anything. roles: whose turns are looked at. Finds what `leak_filter` finds, and no more:
    names of persons, for one, are not among it.

    A placeholder is good for one exchange. What the model made of its case and brackets does not
    matter; one that it garbled is left as it is and flagged as `garbled_placeholder`.

    Cost: one look at the prompt; what may become a placeholder is held back in the answer. Source:
    reversible pseudonyms, as in ISO/IEC 20889 (2018), section 9.

    >>> sorted(PiiRedaction(kinds=("email",)).labels)[:2]
    ['address', 'api_key']
    """

    risk: ClassVar[Risk] = "privacy"
    labels: ClassVar[frozenset[str]] = PERSONAL.labels | {GARBLED}

    kinds: tuple[str, ...] = ()
    allow: tuple[str, ...] = ()
    roles: tuple[Role, ...] = get_args(Role)
    _finder: LeakFilter = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        finder = LeakFilter(
            action="redact", side="input", kinds=self.kinds, allow=self.allow, roles=self.roles
        )
        object.__setattr__(self, "_finder", finder)

    async def __call__(self, exchange: Exchange, upstream: Upstream) -> Deltas:
        vault = Vault()
        asked, findings = await self._hidden(exchange, vault)
        for finding in findings:
            yield finding
        async with aclosing(upstream(asked)) as deltas:
            if asked is exchange:  # nothing was hidden, so there is nothing to put back
                async for delta in deltas:
                    yield delta
                return
            lanes = AnswerLanes(_readers(exchange.layer, vault), exchange, not exchange.streamed, vault.show)
            try:
                async for delta in deltas:
                    for out in await lanes.take(delta):
                        if not (isinstance(out, Finding) and out.label == "placeholder"):
                            yield out
            finally:
                await lanes.close()

    async def _hidden(self, exchange: Exchange, vault: Vault) -> tuple[Exchange, Sequence[Finding]]:
        panel = Panel([(exchange.layer, self._finder)], "input")
        lanes = PromptLanes(panel, exchange, vault.hide)
        messages = [await lanes.judge(number, turn) for number, turn in enumerate(exchange.messages)]
        if not lanes.rewritten:
            return exchange, ()
        return replace(exchange, messages=tuple(messages)), lanes.findings


def _readers(name: str, vault: Vault) -> Panel:
    """Who puts back what is known, and who flags what is not."""
    choices: Mapping[bool, Action] = {True: "redact", False: "flag"}
    readers = [(name, _Placeholders(vault=vault, known=known, action=choices[known])) for known in choices]
    return Panel(readers, "output")
