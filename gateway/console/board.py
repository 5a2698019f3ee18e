"""What a console shows: plain values, whoever told them; ratios, rates and counts, never a text."""

from dataclasses import dataclass
from typing import Literal, Protocol

from gateway.types import Risk
from gateway.v1.control_pb2 import GetStatusResponse

Flag = Literal["HARM", "harm likely", "helps", "INVALID", ""]
"""What is to be said of an effect, in the words of `crossrisk effects`; empty while it is open."""
Told = Literal["live", "replays", "nothing"]
"""Whose word an interval is: arms drawn on live traffic, replays, or nobody's yet."""


@dataclass(frozen=True, slots=True)
class Span:
    """An interval that holds at every look; without an estimate nothing is known; an end may be infinite."""

    estimate: float | None
    lower: float
    upper: float


@dataclass(frozen=True, slots=True)
class Counted:
    """One arm: exchanges scored, units among them, units whose first one was a violation."""

    scored: int = 0
    units: int = 0
    violations: int = 0


@dataclass(frozen=True, slots=True)
class Effect:
    """One defense on one measure. ratio: rate of violations with over without; points: with minus without.

    known: whether there was a violation at all. evidence: natural logarithms of e-values, by question.
    """

    defense: str
    risk: Risk
    measure: str
    flag: Flag
    told: Told
    known: bool
    ratio: Span
    points: Span
    treatment: Counted
    control: Counted
    pairs: int
    evidence: dict[str, float]

    @property
    def key(self) -> str:
        """Tells it from every other."""
        return f"{self.defense}/{self.measure}"


@dataclass(frozen=True, slots=True)
class Change:
    """An alarm: what changed, in words, and since when; times in seconds."""

    key: str
    words: str
    since: float
    at: float
    statistic: float
    threshold: float
    moved: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Detector:
    """How near a detector of a change is to an alarm."""

    what: str
    kind: str
    method: str
    direction: str
    value: float
    threshold: float

    @property
    def key(self) -> str:
        """Tells it from every other."""
        return "/".join((self.kind, self.what, self.method, self.direction))

    @property
    def share(self) -> float:
        """Of the way to an alarm, in [0, 1]."""
        return min(max(self.value / self.threshold, 0.0), 1.0) if self.threshold > 0 else 0.0


@dataclass(frozen=True, slots=True)
class Matrix:
    """All that the monitors tell. at, last_fold: seconds since 1970; seconds: since the monitors began."""

    effects: tuple[Effect, ...]
    changes: tuple[Change, ...]
    detectors: tuple[Detector, ...]
    at: float
    alpha: float
    tolerance: float
    folded: int
    seconds: float
    last_fold: float | None


@dataclass(frozen=True, slots=True)
class Stratum:
    """One kind of exchange at one weight."""

    name: str
    weight: float
    treatment: Counted
    control: Counted


@dataclass(frozen=True, slots=True)
class Prospect:
    """A question, and what it still needs, in words."""

    question: str
    words: str
    settled: bool


@dataclass(frozen=True, slots=True)
class Explained:
    """Where one effect's evidence comes from, and what would settle it."""

    effect: Effect
    strata: tuple[Stratum, ...]
    prospects: tuple[Prospect, ...]


@dataclass(frozen=True, slots=True)
class Monitors:
    """The monitors as this process hears them: when they last answered, and since when they do not."""

    matrix: Matrix | None = None
    heard: float | None = None
    lost: float | None = None


@dataclass(frozen=True, slots=True)
class Board:
    """Everything at once. at, began: seconds since 1970; began: of the gateway's process."""

    at: float
    began: float
    gateway: GetStatusResponse | None
    monitors: Monitors
    process: str = ""


class Source(Protocol):
    """Who is asked for effects.

    Raises UpstreamError where nobody answers, InvalidRequestError for a pair of which nothing is known.
    """

    async def matrix(self) -> Matrix: ...

    async def explain(self, defense: str, measure: str) -> Explained: ...
