"""Serving: a controller with its store and its connection to the gateway, for as long as it is needed."""

import hashlib
import socket as sockets
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager, closing
from pathlib import Path

from gateway.canary_settings import Plan
from gateway.types import Risk
from monitors.canary.controller import Controller
from monitors.canary.hooks import Hooks
from monitors.canary.store import SqliteStore
from monitors.canary.table import control_table
from monitors.evidence import Evidence

STORE = "canary.sqlite"
"""Name of the file in the state folder."""


@asynccontextmanager
async def controlling(
    plans: Sequence[Plan],
    measures: Mapping[str, Risk],
    evidence: Evidence,
    folder: Path,
    control: Path,
    token: str,
) -> AsyncIterator[Controller]:
    """A controller that keeps its runs in `folder` and steers the gateway behind the socket `control`."""
    store = SqliteStore(folder / STORE)
    with closing(store):
        async with control_table(control, token) as table:
            controller = Controller(
                plans,
                measures,
                lambda: evidence.effects.ledger,
                store,
                table,
                evidence.save,
                Hooks(),
                holder=holder(folder),
            )
            yield controller
            await controller.aclose()


def holder(folder: Path) -> str:
    """The name by which the controllers of one folder hold leases, whichever of them decides."""
    place = f"{sockets.gethostname()}:{folder.absolute()}".encode()
    return f"canary-{hashlib.blake2b(place, digest_size=4).hexdigest()}"
