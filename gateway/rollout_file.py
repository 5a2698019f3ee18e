"""Keeps the rollout table across restarts, and an audit of who changed it and why."""

import json
import os
import time
from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, BinaryIO

import msgspec

from gateway.errors import ConfigError
from gateway.rollout import Lease, Rollout, Row
from gateway.types import Mode


class _SavedLease(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    holder: str
    seconds: float
    ends: float  # Unix time: the clock of `time.monotonic` does not outlive the machine


class _SavedRow(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    mode: Mode
    salt: str
    weight: float
    holdback: float
    epoch: int
    lease: _SavedLease | None = None


class _Saved(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    version: int
    killed: frozenset[str]
    configured: dict[str, _SavedRow]
    rows: dict[str, _SavedRow]


class RolloutFile:
    """`rollout.json` in a folder, replaced as a whole, and beside it the audit, one JSON object a line."""

    def __init__(self, folder: Path) -> None:
        self.path = folder / "rollout.json"
        self.audit = folder / "rollout.audit.jsonl"

    def read(self) -> bytes | None:
        """The file as it is now; None before there is one. Small enough to be read ten times a second."""
        try:
            return self.path.read_bytes()
        except FileNotFoundError:
            return None
        except OSError as error:
            raise self._unreadable() from error

    def parse(self, text: bytes) -> Rollout:
        """The table that `text` holds; ConfigError where it holds none."""
        try:
            return _rollout(msgspec.json.decode(text, type=_Saved), time.time(), time.monotonic())
        except ValueError as error:
            raise self._unreadable() from error

    def _unreadable(self) -> ConfigError:
        # Guessing would put a defense back that somebody switched off for a reason.
        return ConfigError(f"{self.path}: the saved rollout is unreadable; mend or remove it")

    def write(self, after: Rollout, before: Rollout | None, event: str, actor: str, reason: str) -> None:
        """Add the change to the audit, and save; without `before` it is none and is only saved."""
        # The audit may tell of a change that a crash then stopped, but none is ever missing from it.
        if before is not None:
            self.note(after, before, event, actor, reason)
        self.save(after)

    def save(self, rollout: Rollout) -> None:
        """Replace the file, on disk before this returns; a crash leaves the old table or the new one."""
        saved = _saved(rollout, time.time(), time.monotonic())
        temporary = self.path.with_suffix(".new")
        with _open(temporary, os.O_WRONLY | os.O_CREAT | os.O_TRUNC) as file:
            file.write(msgspec.json.format(msgspec.json.encode(saved, order="deterministic")))
            file.flush()
            os.fsync(file.fileno())
        os.replace(temporary, self.path)
        _sync_folder(self.path.parent)

    def note(self, rollout: Rollout, before: Rollout, event: str, actor: str, reason: str) -> None:
        """Add who made `rollout` out of `before`, and why, to the audit."""
        line = {
            "time": datetime.now(UTC).isoformat(timespec="milliseconds"),
            "version": rollout.version,
            "event": event,
            "actor": actor,
            "reason": reason,
            "changes": _changes(rollout, before),
        }
        with _open(self.audit, os.O_WRONLY | os.O_CREAT | os.O_APPEND) as file:
            file.write(json.dumps(line, ensure_ascii=False).encode() + b"\n")
            file.flush()
            os.fsync(file.fileno())


def _open(path: Path, flags: int) -> BinaryIO:
    return os.fdopen(os.open(path, flags, 0o600), "wb")


def _sync_folder(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def adopted(saved: Rollout, configured: Mapping[str, Row]) -> Rollout:
    """The saved table under a configuration that may have changed since: the last word wins.

    A defense whose entry has another mode, weight or holdback than when the table was saved goes by its
    entry; the others stay as somebody applied them. Draws keep their salt and epoch, and kill switches
    hold until somebody puts them back, even of a defense that is not configured now.
    """
    rows = {}
    for name, row in configured.items():
        present, then = saved.rows.get(name), saved.configured.get(name)
        if present is None or then is None:
            rows[name] = row
        else:
            kept = replace(row, salt=present.salt, epoch=present.epoch)
            rows[name] = present if then.says(row) else kept
    adopted = replace(saved, configured=dict(configured), rows=rows)
    return adopted if adopted == saved else replace(adopted, version=saved.version + 1)


def _changes(rollout: Rollout, before: Rollout) -> dict[str, dict[str, Any]]:
    changes: dict[str, dict[str, Any]] = {}
    for name, row in rollout.rows.items():
        was = before.rows.get(name)
        if row != was:
            changes[name] = {"from": _told(was), "to": _told(row)}
    for name in sorted(rollout.killed ^ before.killed):
        changes.setdefault(name, {})["killed"] = name in rollout.killed
    return changes


def _told(row: Row | None) -> dict[str, object] | None:
    if row is None:
        return None
    told: dict[str, object] = {"mode": row.mode, "salt": row.salt, "epoch": row.epoch}
    told |= {"weight": row.weight} if row.mode == "canary" else {}
    told |= {"holdback": row.holdback} if row.holdback else {}
    return told | ({"lease": {"holder": row.lease.holder, "seconds": row.lease.seconds}} if row.lease else {})


def _saved(rollout: Rollout, wall: float, now: float) -> _Saved:
    def row(one: Row) -> _SavedRow:
        lease = None
        if one.lease is not None:
            lease = _SavedLease(one.lease.holder, one.lease.seconds, wall + one.lease.until - now)
        return _SavedRow(one.mode, one.salt, one.weight, one.holdback, one.epoch, lease)

    configured = {name: row(one) for name, one in rollout.configured.items()}
    rows = {name: row(one) for name, one in rollout.rows.items()}
    return _Saved(rollout.version, rollout.killed, configured, rows)


def _rollout(saved: _Saved, wall: float, now: float) -> Rollout:
    def row(one: _SavedRow) -> Row:
        lease = None
        if one.lease is not None:
            # However the clock was set meanwhile, nobody gets more time than was asked for.
            left = min(one.lease.ends - wall, one.lease.seconds)
            lease = Lease(one.lease.holder, one.lease.seconds, now + left)
        made = Row(one.mode, one.salt, one.weight, one.holdback, one.epoch, lease)
        if not 0 <= made.weight <= 1 or not 0 <= made.holdback < 1:
            raise ValueError("a share is out of range")
        return made

    if saved.configured.keys() != saved.rows.keys():
        raise ValueError("rows are missing")
    configured = {name: row(one) for name, one in saved.configured.items()}
    return Rollout(
        configured, {name: row(one) for name, one in saved.rows.items()}, saved.killed, saved.version
    )
