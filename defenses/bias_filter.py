"""Keeps stereotypes and scorn for groups of people out of answers."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import ClassVar, Literal, cast

from gateway.asking import Reply, ask, total
from gateway.detector import ModelDetector
from gateway.errors import ConfigError
from gateway.text.encoder import shared
from gateway.text.identity import identity_groups
from gateway.types import Action, Deltas, Exchange, Finding, Finish, Message, Risk, Upstream

HEADS = ("stereotype", "negative_regard")
NOTE = (
    "Your last answer spoke of a group of people in a way that treats all of them alike or runs them down. "
    "Answer again, as helpfully, and do not generalise about any group."
)


@dataclass(frozen=True, slots=True, kw_only=True)
class BiasFilter(ModelDetector):
    """Finds sentences of the answer that name a group and speak ill or in clichés of it.

    A sentence that names no group (`gateway.text.identity`) is not asked about; of the others two heads
    of the encoder judge, for stereotypes and for negative regard. Needs the extra [onnx].

    threshold: 0.5 is the operating point of each head, see `docs/model-card.md`. each: see
    `gateway.detector.ModelDetector`; other parameters: `gateway.detector.Detector`. `AskAgain` asks the
    model for another answer in place of acting on this one.

    Stands at: output.
    Cost: the encoder, once for a sentence that names a group; an answer leaves sentence by sentence.
    Source: regard, Sheng et al., 2019 (arXiv 1909.01326); the heads are our own, see
        `docs/model-card.md`.

    >>> sorted(BiasFilter.labels)
    ['negative_regard', 'stereotype']
    """

    risk: ClassVar[Risk] = "fairness"
    labels: ClassVar[frozenset[str]] = frozenset(HEADS)

    action: Action = "block"
    side: Literal["input", "output", "both"] = "output"
    each: Literal["text", "sentence"] = "sentence"

    def __post_init__(self) -> None:
        ModelDetector.__post_init__(self)
        if shared() is None:
            raise ConfigError("it needs the encoder: set `encoder` in section gateway to auto, cpu or cuda")

    async def judge(self, sentence: str, before: str, exchange: Exchange) -> Mapping[str, float]:
        encoder = shared()
        if encoder is None or not identity_groups(sentence):
            return {}
        judged = await encoder.judge(sentence)
        return {head: judged.scores[head] for head in HEADS}

    async def warm(self) -> None:
        """Nothing to do: the encoder is warm already."""


@dataclass(frozen=True, slots=True, kw_only=True)
class AskAgain:
    """Lets the model answer again where `BiasFilter` finds something, and blocks where it never ends.

    tries: how often it may answer again; note: what it is told. threshold: see `BiasFilter`.

    Stands at: output, asks the model again.
    Cost: nothing leaves before the answer is complete; another call for each time something is found.
    Source: Self-Refine, Madaan et al., 2023 (arXiv 2303.17651).

    >>> AskAgain.risk
    'fairness'
    """

    risk: ClassVar[Risk] = "fairness"
    labels: ClassVar[frozenset[str]] = BiasFilter.labels

    @property
    def calls(self) -> int:
        """How often it asks what stands below, at most."""
        return 1 + self.tries

    tries: int = 1
    note: str = NOTE
    threshold: float = 0.5
    _filter: BiasFilter = field(init=False, repr=False, compare=False, default=cast("BiasFilter", None))

    def __post_init__(self) -> None:
        if not 1 <= self.tries <= 5:
            raise ConfigError(f"tries: must be from 1 to 5, not {self.tries}")
        object.__setattr__(self, "_filter", BiasFilter(threshold=self.threshold))

    async def __call__(self, exchange: Exchange, upstream: Upstream) -> Deltas:
        replies: list[Reply] = []
        asked = exchange
        for last in (*[False] * self.tries, True):
            replies.append(await ask(upstream, asked))
            found = await self._found(exchange, replies[-1].answer.content, "block" if last else "flag")
            for finding in found:
                yield finding
            if not found:
                break
            said = Message("assistant", replies[-1].answer.content)
            asked = replace(exchange, messages=(*exchange.messages, said, Message("user", self.note)))
        if (usage := total(replies)) is not None:
            yield usage
        if found:
            yield Finish("content_filter")
            return
        for delta in (*replies[-1].findings, *replies[-1].deltas):
            yield delta
        yield replies[-1].finish

    async def _found(self, exchange: Exchange, text: str, action: Action) -> Sequence[Finding]:
        return [
            Finding(
                exchange.layer,
                self.risk,
                one.label,
                action,
                "output",
                "content",
                one.start,
                one.end,
                one.score,
            )
            for one in await self._filter.detect(text, exchange)
            if one.score >= self.threshold
        ]
