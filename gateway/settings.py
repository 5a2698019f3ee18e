"""Section `gateway` of the configuration, and what the gateway may keep for people to label."""

from dataclasses import dataclass

import msgspec

from gateway.errors import ConfigError
from gateway.text.encoder import Choice


class Keep(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """Section `keep`: exchanges kept on disk, as text, for `crossrisk label`.

    file: where; only its owner may read it. rate: share of the exchanges, drawn by a hash of their id.
    megabytes: size at which no more is kept.
    """

    file: str
    rate: float = 0.01
    megabytes: int = 64

    def __post_init__(self) -> None:
        if not 0 < self.rate <= 1:
            raise ConfigError(f"keep: rate: must be above 0 and at most 1, not {self.rate}")
        if not self.file or self.megabytes < 1:
            raise ConfigError("keep: needs a file, and megabytes of at least 1")


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """Section `gateway`. Addresses are host:port, port 0 picks a free one; sizes are in bytes.

    run: folder for sockets, tokens and state; empty picks one for this user (see `run_folder`).
    unit: where the unit of an exchange comes from, the first source that has a value wins.
    tap: whether finished exchanges are offered to the monitors; tap_capacity: how many may wait.
    max_exchanges: exchanges served at once; more are refused. max_request: largest request.
    lease_grace: seconds that a canary outlives the lease of whoever watches it.
    encoder: where the classifiers run that defenses and monitors share; `off` leaves the patterns.
    keep: whether exchanges are kept for people to label, see `Keep`; they are not unless it is given.
    console: whether the HTTP port has a page at `/console`; a list names the hosts by which it may be called
    besides addresses and localhost.
    calibration: file of `crossrisk calibrate` with the known errors of the monitors; empty is what ships.
    """

    grpc: str = "127.0.0.1:50051"
    http: str = "127.0.0.1:8080"
    metrics: str = "127.0.0.1:9464"
    monitor_metrics: str = "127.0.0.1:9465"
    run: str = ""
    unit: tuple[str, ...] = ("header:x-crossrisk-unit", "user", "first_turns")
    tap: bool = True
    tap_capacity: int = 512
    max_exchanges: int = 1000
    max_request: int = 4 * 1024 * 1024
    lease_grace: float = 30.0
    encoder: Choice = "auto"
    keep: Keep | None = None
    calibration: str = ""
    console: bool | tuple[str, ...] = False
