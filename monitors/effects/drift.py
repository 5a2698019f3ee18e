"""Drift: what has changed since it was learned: a measure, an effect, or the traffic mix.

* A measure's rate is held against what its stratum and hour had before. A rollout that changes it shows too.
* An effect is held against its own ratio: given a violation, only the arm it came from is evidence, so the
  concurrent control answers for everything that moves both arms (the hour, the mix, the model).
* The mix is compared window by window.

A unit counts once a day for each measure, lest one unit's mood be taken for everyone's. What is learned is
learned anew after a restart.
"""

from collections import Counter, deque
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal

from monitors.effects.baseline import Rates, Ratio, hour_of
from monitors.effects.cusum import (
    FACTOR,
    arm_evidence,
    arm_threshold_for,
    rate_evidence,
    threshold_for,
    treated_share,
)
from monitors.effects.firsts import MAX_MEASURES, Firsts
from monitors.effects.mix import DRAWS, Mix, Shift
from monitors.effects.observation import Assignment, Observation
from monitors.effects.watch import BETS, Bet, Direction, Found, Method, Moved, Watch

Kind = Literal["measure", "effect", "mix"]

_BENEFIT = 2.0  # standard errors of a learned baseline that are not taken for drift
KEPT = 100
"""Alarms that are remembered."""


@dataclass(frozen=True, slots=True)
class Alarm:
    """A change: what changed, since when (seconds), and the strata, the one that moved most first."""

    kind: Kind
    measure: str
    defense: str
    at: float
    found: Found


@dataclass(frozen=True, slots=True)
class Statistic:
    """How near a detector is to an alarm; `measure` and `defense` are empty where they mean nothing."""

    kind: Kind
    measure: str
    defense: str
    method: Method
    direction: Direction
    value: float
    threshold: float


@dataclass(frozen=True, slots=True)
class Patience:
    """How often a false alarm may come.

    `violations` pass on average between two false alarms of one detector of one stream: at 50,000 exchanges
    a day and a rate of 2 %, 20,000 are twenty days. `windows` is the same for windows of the mix.
    """

    violations: float = 20_000
    windows: float = 2_000

    def __post_init__(self) -> None:
        if self.windows > DRAWS / 2:
            raise ValueError(
                f"windows: {self.windows} is more than {DRAWS} permutations can tell; at most half"
            )


@dataclass(slots=True)
class _Measure:
    rates: Rates = field(default_factory=Rates)
    watch: Watch | None = None
    bets: dict[tuple[str, int], Bet] = field(default_factory=dict)


@dataclass(slots=True)
class _Effect:
    ratio: Ratio = field(default_factory=Ratio)
    watches: dict[float, Watch] = field(default_factory=dict)
    bets: dict[tuple[float, bool, str], Bet] = field(default_factory=dict)


