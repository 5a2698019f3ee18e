"""Section `replay` of the configuration: which exchanges run again, and what that may cost."""

from dataclasses import dataclass, fields

from gateway.errors import ConfigError

SHARES = ("leave_out", "add", "pairs", "swaps", "swapped_answers")


@dataclass(frozen=True, slots=True, kw_only=True)
class ReplaySettings:
    """Shares of the exchanges, each in [0, 1] and drawn by itself before the outcome is known.

    leave_out: run again without one of the defenses that were on. add: with one that is in shadow. pairs:
    with neither of two defenses, with each alone and with both. swaps: only the defenses look at the prompt
    with the groups of people in it exchanged, of those that mention one; the model is not asked.
    swapped_answers: the same with an answer of the model, once with and once without the exchange, which
    shows how much answers differ by themselves.

    The budget: per_second, replays begun; tokens_per_second, completion tokens that the model makes for
    them, counted once they are there, so that the next one waits; at_once, how many run together; busy,
    exchanges of clients at once from which on none begins and those that run are cancelled.
    """

    leave_out: float = 0.01
    add: float = 0.01
    pairs: float = 0.0
    swaps: float = 0.05
    swapped_answers: float = 0.005
    per_second: float = 20.0
    tokens_per_second: float = 200.0
    at_once: int = 1
    busy: int = 8

    def __post_init__(self) -> None:
        for name in SHARES:
            if not 0 <= getattr(self, name) <= 1:
                raise ConfigError(f"{name}: must be from 0 to 1, not {getattr(self, name)}")
        for field in fields(self):
            if field.name not in SHARES and getattr(self, field.name) <= 0:
                raise ConfigError(f"{field.name}: must be above 0; to have no replays, set the shares to 0")

    @property
    def wanted(self) -> bool:
        """Whether anything runs again."""
        return any(getattr(self, name) for name in SHARES)
