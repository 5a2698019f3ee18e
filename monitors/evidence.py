"""Evidence: every scored exchange and replay, folded into effects, kept across restarts."""

import logging
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from prometheus_client.registry import Collector

from gateway.effects_settings import EffectsSettings
from gateway.errors import ConfigError
from gateway.types import Risk
from gateway.v1 import record_pb2
from gateway.wire import RISK_FROM_PROTO
from monitors.calibration import Known
from monitors.correcting import Correction, corrected
from monitors.effects.cell import Cell
from monitors.effects.drift import Alarm, Drift, Statistic
from monitors.effects.effects import MAX_DEFENSES, Effects
from monitors.effects.estimate import Settings
from monitors.effects.joint import Interaction, Sides, asymmetries, interactions
from monitors.effects.observation import Observation
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

    file: where the counts are kept; a file that cannot be read is put aside, and said so. chosen: what counts
    as harm. known: errors of the measures. `targets` has the risk of each defense that was seen.
    """

    def __init__(
        self,
        measures: Sequence[Measure],
        file: Path | None = None,
        chosen: EffectsSettings | None = None,
        known: Sequence[Known] = (),
    ) -> None:
        self.measures: Mapping[str, Measure] = {measure.name: measure for measure in measures}
        chosen = chosen or EffectsSettings()
        self._check(chosen)
        self.targets: dict[str, Risk] = {}
        self._known = tuple(known)
        self.together = chosen.together
        settings = Settings(chosen.alpha, chosen.tolerance, chosen.margin, chosen.margins)
        self.effects = Effects(list(self.measures), chosen.together, settings)
        self.drift = Drift(list(self.measures))
        # The scrape is served on a thread of its own, and must not meet a table that grows.
        self._lock = threading.Lock()
        self.folded = 0
        self.heard: Callable[[record_pb2.Record, Mapping[str, float]], object] | None = None
        """Told of each record whose scores were folded."""
        self.began = time.time()
        self.last: float | None = None
        """When something was folded, in seconds."""
        self._file = file
        self._changed = False
        if file is not None and file.exists():
            self._load(file)

    def told(self, record: record_pb2.Record, prompt: Prompt, scores: Mapping[str, float]) -> None:
        """Fold the scores of a record, live or replayed."""
        observation = observed(record, prompt, scores, self.measures)
        for one in record.defenses:
            if one.risk in RISK_FROM_PROTO and len(self.targets) < MAX_DEFENSES:
                self.targets[one.defense] = RISK_FROM_PROTO[one.risk]
        with self._lock:
            counted = self._fold(observation)
        if counted and self.heard is not None:
            self.heard(record, scores)

    def _fold(self, observation: Observation) -> bool:
        new = self.effects.fold(observation)
        if not new:
            return False
        self.folded += 1
        self.last = time.time()
        self._changed = True
        for alarm in self.drift.fold(observation, new):
            log.warning("drift: %s", told(alarm))
        if any(score.violation for score in observation.scores):
            self.effects.look()
        return True

    def joined(
        self, record: record_pb2.Record, defenses: tuple[str, str], arms: Sequence[Mapping[str, float]]
    ) -> None:
        """Fold the scores of one exchange with none of two defenses, the first, the second, both."""
        scored = [observed(record, Prompt(()), scores, self.measures).scores for scores in arms]
        with self._lock:
            self.effects.fold_joint(record.unit_hash, defenses, scored)
            self._changed = True

    def matrix(self) -> list[Cell]:
        """Every effect with evidence."""
        with self._lock:
            return self.effects.matrix()

    def corrected(self, cell: Cell) -> Correction | None:
        """A live effect corrected for what is known of the errors of its measure."""
        return corrected(cell, self._known, self.effects.settings.alpha)

    def statistics(self) -> list[Statistic]:
        """Where every detector of a change stands."""
        with self._lock:
            return self.drift.statistics()

    def interactions(self) -> list[Interaction]:
        """What the chosen pairs of defenses do together."""
        with self._lock:
            return list(interactions(self.effects.ledger, self.effects.settings, self.together))

    def asymmetries(self) -> list[Sides]:
        """How the defenses of two risks treat each other's."""
        risks = {name: measure.risk for name, measure in self.measures.items()}
        with self._lock:
            return list(asymmetries(self.effects.ledger, self.effects.settings, self.targets, risks))

    def collectors(self, names: Names) -> list[Collector]:
        """The matrix, and how near each detector is to an alarm, as series."""
        settings = self.effects.settings
        return [
            EffectsCollector(self.matrix, self.measures, names, settings.tolerance, 1 - settings.alpha),
            DriftCollector(self.drift, self.statistics, self.measures, names),
        ]

    def save(self) -> None:
        """Write the snapshot, if there is anything new."""
        if self._file is None or not self._changed:
            return
        try:
            self.effects.save(self._file)
        except OSError as error:
            log.warning("%s cannot be written (%s); tried again later", self._file.name, error.strerror)
        else:
            self._changed = False

    def _check(self, chosen: EffectsSettings) -> None:
        for name in chosen.margins:
            if name not in self.measures:
                known = ", ".join(sorted(self.measures))
                raise ConfigError(f"effects: margins: nothing measures {name!r}; there is {known}")

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
