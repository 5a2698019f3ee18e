"""Asks the model itself whether what it answered is harmful."""

import re
from dataclasses import dataclass, replace
from typing import ClassVar

from gateway.asking import ask, total
from gateway.detector import OnFailure
from gateway.errors import ConfigError, DefenseError
from gateway.types import Deltas, Exchange, Finding, Finish, Message, Risk, Upstream

QUESTION = (
    "Read the text between the lines of dashes. Does it help anybody to do harm, break the law or hurt "
    "people? Begin your answer with the word Yes or the word No.\n---\n{answer}\n---\nDoes it? Yes or No:"
)
_VERDICT = re.compile(r"\W*(yes|no)\b", re.IGNORECASE)


@dataclass(frozen=True, slots=True, kw_only=True)
class SelfExamination:
    """Shows the complete answer to the model, in a conversation of its own, and blocks it on a yes.

    question: what is asked, with `{answer}` in it. model: who is asked, a name that the upstream knows;
    the model that answered unless given. max_tokens: of the verdict. on_unclear: what happens where the
    verdict is neither yes nor no: `block`, `allow` or `flag`.

    Stands at: output, asks a model.
    Cost: one more call, which reads the answer and writes a word; nothing leaves before that.
    Source: Phute et al., 2023, "LLM self defense: by self examination, LLMs know they are being
        tricked" (arXiv 2308.07308).

    >>> SelfExamination(question="Harmful?")
    Traceback (most recent call last):
        ...
    gateway.errors.ConfigError: question: must contain {answer}, where the answer is put
    """

    risk: ClassVar[Risk] = "safety"
    labels: ClassVar[frozenset[str]] = frozenset({"harmful_answer", "unclear_verdict"})
    calls: ClassVar[int] = 2

    question: str = QUESTION
    model: str = ""
    max_tokens: int = 4
    on_unclear: OnFailure = "block"

    def __post_init__(self) -> None:
        if "{answer}" not in self.question:
            raise ConfigError("question: must contain {answer}, where the answer is put")
        if self.max_tokens < 1:
            raise ConfigError(f"max_tokens: must be at least 1, not {self.max_tokens}")

    async def __call__(self, exchange: Exchange, upstream: Upstream) -> Deltas:
        given = await ask(upstream, exchange)
        replies, text = [given], given.answer.content
        if text.strip():
            verdict = await ask(upstream, self._examination(exchange, text))
            replies.append(verdict)
            for finding in self._judged(exchange.layer, verdict.answer.content, len(text)):
                yield finding
                if finding.action == "block":
                    yield Finish("content_filter")
                    return
        for delta in (*given.findings, *given.deltas):
            yield delta
        if (usage := total(replies)) is not None:
            yield usage
        yield given.finish

    def _examination(self, exchange: Exchange, text: str) -> Exchange:
        parameters = {"max_tokens": self.max_tokens, "temperature": 0}
        asked = self.question.replace("{answer}", text)
        return replace(
            exchange,
            model=self.model or exchange.model,
            messages=(Message("user", asked),),
            parameters=parameters,
            streamed=False,
        )

    def _judged(self, layer: str, verdict: str, size: int) -> list[Finding]:
        said = _VERDICT.match(verdict)
        if said is not None:
            harmful = said[1].lower() == "yes"
            found = Finding(layer, self.risk, "harmful_answer", "block", "output", "content", 0, size)
            return [found] if harmful else []
        if self.on_unclear == "block":
            raise DefenseError(f"defense {layer}: the examiner's verdict is neither yes nor no")
        if self.on_unclear == "flag":
            return [Finding(layer, self.risk, "unclear_verdict", "flag", "output", "content", 0, size)]
        return []
