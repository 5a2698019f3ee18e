"""Tally: counts the exchanges of one stage as they come; ids of units are kept up to the floor only."""

from collections.abc import Iterable

import msgspec

from gateway.canary_settings import CanarySettings
from gateway.v1 import record_pb2
from monitors.canary.facts import Share

BUCKETS = (0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1.0, 2.0, 5.0, 10.0)
"""Upper ends in seconds of the time that a defense took; what is above the last has a bucket of its own."""
EXPECTED = 20
"""Scores of a measure that were to be expected and did not come, before it counts as stale."""


class Tally(msgspec.Struct):
    """exchanges: of both arms in this stage; times: of the defense, where it was on, by bucket.

    scored: of the whole run, by measure the exchanges seen, those scored, and those since the last score.
    """

    exchanges: int = 0
    treated: int = 0
    failed: int = 0
    failed_without: int = 0
    slow: int = 0
    shadowed: int = 0
    times: list[int] = msgspec.field(default_factory=lambda: [0] * (len(BUCKETS) + 1))
    units: set[str] = msgspec.field(default_factory=set)
    scored: dict[str, list[int]] = msgspec.field(default_factory=dict)

    def begin(self) -> "Tally":
        """The tally of the next stage."""
        return Tally(scored=self.scored)

    def add(
        self,
        record: record_pb2.Record,
        one: record_pb2.DefenseRecord,
        settings: CanarySettings,
        floor: int,
    ) -> None:
        """Count an exchange of traffic in which `one` is the record of the defense."""
        failed = record.outcome == record_pb2.OUTCOME_FAILED
        self.exchanges += 1
        for counts in self.scored.values():
            counts[0] += 1
            counts[2] += 1
        if not one.on:
            self.failed_without += failed
            return
        self.treated += 1
        self.failed += failed
        self.time(one.seconds, settings)
        if len(self.units) < floor:
            self.units.add(record.unit_hash.hex())

    def shadow(self, one: record_pb2.DefenseRecord, settings: CanarySettings, failed: bool) -> None:
        """Count a replay with the defense."""
        self.shadowed += 1
        self.treated += 1
        self.failed += failed
        self.time(one.seconds, settings)

    def time(self, seconds: float, settings: CanarySettings) -> None:
        """Count how long the defense took."""
        self.slow += seconds > settings.slowest
        self.times[sum(seconds > end for end in BUCKETS)] += 1

    def heard(self, measures: Iterable[str]) -> None:
        """Note that an exchange got these scores."""
        for measure in measures:
            counts = self.scored.setdefault(measure, [1, 0, 0])
            counts[1] += 1
            counts[2] = 0

    @property
    def stale(self) -> tuple[str, ...]:
        """Measures that came at some rate and came no more."""
        return tuple(
            measure
            for measure, (seen, scored, since) in sorted(self.scored.items())
            if scored >= EXPECTED and since > EXPECTED * seen / scored + 100
        )

    @property
    def failures(self) -> Share:
        """Exchanges that failed."""
        return Share(self.failed, self.treated, self.failed_without, self.exchanges - self.treated)

    @property
    def p99(self) -> float:
        """Upper end of the bucket that the 99th percentile of the defense's time is in; 0 of nothing."""
        total, below = sum(self.times), 0
        for count, end in zip(self.times, (*BUCKETS, float("inf")), strict=True):
            below += count
            if total and below >= 0.99 * total:
                return end
        return 0.0
