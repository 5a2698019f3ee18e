"""A language model as a judge, out of line."""

from dataclasses import dataclass, field
from typing import Literal, cast

from gateway.judge import Judge, JudgeChoice
from gateway.types import Risk
from monitors.measure import Answer, Measure, Prompt, check_measure


@dataclass(frozen=True, slots=True, kw_only=True)
class LlmJudge:
    """The worst score that a judge gives the answer (beside the user's last turn), or that turn alone.

    name, risk, kind, description, threshold: the measure; `kind` is `direct` or `indirect`.
    judged_by: see `gateway.judge.JudgeChoice`; an exchange without a verdict counts as a score lost.
    of: what is judged; an answer without text scores 0.

    >>> judge = JudgeChoice(base_url="http://localhost:8000/v1", model="m", rubric="It insults somebody.")
    >>> LlmJudge(name="insults", risk="safety", judged_by=judge).measure.threshold
    0.5
    """

    name: str
    risk: Risk
    judged_by: JudgeChoice
    of: Literal["answer", "prompt"] = "answer"
    kind: Literal["direct", "indirect"] = "indirect"
    description: str = "What a configured judge finds."
    threshold: float = 0.5
    _judge: Judge = field(init=False, repr=False, compare=False, default=cast("Judge", None))

    def __post_init__(self) -> None:
        check_measure(self.measure)
        object.__setattr__(self, "_judge", Judge(self.judged_by))

    @property
    def measure(self) -> Measure:
        """As configured."""
        return Measure(self.name, self.risk, self.kind, self.description, self.threshold)

    async def score(self, prompt: Prompt, answer: Answer) -> float | None:
        """The worst score of what is judged."""
        if prompt.empty:
            return None
        text, request = (prompt.last, "") if self.of == "prompt" else (answer.content, prompt.last)
        scores = await self._judge.scores(text, request) if text.strip() else {}
        return max(scores.values(), default=0.0)

    async def warm(self) -> None:
        """Nothing to do: the first question opens the connection."""

    async def aclose(self) -> None:
        """Close the connection."""
        await self._judge.aclose()
