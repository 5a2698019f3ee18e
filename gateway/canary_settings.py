"""`rollout: canary` of a defense entry: by which steps it is tried, and what it has to show at each."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

import msgspec

from gateway.errors import ConfigError
from gateway.types import Risk

DAY = 86_400.0


class Step(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """One step of the ramp.

    weight: share of units that have the defense, above 0 and below 1. margin: ratio of violations, with the
    defense over without, below which a measure counts as unharmed. Floors, all of which must be reached
    before anything but a rollback: units with the defense, exchanges of both arms, least (seconds).
    most: seconds after which the step ends without proof.
    """

    weight: float
    margin: float
    units: int = 50
    exchanges: int = 500
    least: float = 600.0
    most: float = DAY


STEPS = (
    Step(weight=0.01, margin=3.0),
    Step(weight=0.05, margin=2.0, units=200, exchanges=2000),
    Step(weight=0.25, margin=1.5, units=500, exchanges=4000, least=DAY, most=2 * DAY),
    Step(weight=0.5, margin=1.25, units=500, exchanges=4000, least=DAY, most=14 * DAY),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class CanarySettings:
    """How one defense is tried on live traffic. Times are in seconds, shares and rates in [0, 1].

    begin: `auto` starts a configuration that was never tried by itself. steps: the ramp.

    shadow: least time off-path before the first step; shadow_exchanges: replays with the defense to be
    compared by then; 0 of both leaves the stage out. full: time on for everybody before it is promoted.
    holdback: units that stay without it, watched for `holdback_seconds` before it is promoted.

    alpha: chance that harm is decided where there is none, and, for each measure, that harm as large as the
    margin is passed. tolerance: ratio at which harm begins. margins: of measures that may be worse than the
    steps say. rare: a rate of violations, with the defense, that is as good as none. dry_run: measures that
    are worked out and recorded, and decide nothing.

    failures, over_refusal: shares of exchanges with the defense that end it at once, where they are also
    twice the share without; slowest: seconds that its 99th percentile of added time may not exceed.
    exposure: exchanges with the defense up to which a step may be passed without proof.

    stale: silence of the monitors that stops everything; grace: time to mend that, or arms that came out
    unevenly. cool_down: time before a defense that was rolled back may start again. hours: when a step may
    begin, as `08:00-18:00` UTC; empty is always. weekdays: from Monday to Friday only.
    webhooks: addresses told of each transition. lease: seconds that the gateway keeps a canary whose
    controller is silent, its own grace not counted.
    """

    begin: Literal["auto", "manual"] = "auto"
    steps: tuple[Step, ...] = STEPS
    shadow: float = 3600.0
    shadow_exchanges: int = 100
    shadow_most: float = DAY
    full: float = DAY
    holdback: float = 0.0
    holdback_seconds: float = DAY
    alpha: float = 0.05
    tolerance: float = 1.0
    margins: Mapping[str, float] = field(default_factory=dict)
    rare: float = 0.002
    dry_run: tuple[str, ...] = ()
    failures: float = 0.05
    over_refusal: float = 0.25
    slowest: float = 1.0
    exposure: int = 20_000
    stale: float = 600.0
    grace: float = 3600.0
    cool_down: float = 3600.0
    hours: str = ""
    weekdays: bool = False
    webhooks: tuple[str, ...] = ()
    lease: float = 60.0

    def __post_init__(self) -> None:
        self._check_steps()
        self._check_shares()
        self._check_times()
        opening_hours(self.hours)
        for address in self.webhooks:
            if not address.startswith(("http://", "https://")):
                raise ConfigError(f"webhooks: {address!r} is no http address")

    def _check_shares(self) -> None:
        for name in ("failures", "over_refusal"):
            if not 0 < getattr(self, name) <= 1:
                raise ConfigError(f"{name}: must be above 0 and at most 1; 1 never ends it")
        for name in ("alpha", "rare"):
            if not 0 <= getattr(self, name) < 0.5 or (name == "alpha" and not self.alpha):
                raise ConfigError(f"{name}: must be from 0 to below 0.5, and alpha above 0")
        if not 0 <= self.holdback <= 0.5 or (self.holdback and 1 - self.holdback < self.steps[-1].weight):
            raise ConfigError(
                "holdback: must be from 0 to 0.5 and leave the defense on for as many as the last step"
            )
        if self.tolerance < 1 or any(margin <= 1 for margin in self.margins.values()):
            raise ConfigError("tolerance: must be at least 1, and each of `margins` above 1")

    def _check_times(self) -> None:
        for name in ("shadow", "shadow_exchanges", "full", "holdback_seconds", "grace", "cool_down"):
            if not 0 <= getattr(self, name) < float("inf"):
                raise ConfigError(f"{name}: must be 0 or more")
        for name in ("shadow_most", "slowest", "exposure", "stale"):
            if not getattr(self, name) > 0:
                raise ConfigError(f"{name}: must be above 0")
        if not 1 <= self.lease <= DAY:
            raise ConfigError("lease: must be from 1 second to a day")

    def _check_steps(self) -> None:
        if not self.steps:
            raise ConfigError("steps: there must be at least one")
        last = 0.0
        for number, step in enumerate(self.steps):
            place = f"steps: number {number + 1}"
            if not last < step.weight < 1:
                raise ConfigError(
                    f"{place}: its weight must be above {last:g} (a user never loses the defense again on "
                    "the way up) and below 1"
                )
            if not step.margin > max(self.tolerance, 1.0):
                raise ConfigError(f"{place}: its margin must be above 1 and above the tolerance")
            if min(step.units, step.exchanges) < 1 or not 0 <= step.least <= step.most:
                raise ConfigError(f"{place}: needs units and exchanges of at least 1, and least <= most")
            last = step.weight

    def margin(self, step: int, measure: str) -> float:
        """What a measure has to stay below at a step."""
        return max(self.steps[step].margin, self.margins.get(measure, 0.0))

    def open(self, now: float) -> bool:
        """Whether a step may begin at `now`, in Unix seconds."""
        if self.weekdays and int(now // DAY + 3) % 7 > 4:  # 1 January 1970 was a Thursday
            return False
        begin, end = opening_hours(self.hours)
        time = now % DAY
        return begin <= time < end if begin <= end else time >= begin or time < end


@dataclass(frozen=True, slots=True)
class Plan:
    """A defense that is to be tried. digest: of its configuration, so that another one starts anew."""

    defense: str
    risk: Risk
    digest: str
    settings: CanarySettings = field(default_factory=CanarySettings)


def opening_hours(hours: str) -> tuple[float, float]:
    """Begin and end of `hours`, in seconds after midnight; raises ConfigError.

    >>> opening_hours("08:00-18:30")
    (28800.0, 66600.0)
    """
    if not hours:
        return 0.0, DAY
    try:
        begin, end = (_seconds(part) for part in hours.split("-"))
    except ValueError as error:
        raise ConfigError(f"hours: must be like 08:00-18:00, not {hours!r}") from error
    return begin, end


def _seconds(clock: str) -> float:
    hour, minute = clock.split(":")
    if not (0 <= int(hour) <= 24 and 0 <= int(minute) < 60):
        raise ValueError(clock)
    return int(hour) * 3600.0 + int(minute) * 60.0
