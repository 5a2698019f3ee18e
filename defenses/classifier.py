"""Any sequence classifier as a detector: bring your own."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import cast

from gateway.detector import ModelDetector
from gateway.text.classifier import SequenceClassifier, shared
from gateway.text.classifier_files import ClassifierChoice
from gateway.types import Exchange, Risk


@dataclass(frozen=True, slots=True, kw_only=True)
class Classifier(ModelDetector):
    """Finds what a transformers or ONNX sequence classifier finds, in each text or each sentence.

    model: which one, and which of its labels count as what: see
        `gateway.text.classifier_files.ClassifierChoice`.
    risk: the risk it is built for: `safety`, `fairness` or `privacy`.
    each: see `gateway.detector.ModelDetector`; other parameters: `gateway.detector.Detector`.

    A score is the model's probability, the highest of the windows of a long text. Texts longer than
    512 windows are refused by `on_error`. Needs the extra [onnx], or [whitebox] where there is no .onnx file.

    Stands at: input or output; a model of your own.
    Cost: one run of your model for each text or sentence.
    Source: whatever your model was published with.

    >>> from gateway.config import Entry, build
    >>> options = {"use": "defenses.classifier:Classifier", "risk": "safety"}
    >>> model = {"path": "no/such/folder", "labels": {"INJECTION": "injection"}}
    >>> build(Entry("defenses[0]", {**options, "model": model}), "__call__")
    Traceback (most recent call last):
        ...
    gateway.errors.ConfigError: defenses[0], line 0: model: there is no folder no/such/folder; ...
    """

    model: ClassifierChoice
    risk: Risk = field()  # what operators say of their model; other defenses know
    _classifier: SequenceClassifier = field(
        init=False, repr=False, compare=False, default=cast("SequenceClassifier", None)
    )

    def __post_init__(self) -> None:
        ModelDetector.__post_init__(self)
        object.__setattr__(self, "_classifier", shared(self.model))

    @property
    def labels(self) -> frozenset[str]:
        return frozenset(self.model.labels.values())

    async def judge(self, sentence: str, before: str, exchange: Exchange) -> Mapping[str, float]:
        return await self._classifier.scores(sentence, self.model.labels)

    async def warm(self) -> None:
        """Load the model."""
        await self._classifier.warm()

    async def aclose(self) -> None:
        """Unload it."""
        await self._classifier.aclose()