class Drift:
    """Folds the same observations as `Effects`. Raises ValueError for more than 63 measures."""

    def __init__(
        self,
        measures: Sequence[str],
        patience: Patience | None = None,
        baselines: Mapping[tuple[str, str], float] | None = None,
    ) -> None:
        if len(measures) >= MAX_MEASURES:
            raise ValueError(f"drift: {len(measures)} measures are more than the {MAX_MEASURES - 1} that fit")
        self.alarms: deque[Alarm] = deque(maxlen=KEPT)
        self.counted: Counter[tuple[str, str, str, str, str]] = Counter()
        """Alarms by kind, measure, defense, method and direction."""
        self._patience = patience or Patience()
        self._places = {measure: place for place, measure in enumerate(measures)}
        self._measures = [_Measure() for _ in measures]
        self._effects: dict[tuple[str, str], _Effect] = {}
        self._baselines = dict(baselines or {})
        self._mix = Mix()
        self._shift: Shift | None = None
        self._units = Firsts()

    def fold(self, observation: Observation, new: int) -> list[Alarm]:
        """Watch an observation of which the measures `new` (bits, as `Effects.fold` returns them) are new."""
        if observation.replay_of or not new:
            return []
        seen = 1 << MAX_MEASURES - 1
        fresh = self._units.of(observation.unit, int(observation.at // 86_400), new | seen, 0).eligible
        found: list[Alarm] = []
        if fresh & seen:
            self._watch_mix(observation, found)
        for score in observation.scores:
            place = self._places.get(score.measure)
            if place is None or not fresh >> place & 1:
                continue
            self._watch_measure(self._measures[place], score.measure, observation, score.violation, found)
            if score.violation:
                self._watch_effects(score.measure, observation, found)
        self.alarms.extend(found)
        for alarm in found:
            change = alarm.found
            self.counted[alarm.kind, alarm.measure, alarm.defense, change.method, change.direction] += 1
        return found

    def statistics(self) -> list[Statistic]:
        """Where every detector stands that has learned what to expect."""
        told = [
            Statistic("measure", measure, "", *detector)
            for measure, place in self._places.items()
            if (watch := self._measures[place].watch) is not None
            for detector in watch.statistics
        ]
        for (defense, measure), effect in sorted(self._effects.items()):
            # A rollout's steps have a watch each; the one nearest to an alarm speaks for the effect.
            rows = [row for watch in effect.watches.values() for row in watch.statistics]
            nearest = {row[:2]: row for row in sorted(rows, key=lambda row: row[2] / row[3])}
            told += [Statistic("effect", measure, defense, *row) for row in nearest.values()]
        if self._shift is not None:
            told.append(
                Statistic("mix", "", "", "permutation", "up", 1 / self._shift.chance, self._patience.windows)
            )
        return told

    def _watch_mix(self, observation: Observation, found: list[Alarm]) -> None:
        shift = self._mix.add(observation.stratum, observation.at)
        if shift is None:
            return
        self._shift = shift
        if shift.chance <= 1 / self._patience.windows:
            moved = tuple(Moved(stratum, 0.0, 0.0) for stratum in shift.moved)
            change = Found(
                "permutation", "up", self._mix.since, 1 / shift.chance, self._patience.windows, moved
            )
            found.append(Alarm("mix", "", "", observation.at, change))

    def _watch_measure(
        self, state: _Measure, name: str, observation: Observation, violation: bool, found: list[Alarm]
    ) -> None:
        if state.watch is None:
            state.rates.add(observation.stratum, violation, observation.at)
            if state.rates.ready:
                wanted, rate = self._patience.violations, min(state.rates.overall, 0.9)
                up, down = (threshold_for(wanted, rate, factor) for factor in (FACTOR, 1 / FACTOR))
                state.watch = Watch(up, down, wanted)
            return
        key = observation.stratum, hour_of(observation.at)
        bet = state.bets.get(key)
        if bet is None:
            bet = state.bets[key] = _rate_bet(state.rates, *key)
        change = state.watch.add(bet, float(violation), observation.at, violation=violation)
        if change is not None:
            found.append(Alarm("measure", name, "", observation.at, change))

    def _watch_effects(self, name: str, observation: Observation, found: list[Alarm]) -> None:
        for part in observation.assignments:
            if part.randomised:
                change = self._watch_effect(name, part, observation)
                if change is not None:
                    found.append(Alarm("effect", name, part.defense, observation.at, change))

    def _watch_effect(self, name: str, part: Assignment, observation: Observation) -> Found | None:
        effect = self._effects.get((part.defense, name))
        if effect is None:
            effect = self._effects[part.defense, name] = _Effect()
        given = self._baselines.get((part.defense, name))
        if given is None and not effect.ratio.ready:
            effect.ratio.add(part.weight, part.on)
            return None
        bet = effect.bets.get((part.weight, part.on, observation.stratum))
        if bet is None:
            bet = self._effect_bet(effect, part, given, observation.stratum)
        return effect.watches[part.weight].add(bet, float(part.on), observation.at)

    def _effect_bet(self, effect: _Effect, part: Assignment, given: float | None, stratum: str) -> Bet:
        low, ratio, high = (
            effect.ratio.expected(side) if given is None else given for side in (-_BENEFIT, 0, _BENEFIT)
        )
        if part.weight not in effect.watches:
            effect.watches[part.weight] = self._effect_watch(treated_share(part.weight, ratio))
        bet = effect.bets[part.weight, part.on, stratum] = _arm_bet(part, stratum, high, low)
        return bet

    def _effect_watch(self, share: float) -> Watch:
        wanted = self._patience.violations
        return Watch(arm_threshold_for(wanted, share), arm_threshold_for(wanted, share, 1 / FACTOR), wanted)


def _rate_bet(rates: Rates, stratum: str, hour: int) -> Bet:
    parts = [
        rate_evidence(rates.expected(stratum, hour, _BENEFIT if bet > 1 else -_BENEFIT), bet) for bet in BETS
    ]
    violation, absence = zip(*parts, strict=True)
    return Bet(stratum, violation, absence, rates.expected(stratum, hour, 0))


def _arm_bet(part: Assignment, stratum: str, high: float, low: float) -> Bet:
    parts = [arm_evidence(part.weight, high if bet > 1 else low, bet) for bet in BETS]
    treated, untreated = zip(*parts, strict=True)
    return Bet(
        stratum, treated if part.on else untreated, (), treated_share(part.weight, (high * low) ** 0.5)
    )
