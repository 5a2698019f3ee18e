"""Observation: what the statistics need to know of one scored exchange; it holds no text."""

from dataclasses import dataclass

from gateway.types import Mode


@dataclass(frozen=True, slots=True)
class Assignment:
    """How one defense stood in an exchange.

    `epoch` names the salt that drew the arm: it changes when units are drawn anew and at no other time,
    since within an epoch a unit counts once. `weight` is the probability with which the defense was on.
    """

    defense: str
    on: bool
    weight: float
    epoch: int
    mode: Mode

    @property
    def randomised(self) -> bool:
        """Whether the other arm was possible, so that the exchange tells something about the effect."""
        return 0 < self.weight < 1 and self.mode in ("canary", "enforce")


@dataclass(frozen=True, slots=True)
class Score:
    """What one measure said: a value in [0, 1], and whether it reached the measure's threshold.

    `covariate`, in [0, 1] too, is anything known before the defense acted, and 0 where nothing is.
    """

    measure: str
    value: float
    violation: bool
    covariate: float = 0.0


@dataclass(frozen=True, slots=True)
class Observation:
    """One exchange as far as it was scored; a measure that does not apply, or has not come yet, is left out.

    Scores that come later travel in another observation of the same exchange. `replay_of` is the exchange
    that this one replays, empty for live traffic. `at` is when it ended, in seconds.
    """

    exchange: str
    unit: bytes
    stratum: str
    assignments: tuple[Assignment, ...]
    scores: tuple[Score, ...]
    replay_of: str = ""
    at: float = 0.0
