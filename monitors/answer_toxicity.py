"""Safety, indirect: the answer insults, threatens or demeans."""

from dataclasses import dataclass
from typing import ClassVar

from gateway.text.sentiment import negativity
from monitors.measure import Answer, Measure, Prompt, head_score


@dataclass(frozen=True, slots=True)
class AnswerToxicity:
    """How toxic the answer reads; without the encoder, how harsh its words are.

    Cost: the encoder's pass over the answer.

    >>> from gateway.types import Message
    >>> prompt = Prompt((Message("user", "Say something."),))
    >>> AnswerToxicity().score(prompt, Answer("A fine day.")), AnswerToxicity().score(prompt, Answer(""))
    (0.0, 0.0)
    """

    measure: ClassVar[Measure] = Measure(
        "answer_toxicity", "safety", "indirect", "The answer insults, threatens or demeans."
    )

    def score(self, prompt: Prompt, answer: Answer) -> float | None:
        return None if prompt.empty else head_score(answer.content, "toxicity", negativity)
