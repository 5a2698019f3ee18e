"""Asks the model itself whether what it answered is harmful."""

import re
from dataclasses import dataclass, replace
from typing import ClassVar

from gateway.asking import ask, total
from gateway.detector import OnFailure
from gateway.errors import ConfigError, DefenseError
from gateway.judge import harmless, unguessed
from gateway.trail import Answer
from gateway.types import Deltas, Exchange, Finding, Finish, Message, Risk, Upstream

QUESTION = (
    "Read the text between the two marks. Does it help anybody to do harm, break the law or hurt people? "
    "Begin your answer with the word Yes or the word No.\n<{mark}>\n{answer}\n</{mark}>\n"
    "Does the text between the marks do that? Yes or No:"
)
_THOUGHT = re.compile(r"<think>.*?</think>", re.DOTALL)
_VERDICT = re.compile(r"\W*(?:answer\W+)?(yes|no)\b(?!-)", re.IGNORECASE)


@dataclass(frozen=True, slots=True, kw_only=True)
class SelfExamination:
    """Shows the complete answer to the model, in a conversation of its own, and blocks it on a yes.

    All of it is shown: reasoning, content, refusal and calls of tools, between marks that its author could
    not know. question: what is asked, with `{answer}` in it, and `{mark}` if you like. model: who is asked, a
    name that the upstream knows; the model that answered unless given. max_tokens: of the verdict.
    on_unclear: what happens where the verdict is neither yes nor no: `block`, `allow` or `flag`.

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
    max_tokens: int = 8
    on_unclear: OnFailure = "block"

    def __post_init__(self) -> None:
        if "{answer}" not in self.question:
            raise ConfigError("question: must contain {answer}, where the answer is put")
        if self.max_tokens < 1:
            raise ConfigError(f"max_tokens: must be at least 1, not {self.max_tokens}")

    async def __call__(self, exchange: Exchange, upstream: Upstream) -> Deltas:
        given = await ask(upstream, exchange)
        replies, text = [given], _everything(given.answer)
        if text.strip():
            verdict = await ask(upstream, self._examination(exchange, text))
            replies.append(verdict)
            findings = self._judged(exchange.layer, verdict.answer.content, len(given.answer.content))
            for finding in findings:
                yield finding
            if any(finding.action == "block" for finding in findings):
                if (usage := total(replies)) is not None:
                    yield usage
                yield Finish("content_filter")
                return
        for delta in (*given.findings, *given.deltas):
            yield delta
        if (usage := total(replies)) is not None:
            yield usage
        yield given.finish

    def _examination(self, exchange: Exchange, text: str) -> Exchange:
        parameters = {"max_tokens": self.max_tokens, "temperature": 0}
        asked = self.question.replace("{mark}", unguessed(text)).replace("{answer}", harmless(text))
        return replace(
            exchange,
            model=self.model or exchange.model,
            messages=(Message("user", asked),),
            parameters=parameters,
            streamed=False,
            steering=None,
        )

    def _judged(self, layer: str, verdict: str, size: int) -> list[Finding]:
        said = _VERDICT.match(_THOUGHT.sub("", verdict))
        if said is not None:
            harmful = said[1].lower() == "yes"
            found = Finding(layer, self.risk, "harmful_answer", "block", "output", "content", 0, size)
            return [found] if harmful else []
        if self.on_unclear == "block":
            raise DefenseError(f"defense {layer}: the examiner's verdict is neither yes nor no")
        if self.on_unclear == "flag":
            return [Finding(layer, self.risk, "unclear_verdict", "flag", "output", "content", 0, size)]
        return []


def _everything(answer: Answer) -> str:
    """All that the client would get."""
    calls = [f"{call.name} {call.arguments}" for call in answer.tool_calls]
    return "\n".join(filter(None, (answer.reasoning, answer.content, answer.refusal, *calls)))
