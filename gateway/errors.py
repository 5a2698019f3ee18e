"""Every error the gateway raises on purpose.

::

    GatewayError
    ├ ConfigError              start-up or reload only; names the entry
    ├ InvalidRequestError      INVALID_ARGUMENT      400
    │ ├ UnknownModelError      NOT_FOUND             404
    │ └ TextTooLongError       INVALID_ARGUMENT      400
    ├ OverloadedError          RESOURCE_EXHAUSTED    429
    ├ UpstreamError            UNAVAILABLE           502
    │ └ UpstreamTimeoutError   DEADLINE_EXCEEDED     504
    ├ StaleRolloutError        ABORTED               409, on the control socket only
    ├ RolloutRefusedError      FAILED_PRECONDITION   409, on the control socket only
    ├ NotSavedError            INTERNAL              500, on the control socket only
    ├ ReplayRefusedError       FAILED_PRECONDITION   409
    ├ ReplayCancelledError     ABORTED               409
    ├ DefenseError             INTERNAL              500, a generic sentence; fail closed
    └ JudgeError               a defense or a monitor that asked failed, by its policy

A blocked exchange is not an error: it ends with finish reason `content_filter`.
Each upstream translates its library's exceptions at its own border; `gateway.servers.status`
holds the one table to status codes.
"""


class GatewayError(Exception):
    """Base of them all; the message may be shown to a client."""


class ConfigError(GatewayError):
    """A configuration that cannot be used; the message names the entry and the remedy."""


class InvalidRequestError(GatewayError):
    """A request that cannot be served as it is. `parameter` names the offending field."""

    def __init__(self, message: str, parameter: str | None = None) -> None:
        super().__init__(message)
        self.parameter = parameter


class UnknownModelError(InvalidRequestError):
    """A request for a model that no configured upstream serves."""


class TextTooLongError(InvalidRequestError):
    """A text that is longer than a classifier reads; it names the limit."""


class OverloadedError(GatewayError):
    """More exchanges than the gateway or its upstream takes at once."""


class StaleRolloutError(GatewayError):
    """A change that was meant for another version of the rollout table."""


class RolloutRefusedError(GatewayError):
    """A change of the rollout table that the configuration, or the table, does not allow."""


class NotSavedError(GatewayError):
    """A change of the rollout table that did not reach the disk."""


class UpstreamError(GatewayError):
    """The upstream is down, broke off or answered nonsense."""


class UpstreamTimeoutError(UpstreamError):
    """The upstream did not answer within the deadline."""


class ReplayRefusedError(GatewayError):
    """An exchange that must not run again."""


class ReplayCancelledError(GatewayError):
    """A replay that gave way to traffic."""


class DefenseError(GatewayError):
    """A defense failed; the exchange is refused unless its policy says otherwise. `defense` names it."""

    def __init__(self, message: str, defense: str = "") -> None:
        super().__init__(message)
        self.defense = defense


class JudgeError(GatewayError):
    """A judge gave no verdict: it failed, spoke nonsense, or its budget is spent."""
