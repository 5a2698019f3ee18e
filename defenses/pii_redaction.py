"""Gives the model placeholders for personal data, and puts the data back into its answer."""

from collections.abc import Sequence
from contextlib import aclosing
from dataclasses import dataclass, field, replace
from typing import ClassVar, cast, get_args

from defenses.leak_filter import LeakFilter
from gateway.lanes import PromptLanes
from gateway.panel import Panel
from gateway.pseudonyms import GARBLED, Vault, placeholders, reader, restored
from gateway.text.personal import PERSONAL
from gateway.types import Deltas, Exchange, Finding, Risk, Role, Upstream

_READER = reader(placeholders(PERSONAL.labels))


@dataclass(frozen=True, slots=True, kw_only=True)
class PiiRedaction:
    """Replaces personal data in all turns by placeholders, which the answer has back as the values.

    kinds: the labels to look for; all when empty. allow: values that may go to the model, in any case,
    `*` for anything. roles: whose turns are looked at. Finds what `leak_filter` finds, and no more:
    names of persons, for one, are not among it. Fields beside the turns (`user`, `metadata`, `tools`) go as
    they are.

    A placeholder is good for one exchange. What the model made of its case and brackets does not
    matter; one that it garbled is left as it is and flagged as `garbled_placeholder`.

    Stands at: input; its placeholders come back in the output.
    Cost: one look at the prompt; what may become a placeholder is held back in the answer.
    Source: reversible pseudonyms, as in ISO/IEC 20889 (2018), section 9.

    >>> sorted(PiiRedaction(kinds=("email",)).labels)[:2]
    ['address', 'api_key']
    """

    risk: ClassVar[Risk] = "privacy"
    labels: ClassVar[frozenset[str]] = PERSONAL.labels | {GARBLED}
    hides: ClassVar[frozenset[str]] = frozenset({"personal data"})
    restores: ClassVar[frozenset[str]] = hides
    shields: ClassVar[bool] = True
    relies_on: ClassVar[frozenset[str]] = frozenset({"exact wording"})

    kinds: tuple[str, ...] = ()
    allow: tuple[str, ...] = ()
    roles: tuple[Role, ...] = get_args(Role)
    _finder: LeakFilter = field(init=False, repr=False, compare=False, default=cast("LeakFilter", None))

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
        async with aclosing(restored(exchange, asked, upstream, vault, _READER)) as deltas:
            async for delta in deltas:
                yield delta

    async def _hidden(self, exchange: Exchange, vault: Vault) -> tuple[Exchange, Sequence[Finding]]:
        panel = Panel([(exchange.layer, self._finder)], "input")
        lanes = PromptLanes(panel, exchange, vault.hide)
        messages = [await lanes.judge(number, turn) for number, turn in enumerate(exchange.messages)]
        return replace(exchange, messages=tuple(messages)), lanes.findings
