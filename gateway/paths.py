"""Where a running gateway keeps its sockets, tokens and state."""

import os
import secrets
import socket
import tempfile
from pathlib import Path

from gateway.errors import ConfigError


def run_folder(configured: str) -> Path:
    """The folder for sockets, tokens and state, made with mode 0700 if need be.

    `configured`, else $CROSSRISK_RUN, else $XDG_RUNTIME_DIR/crossrisk, else one per user in the
    temporary folder. Raises ConfigError when it belongs to somebody else.
    """
    runtime = os.environ.get("XDG_RUNTIME_DIR")
    fallback = (
        Path(runtime) / "crossrisk" if runtime else Path(tempfile.gettempdir()) / f"crossrisk-{os.getuid()}"
    )
    folder = Path(configured or os.environ.get("CROSSRISK_RUN") or fallback).absolute()
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        owner = folder.stat().st_uid
    except OSError as error:
        raise ConfigError(f"gateway: run: cannot use {folder}: {error.strerror}") from error
    if owner != os.getuid():
        raise ConfigError(f"gateway: run: {folder} belongs to another user; choose another folder")
    # 107 bytes is what Linux takes for the path of a Unix socket.
    if len(os.fsencode(folder / "control.sock")) > 100:
        raise ConfigError(f"gateway: run: {folder} is too long a path for a Unix socket")
    return folder


def control_token(folder: Path) -> str:
    """The bearer token of ControlService: $CROSSRISK_CONTROL_TOKEN, else one made once and kept at 0600."""
    configured = os.environ.get("CROSSRISK_CONTROL_TOKEN")
    if configured:
        return configured
    path = folder / "control.token"
    try:
        return path.read_text().strip()
    except FileNotFoundError:
        token = secrets.token_urlsafe(32)
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(descriptor, "w") as file:
            file.write(token)
        return token


def claim_socket(path: Path) -> None:
    """Make way for a Unix socket at `path`: a dead one goes, a living one is a ConfigError."""
    if not path.exists():
        return
    if not path.is_socket():
        raise ConfigError(f"{path} exists and is no socket; remove it or choose another `run` folder")
    with socket.socket(socket.AF_UNIX) as probe:
        try:
            probe.connect(str(path))
        except ConnectionRefusedError:
            path.unlink(missing_ok=True)
            return
    raise ConfigError(f"{path} is in use by a running process; stop it or choose another `run` folder")
