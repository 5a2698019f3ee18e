"""Turns counts into readings, one a measure."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from gateway.canary_settings import CanarySettings
from gateway.types import Risk
from monitors.canary.counted import Counted
from monitors.canary.facts import Reading, Role


@dataclass(slots=True)
class Readings:
    """Reads the counts of one run. measures: in the order of the ledger, by the role each has.

    ever: the largest evidence of harm that was seen of each, since only one process looks.
    """

    measures: Sequence[str]
    roles: Mapping[str, Role]
    settings: CanarySettings
    ever: dict[str, float] = field(default_factory=dict)

    def read(self, counted: Counted, step: int) -> tuple[Reading, ...]:
        """Every measure as it stands now, held against the margins of `step`."""
        harm = counted.harm(self.settings.tolerance).tolist()
        margins = [self.settings.margin(step, measure) for measure in self.measures]
        unharmed = counted.unharmed(margins, self.settings.rare).tolist()
        mismatch = counted.mismatch()
        found = []
        for place, measure in enumerate(self.measures):
            self.ever[measure] = max(harm[place], self.ever.get(measure, 0.0))
            found.append(
                Reading(
                    measure,
                    self.roles[measure],
                    log_harm=harm[place],
                    log_harm_ever=self.ever[measure],
                    log_unharmed=unharmed[place],
                    log_mismatch=mismatch[place],
                    treated=counted.units(place, 1),
                    control=counted.units(place, 0),
                    treated_violations=counted.violations(place, 1),
                    control_violations=counted.violations(place, 0),
                )
            )
        return tuple(found)


def roles(measures: Mapping[str, Risk], target: Risk, settings: CanarySettings) -> dict[str, Role]:
    """The role of each measure for a defense whose risk is `target`."""
    return {
        measure: "dry_run" if measure in settings.dry_run else "target" if risk == target else "guard"
        for measure, risk in measures.items()
    }
