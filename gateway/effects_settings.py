"""Section `effects` of the configuration: what counts as harm, and which defenses are judged together."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from itertools import pairwise

from gateway.errors import ConfigError


@dataclass(frozen=True, slots=True, kw_only=True)
class EffectsSettings:
    """What an operator may tolerate.

    alpha: the chance of error of every interval over its whole life, and of all decisions on harm together.
    tolerance: the ratio of violations with a defense to those without from which on it is harm. margin: the
    ratio below which a defense is no worse; margins: those of single measures. together: pairs of defenses
    whose four arms are counted, so that it is seen what both do together.
    """

    alpha: float = 0.05
    tolerance: float = 1.0
    margin: float = 1.5
    margins: Mapping[str, float] = field(default_factory=dict)
    together: tuple[tuple[str, str], ...] = ()

    def __post_init__(self) -> None:
        if not 0 < self.alpha < 0.5:
            raise ConfigError(f"alpha: must be above 0 and below 0.5, not {self.alpha}")
        if self.tolerance < 1:
            raise ConfigError(f"tolerance: must be 1 or more, not {self.tolerance}")
        for name, margin in (("margin", self.margin), *self.margins.items()):
            if margin <= 1:
                raise ConfigError(f"margins: {name}: must be above 1, not {margin}")
        for first, second in self.together:
            if first == second:
                raise ConfigError(f"together: {first} stands twice in one pair")
        said = sorted(tuple(sorted(pair)) for pair in self.together)
        for one, other in pairwise(said):
            if one == other:
                raise ConfigError(f"together: {' and '.join(one)} are listed twice")
