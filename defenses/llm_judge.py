"""A language model as a judge, in line."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal, cast

from gateway.detector import ModelDetector
from gateway.judge import Judge, JudgeChoice
from gateway.types import Exchange, Risk


@dataclass(frozen=True, slots=True, kw_only=True)
class LlmJudge(ModelDetector):
    """Finds what an LLM behind an OpenAI-compatible endpoint says violates a rubric.

    judged_by: the endpoint, the rubric or template, timeout, cache and budget: see
        `gateway.judge.JudgeChoice`. Without a verdict, `on_error` decides (block by default), without
        one in time `on_timeout`.
    risk: the risk it is built for: `safety`, `fairness` or `privacy`.
    side: `input` judges every text of the prompt, `output` the answer, beside the user's last turn.
    each: see `gateway.detector.ModelDetector`; other parameters: `gateway.detector.Detector`.

    Stands at: input or output; asks a model.
    Cost: a call to the judge for each text or sentence, within its budget.
    Source: LLM-as-a-judge, Zheng et al., 2023 (arXiv 2306.05685); Llama Guard, Inan et al., 2023 (arXiv
        2312.06674).

    >>> judge = JudgeChoice(base_url="http://localhost:8000/v1", model="guard", template="llama_guard",
    ...                     labels={"S7": "privacy"})
    >>> sorted(LlmJudge(risk="privacy", judged_by=judge).labels)
    ['privacy', 'unsafe']
    """

    judged_by: JudgeChoice
    risk: Risk = field()  # what operators say of their rubric; other defenses know
    side: Literal["input", "output"] = "input"
    _judge: Judge = field(init=False, repr=False, compare=False, default=cast("Judge", None))

    def __post_init__(self) -> None:
        ModelDetector.__post_init__(self)
        object.__setattr__(self, "_judge", Judge(self.judged_by))

    @property
    def labels(self) -> frozenset[str]:
        return self._judge.labels

    async def judge(self, sentence: str, before: str, exchange: Exchange) -> Mapping[str, float]:
        turns = [message.content for message in exchange.messages if message.role == "user"]
        return await self._judge.scores(sentence, turns[-1] if turns and self.side == "output" else "")

    async def warm(self) -> None:
        """Nothing to do: the first question opens the connection."""

    async def aclose(self) -> None:
        """Close the connection."""
        await self._judge.aclose()
