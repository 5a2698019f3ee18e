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
        margins = [self.settings.margin(step, measure) for measure in self.measures]
        found = readings(
            counted, [(name, self.roles[name]) for name in self.measures], margins, self.ever, self.settings
        )
        self.ever |= {one.measure: one.log_harm_ever for one in found}
        return found


def readings(
    counted: Counted,
    subjects: Sequence[tuple[str, Role]],
    margins: Sequence[float],
    ever: Mapping[str, float],
    settings: CanarySettings,
) -> tuple[Reading, ...]:
    """One reading for each measure of `counted`. subjects: their names and roles; ever: harm by name."""
    columns = (
        counted.harm(settings.tolerance).tolist(),
        counted.unharmed(margins, settings.rare).tolist(),
        counted.mismatch(),
        *(counted.units(arm) for arm in (1, 0)),
        *(counted.violations(arm) for arm in (1, 0)),
    )
    return tuple(
        Reading(name, role, harm, max(harm, ever.get(name, 0.0)), *rest)
        for (name, role), harm, *rest in zip(subjects, *columns, strict=True)
    )


def roles(measures: Mapping[str, Risk], target: Risk, settings: CanarySettings) -> dict[str, Role]:
    """The role of each measure for a defense whose risk is `target`."""
    return {
        measure: "dry_run" if measure in settings.dry_run else "target" if risk == target else "guard"
        for measure, risk in measures.items()
    }
