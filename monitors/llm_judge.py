"""A language model as a judge, out of line."""

from dataclasses import dataclass, field
from typing import Literal, cast

from gateway.judge import Judge, JudgeChoice
from monitors.configured import Configured
from monitors.measure import Answer, Prompt


@dataclass(frozen=True, slots=True, kw_only=True)
class LlmJudge(Configured):
    """The worst score that a judge gives the answer (beside the user's last turn), or that turn alone.

    name, risk, kind, description, threshold: the measure; `kind` is `direct` or `indirect`.
    judged_by: see `gateway.judge.JudgeChoice`; an exchange without a verdict counts as a score lost.
    of: what is judged; an answer without text scores 0.

    Cost: one call of the judge for each exchange; asked aside, so that no other monitor waits.

    >>> judge = JudgeChoice(base_url="http://localhost:8000/v1", model="m", rubric="It insults somebody.")
    >>> LlmJudge(name="insults", risk="safety", judged_by=judge).measure.threshold
    0.5
    """

    judged_by: JudgeChoice
    of: Literal["answer", "prompt"] = "answer"
    _judge: Judge = field(init=False, repr=False, compare=False, default=cast("Judge", None))

    def __post_init__(self) -> None:
        Configured.__post_init__(self)
        object.__setattr__(self, "_judge", Judge(self.judged_by))

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
