"""Cell: what is known of one defense's effect on one measure."""

from dataclasses import dataclass

from monitors.effects.interval import Interval


@dataclass(frozen=True, slots=True)
class Arm:
    """What one arm of a cell counts: exchanges scored, units among them, units whose first one violates."""

    scored: int
    units: int
    violations: int


@dataclass(frozen=True, slots=True)
class Cell:
    """One effect. Evidence is in natural logarithms of e-values; 3.0 is proof at the 5 % level for one cell.

    Nothing here is to be believed, or passed, unless `valid`.
    """

    defense: str
    measure: str
    treatment: Arm
    control: Arm
    pairs: int
    """Replayed pairs."""
    ratio: Interval
    """Rate with the defense over rate without, from live traffic."""
    relative: Interval | None
    """Ratio minus one; None with fewer than five violations in control."""
    difference: Interval
    """Rate with minus rate without, exact at any size."""
    score: Interval | None
    """Mean score with minus mean score without, asymptotic; None until there is enough."""
    replayed_ratio: Interval | None
    """The ratio from replays; None without any."""
    replayed_difference: Interval | None
    """The difference from replays; None without any."""
    log_harm: float
    """Against "the ratio is at most the tolerance": mean of the e-values of live traffic and of replays."""
    log_harm_ever: float
    """The largest that `log_harm` was at any look."""
    log_help: float
    """Against "the ratio is at least 1", in the same way."""
    log_noninferior: float
    """Against "the ratio is at least the margin", in the same way."""
    log_score_harm: float
    """Against "the mean score is no higher", exact at any size."""
    log_mismatch: float
    """Against "the units came to the arms as they were sent"."""
    valid: bool
    """Whether that stands, at the 0.1 % level."""
    discordant: int = 0
    """Replayed pairs that violate on one side only: all that replays have to say."""
    decided: bool = False
    """Harm for sure: e-Holm over all cells, by `log_harm_ever`."""
    shown: bool = False
    """Harm to be shown: e-BH over all cells, by `log_harm`."""
