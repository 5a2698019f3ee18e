"""The one table from errors to the status codes of both front doors."""

import logging
import traceback
from dataclasses import dataclass

import grpc

from gateway.errors import (
    DefenseError,
    GatewayError,
    InvalidRequestError,
    JudgeError,
    OverloadedError,
    ReplayCancelledError,
    ReplayRefusedError,
    RolloutRefusedError,
    StaleRolloutError,
    UnknownModelError,
    UpstreamError,
    UpstreamTimeoutError,
)

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Status:
    """How one kind of error looks from outside; `type` and `code` are OpenAI's words for it."""

    grpc: grpc.StatusCode
    http: int
    type: str
    code: str | None = None


INTERNAL = Status(grpc.StatusCode.INTERNAL, 500, "server_error", "internal_error")

# The first class that fits wins, so subclasses stand before their base.
_TABLE: tuple[tuple[type[GatewayError], Status], ...] = (
    (UnknownModelError, Status(grpc.StatusCode.NOT_FOUND, 404, "invalid_request_error", "model_not_found")),
    (InvalidRequestError, Status(grpc.StatusCode.INVALID_ARGUMENT, 400, "invalid_request_error")),
    (OverloadedError, Status(grpc.StatusCode.RESOURCE_EXHAUSTED, 429, "rate_limit_error", "overloaded")),
    (StaleRolloutError, Status(grpc.StatusCode.ABORTED, 409, "invalid_request_error", "stale_rollout")),
    (
        RolloutRefusedError,
        Status(grpc.StatusCode.FAILED_PRECONDITION, 409, "invalid_request_error", "rollout_refused"),
    ),
    (
        ReplayRefusedError,
        Status(grpc.StatusCode.FAILED_PRECONDITION, 409, "invalid_request_error", "replay_refused"),
    ),
    (ReplayCancelledError, Status(grpc.StatusCode.ABORTED, 409, "server_error", "replay_cancelled")),
    (
        UpstreamTimeoutError,
        Status(grpc.StatusCode.DEADLINE_EXCEEDED, 504, "server_error", "upstream_timeout"),
    ),
    (UpstreamError, Status(grpc.StatusCode.UNAVAILABLE, 502, "server_error", "upstream_unavailable")),
    (DefenseError, Status(grpc.StatusCode.INTERNAL, 500, "server_error", "defense_failed")),
)


def status_of(error: Exception) -> Status:
    """The status of `error`; what is not ours is an internal error."""
    return next((status for kind, status in _TABLE if isinstance(error, kind)), INTERNAL)


def public_message(error: Exception) -> str:
    """What a client may read about `error`: nothing of a defense's or a bug's insides."""
    if isinstance(error, DefenseError):
        return "a defense could not judge this exchange, so it was refused"
    if isinstance(error, GatewayError):
        return str(error)
    return "the gateway failed; the exchange is not complete"


def log_failure(error: Exception) -> None:
    """Log where an unexpected error came from, without a foreign message, which may quote a prompt."""
    if isinstance(error, GatewayError) and not isinstance(error, DefenseError):
        return
    cause = error.__cause__ or error
    frames = "".join(traceback.format_tb(cause.__traceback__))
    said = str(error) if isinstance(error, GatewayError) else type(error).__name__
    why = str(cause) if isinstance(cause, JudgeError) else type(cause).__name__
    log.error("%s, caused by %s at\n%s", said, why, frames)
