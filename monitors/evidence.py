"""Evidence: every scored exchange and replay, folded into effects, kept across restarts."""

import logging
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from prometheus_client.registry import Collector

from gateway.errors import ConfigError
from gateway.v1 import record_pb2
from monitors.effects.drift import Alarm, Drift
from monitors.effects.effects import Effects
from monitors.effects_exporter import DriftCollector, EffectsCollector
from monitors.measure import Measure, Prompt
from monitors.names import Names
from monitors.observing import observed

log = logging.getLogger(__name__)
EVIDENCE = "evidence.msgpack"
"""Name of the file in the state folder."""
SAVED_EVERY = 10.0
"""Seconds between two snapshots: what a crash can lose."""


class Evidence:
    """Hears scores, and has the matrix of effects.

    file: where the counts are kept; a file of other measures is put aside, and said so.
    """

    def __init__(self, measures: Sequence[Measure], file: Path | None = None) -> None:
        self.measures: Mapping[str, Measure] = {measure.name: measure for measure in measures}
        self.effects = Effects(list(self.measures))
        self.drift = Drift(list(self.measures))
        self.folded = 0
        self.heard: Callable[[record_pb2.Record, Mapping[str, float]], object] | None = None
        """Told of each record whose scores were folded."""
        self.began = time.time()
        self._file = file
        self._changed = False
        if file is not None and file.exists():
            self._load(file)

    def told(self, record: record_pb2.Record, prompt: Prompt, scores: Mapping[str, float]) -> None:
        """Fold the scores of a record, live or replayed."""
        observation = observed(record, prompt, scores, self.measures)
        if new := self.effects.fold(observation):
            self.folded += 1
            self._changed = True
            for alarm in self.drift.fold(observation, new):
                log.warning("drift: %s", told(alarm))
            if any(score.violation for score in observation.scores):
                self.effects.look()
            if self.heard is not None:
                self.heard(record, scores)

    def collectors(self, names: Names) -> list[Collector]:
        """The matrix, and how near each detector is to an alarm, as series."""
        settings = self.effects.settings
        return [
            EffectsCollector(
                self.effects.matrix, self.measures, names, settings.tolerance, 1 - settings.alpha
            ),
            DriftCollector(self.drift, self.measures, names),
        ]

    def save(self) -> None:
        """Write the snapshot, if there is anything new."""
        if self._file is not None and self._changed:
            self.effects.save(self._file)
            self._changed = False

    def _load(self, file: Path) -> None:
        try:
            self.effects.load(file)
        except ConfigError as error:
            aside = file.with_name(f"{file.name}.{time.time():.0f}")
            file.rename(aside)
            log.warning("%s; it is now %s, and the counts begin anew", error, aside.name)


def told(alarm: Alarm) -> str:
    """An alarm in a line, for the log."""
    found = alarm.found
    what = " of ".join(part for part in (alarm.measure, alarm.defense) if part) or "the mix of traffic"
    moved = f", most in {found.moved[0].stratum}" if found.moved else ""
    since = time.strftime("%Y-%m-%d %H:%M:%S", time.localtime(found.since))
    return f"{alarm.kind} {what} went {found.direction} since {since} ({found.method}){moved}"
