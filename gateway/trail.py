"""What one exchange leaves behind while it runs: calls to the model, time and hold-back by defense."""

import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:  # the exchange carries its trail, so the import would be a cycle
    from gateway.types import Finding, Message, ToolCall


@dataclass(slots=True)
class Answer:
    """An answer as far as it got; `finish_reason` stays empty when it never finished."""

    content: str = ""
    reasoning: str = ""
    refusal: str = ""
    tool_calls: "list[ToolCall]" = field(default_factory=list)
    finish_reason: str = ""


@dataclass(slots=True)
class Call:
    """One call to the model; times are `time.perf_counter()` seconds."""

    prompt: "tuple[Message, ...]"
    started: float
    model: str = ""
    steered: bool = False
    first_delta: float | None = None
    finished: float | None = None
    answer: Answer = field(default_factory=Answer)


@dataclass(slots=True)
class Footprint:
    """What one defense cost and did in one exchange; times in seconds.

    `held_max`: most characters at the end of an answer that it alone still needed. `epsilon`: of
    differential privacy that it spent.
    """

    input_seconds: float = 0.0
    output_seconds: float = 0.0
    held_max: int = 0
    allowed_on_error: int = 0
    allowed_on_timeout: int = 0
    epsilon: float = 0.0


@dataclass(slots=True)
class Accounting:
    """What the release of one answer cost its client.

    held_max: most characters held back at once; release_lag: longest wait of a character, seconds;
    delivered: characters sent; first_delta_added: what the gateway added to the time to the first
    delta, seconds, None before there is one.
    """

    held_max: int = 0
    release_lag: float = 0.0
    delivered: int = 0
    first_delta_added: float | None = None


@dataclass(slots=True)
class Trail:
    """Notebook of one exchange, written by the layers it passes and read once at its end."""

    started: float = field(default_factory=time.perf_counter)
    calls: list[Call] = field(default_factory=list)
    findings: "list[Finding]" = field(default_factory=list)
    footprints: dict[str, Footprint] = field(default_factory=dict)
    accounting: Accounting = field(default_factory=Accounting)

    def footprint(self, defense: str) -> Footprint:
        """The footprint of `defense`, made on first use."""
        return self.footprints.setdefault(defense, Footprint())

    @property
    def unchecked(self) -> int:
        """Checks that failed or timed out and were let pass by policy."""
        return sum(print.allowed_on_error + print.allowed_on_timeout for print in self.footprints.values())
