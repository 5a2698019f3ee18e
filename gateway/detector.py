"""The usual defense: finds spans in a text; the operator chooses what happens to them."""

import asyncio
from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import ClassVar, Literal, get_args

from gateway.errors import ConfigError
from gateway.fusion import Fusion
from gateway.text.rules import LARGE, RuleSet
from gateway.text.sentences import Sentence, last_end, sentences
from gateway.text.views import fold
from gateway.types import Action, Deltas, Detection, Exchange, Risk, Role, Upstream

OnFailure = Literal["block", "flag", "allow"]
Stand = Literal["before", "beside"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Detector(ABC):
    """A defense by subclassing: write `detect`, and `pending` if a match can span deltas.

    action: what happens to a detected span: `block` ends the exchange, `redact` replaces the span,
        `flag` reports it, changes nothing and holds nothing back.
    side: which text is judged: the prompt (`input`), the answer (`output`) or `both`.
    roles: whose turns of a prompt are judged; all by default.
    stands: `before` the model, or `beside` it: the model starts at once and its first delta waits
        for the verdict on the prompt; not for a detector that rewrites it.
    threshold: detections that score lower are ignored; in [0, 1].
    timeout: seconds for one call of `detect`; none by default.
    on_error, on_timeout: what happens to text whose check failed, or timed out: `block` refuses the
        exchange, `flag` lets it pass with a finding, `allow` lets it pass; each pass is counted.
    normalise: also look at the text with look-alikes folded, invisible characters dropped, escapes
        and encoded runs decoded; what is found there counts for the span it stands for.
    """

    lookbehind: ClassVar[int] = 0
    """Characters before the text to be judged that `detect` wants to see again as context."""
    lookahead: ClassVar[int | None] = None
    """Characters after the text to be judged that `detect` wants to see; None for all there are."""
    inline: ClassVar[bool] = False
    """`detect` never waits; those of a group that do wait look at the same time."""

    action: Action = "block"
    side: Literal["input", "output", "both"] = "both"
    roles: tuple[Role, ...] = get_args(Role)
    stands: Stand = "before"
    threshold: float = 0.5
    timeout: float | None = None
    on_error: OnFailure = "block"
    on_timeout: OnFailure = "block"
    normalise: bool = True

    def __post_init__(self) -> None:
        if not 0 <= self.threshold <= 1:
            raise ConfigError(f"threshold: must be in [0, 1], not {self.threshold}")
        if self.timeout is not None and self.timeout <= 0:
            raise ConfigError(f"timeout: must be more than 0 seconds, not {self.timeout}")
        if self.stands == "beside" and self.side == "output":
            raise ConfigError("stands: beside is for the prompt; set side to input or both")
        if self.stands == "beside" and self.action == "redact":
            raise ConfigError(
                "stands: a prompt cannot be redacted beside the model; use before, or block or flag"
            )

    @property
    @abstractmethod
    def risk(self) -> Risk:
        """The risk it is built for: a `ClassVar` of that name, or a field where the operator says."""

    @property
    @abstractmethod
    def labels(self) -> frozenset[str]:
        """Every label it may report, in the same way."""

    @abstractmethod
    async def detect(self, text: str, exchange: Exchange, start: int = 0) -> Sequence[Detection]:
        """Find spans from code point `start` on; text before `start` is context, already released.

        What is found from `start` on must not depend on where `start` lies, as long as no
        detection spans it and `lookbehind` characters before it are there.
        """

    def pending(self, text: str, start: int = 0) -> int:
        """Code points at the end of `text` that later text could still turn into a detection.

        The default needs all of it: right for every detector, and the answer then waits for its end.
        """
        return len(text)

    def glance(self, text: str, start: int = 0, final: bool = False) -> int | None:
        """What `pending` says, if it is plain at a glance that `detect` would find nothing before that.

        None when it is not; a shortcut for what is nearly always so, never to say less than they
        would. When the text is `final`, nothing follows that could need its end.
        """
        return None

    def align(self, text: str, start: int, cut: int) -> int:
        """The last place up to `cut` where text may be parted; asked of those with a `lookahead`."""
        return cut

    def within(self, exchange: Exchange) -> "Detector":
        """The detector as it looks in one exchange, for those whose eyes depend on it."""
        return self

    async def warm(self) -> None:
        """Look once before the first client does, for what is built on first use."""
        await self.detect("Good morning.", Exchange(model="", messages=()))

    def __call__(self, exchange: Exchange, upstream: Upstream) -> Deltas:
        """Alone, a detector is a group of one."""
        return Fusion(((exchange.layer, self),))(exchange, upstream)


@dataclass(frozen=True, slots=True, kw_only=True)
class PatternDetector(Detector):
    """A detector whose eyes are a `RuleSet`; it holds back only what a rule may still need."""

    rules: ClassVar[RuleSet]
    lookbehind: ClassVar[int] = 1
    inline: ClassVar[bool] = True

    def __init_subclass__(cls) -> None:
        cls.lookbehind = max(cls.lookbehind, cls.rules.lookbehind)

    async def detect(self, text: str, exchange: Exchange, start: int = 0) -> Sequence[Detection]:
        if len(text) - start > LARGE:
            return await asyncio.to_thread(self.rules.find, text, start)
        return self.rules.find(text, start)

    def pending(self, text: str, start: int = 0) -> int:
        return self.rules.pending(text)

    def glance(self, text: str, start: int = 0, final: bool = False) -> int | None:
        return self.rules.glance(text, start, final)

    async def warm(self) -> None:
        self.rules.warm()


@dataclass(frozen=True, slots=True, kw_only=True)
class SentenceDetector(Detector):
    """A detector that judges one sentence at a time, with the text before it as context: write `judge`.

    An answer then leaves sentence by sentence. A decoded run is judged like a text of its own.
    """

    lookbehind: ClassVar[int] = 200
    lookahead: ClassVar[int | None] = 0

    @abstractmethod
    async def judge(self, sentence: str, before: str, exchange: Exchange) -> Mapping[str, float]:
        """The score of each label for `sentence`, folded unless `normalise` is off; in [0, 1], 1 worst.

        `before` is up to `lookbehind` characters of the text before it, as they came.
        """

    async def detect(self, text: str, exchange: Exchange, start: int = 0) -> Sequence[Detection]:
        found: list[Detection] = []
        for piece in sentences(text, start):
            before = text[max(piece.start - self.lookbehind, 0) : piece.start]
            sentence = text[piece.start : piece.end]
            scores = await self.judge(fold(sentence) if self.normalise else sentence, before, exchange)
            found += [Detection(piece.start, piece.end, label, score) for label, score in scores.items()]
        return found

    def pending(self, text: str, start: int = 0) -> int:
        return len(text) - last_end(text, start, len(text))

    def align(self, text: str, start: int, cut: int) -> int:
        return last_end(text, start, cut)


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelDetector(SentenceDetector):
    """A detector that asks a model, of its own or behind a network; all questions of a look at once.

    each: what one question is about: each `text` as a whole, for which an answer waits until it is
        complete, or each `sentence`, so that it leaves sentence by sentence.

    With `normalise`, what changes when it is folded is judged both ways, and the worse score counts:
    folding uncovers look-alikes, but spoils a text in another script.
    """

    lookbehind: ClassVar[int] = 0

    each: Literal["text", "sentence"] = "text"

    async def detect(self, text: str, exchange: Exchange, start: int = 0) -> Sequence[Detection]:
        pieces = [Sentence(start, len(text), True)] if self.each == "text" else sentences(text, start)
        try:
            async with asyncio.TaskGroup() as group:
                looks = [group.create_task(self._look(text, piece, exchange)) for piece in pieces]
        except ExceptionGroup as failed:
            raise failed.exceptions[0] from None
        return [detection for look in looks for detection in look.result()]

    async def _look(self, text: str, piece: Sentence, exchange: Exchange) -> list[Detection]:
        source, worst = text[piece.start : piece.end], dict[str, float]()
        for reading in dict.fromkeys((source, fold(source) if self.normalise else source)):
            scores = await self.judge(reading, "", exchange) if reading.strip() else {}
            worst |= {label: max(score, worst.get(label, 0.0)) for label, score in scores.items()}
        return [Detection(piece.start, piece.end, label, score) for label, score in worst.items()]

    def pending(self, text: str, start: int = 0) -> int:
        return len(text) if self.each == "text" else SentenceDetector.pending(self, text, start)
