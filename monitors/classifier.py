"""Any sequence classifier as a monitor: bring your own."""

from dataclasses import dataclass, field
from typing import Literal, cast

from gateway.text.classifier import SequenceClassifier, shared
from gateway.text.classifier_files import ClassifierChoice
from monitors.configured import Configured
from monitors.measure import Answer, Prompt


@dataclass(frozen=True, slots=True, kw_only=True)
class Classifier(Configured):
    """The highest probability of a label that counts, in the answer, the user's last turn, or both.

    name, risk, kind, description, threshold: the measure; `kind` is `direct` or `indirect`.
    model: see `gateway.text.classifier_files.ClassifierChoice`. of: what is judged; an answer without
        text scores 0.

    Cost: the classifier, once for each text; asked aside, so that no other monitor waits.

    >>> model = {"path": "no/such/folder", "labels": {"toxic": "toxicity"}}
    >>> from gateway.config import Entry, build
    >>> options = {"use": "monitors.classifier:Classifier", "name": "toxicity", "risk": "safety"}
    >>> build(Entry("monitors[0]", {**options, "model": model}), "score")
    Traceback (most recent call last):
        ...
    gateway.errors.ConfigError: monitors[0], line 0: model: there is no folder no/such/folder; ...
    """

    model: ClassifierChoice
    of: Literal["answer", "prompt", "both"] = "answer"
    _classifier: SequenceClassifier = field(
        init=False, repr=False, compare=False, default=cast("SequenceClassifier", None)
    )

    def __post_init__(self) -> None:
        Configured.__post_init__(self)
        object.__setattr__(self, "_classifier", shared(self.model))

    async def score(self, prompt: Prompt, answer: Answer) -> float | None:
        """The worst score of what is judged."""
        if prompt.empty:
            return None
        texts = [prompt.last] if self.of != "answer" else []
        texts += [answer.content] if self.of != "prompt" else []
        rows = [await self._classifier.scores(text, self.model.labels) for text in texts if text.strip()]
        return max((score for row in rows for score in row.values()), default=0.0)

    async def warm(self) -> None:
        """Load the model."""
        await self._classifier.warm()

    async def aclose(self) -> None:
        """Unload it."""
        await self._classifier.aclose()
