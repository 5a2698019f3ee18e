"""Facts: what a decision is made on; numbers only."""

from dataclasses import dataclass, field
from typing import Literal

from monitors.intervals import wilson

Role = Literal["guard", "target", "dry_run"]
"""guard: must not be harmed. target: of the risk that the defense is for. dry_run: decides nothing."""


@dataclass(frozen=True, slots=True)
class Reading:
    """One measure since the run began; evidence in natural logarithms of e-values.

    log_harm: against "no worse than the tolerance", now; log_harm_ever: the largest that it was.
    log_unharmed: against "as bad as the margin of this step, and not rare", now. log_mismatch: against
    "units came to the arms as they were drawn". treated, control: units scored, and violations at the first
    eligible exchange of each.
    """

    measure: str
    role: Role
    log_harm: float = 0.0
    log_harm_ever: float = 0.0
    log_unharmed: float = 0.0
    log_mismatch: float = 0.0
    treated: int = 0
    control: int = 0
    treated_violations: int = 0
    control_violations: int = 0


@dataclass(frozen=True, slots=True)
class Share:
    """So many of so many, with the defense and without."""

    hits: int = 0
    of: int = 0
    hits_without: int = 0
    of_without: int = 0

    def beyond(self, limit: float, least: int) -> bool:
        """Whether the share with the defense is surely above the limit, and above twice that without.

        >>> Share(30, 100, 1, 900).beyond(0.05, 20), Share(30, 100, 250, 900).beyond(0.05, 20)
        (True, False)
        """
        if self.of < least:
            return False
        without = self.hits_without / self.of_without if self.of_without else 0.0
        return wilson(self.hits / self.of, self.of).lower > max(limit, 2 * without)


@dataclass(frozen=True, slots=True)
class Facts:
    """Counts are of the present stage or step, but for the readings and `refused`, which are of the run.

    exchanges: of both arms; treated: with the defense; units: with the defense, counted up to the floor.
    shadowed: replays with the defense that were compared. failed: exchanges that failed. slow: exchanges
    that the defense held up for longer than it may. silent: nothing is scored although there is traffic.
    stale: measures whose scores stopped coming. killed: the kill switch is on. moved: somebody else changed
    the row of the defense.
    """

    readings: tuple[Reading, ...] = ()
    exchanges: int = 0
    treated: int = 0
    units: int = 0
    shadowed: int = 0
    failed: Share = field(default_factory=Share)
    slow: Share = field(default_factory=Share)
    refused: Share = field(default_factory=Share)
    silent: bool = False
    stale: tuple[str, ...] = ()
    killed: bool = False
    moved: bool = False
