"""The monitors as a process of their own, for tests."""

import contextlib
import os
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import IO

ROOT = Path(__file__).parents[2]
MONITORS = (
    "harmful_compliance:HarmfulCompliance", "harmful_content:HarmfulContent",
    "identity_refusal:IdentityRefusal",
    "identity_negativity:IdentityNegativity", "stereotype_agreement:StereotypeAgreement",
    "private_request_compliance:PrivateRequestCompliance", "new_personal_data:NewPersonalData",
    "over_refusal:OverRefusal",
)  # fmt: skip
PROGRAM = """
import asyncio, pkgutil, sys
from pathlib import Path
from gateway.errors import ConfigError
from monitors.server import run_monitors
monitors = [pkgutil.resolve_name(f"monitors.{name}")() for name in sys.argv[2:]]
try:
    asyncio.run(run_monitors(monitors, Path(sys.argv[1]), "127.0.0.1", 0, lambda at: print(at, flush=True)))
except ConfigError as error:
    sys.exit(f"refused: {error}")
"""
WAIT_SECONDS = 60.0  # generous: only a broken test waits this long


@dataclass(frozen=True, slots=True)
class Monitors:
    """A running process: where its tap and its metrics are."""

    process: subprocess.Popen[str]
    tap: Path
    metrics: str


def start(tap: Path, *monitors: str) -> subprocess.Popen[str]:
    """Start the process; it prints its metrics address when it is ready."""
    command = [sys.executable, "-W", "error", "-c", PROGRAM, str(tap), *(monitors or MONITORS)]
    return subprocess.Popen(command, cwd=ROOT, text=True, stdout=subprocess.PIPE, stderr=subprocess.PIPE)


@contextlib.contextmanager
def running(tap: Path, *monitors: str, silent: bool = True) -> Iterator[Monitors]:
    """Run the process until the block ends; fails unless it became ready and then ended cleanly.

    Not `silent` is for calls still open at the end: grpc.aio prints the cancellation of some of them.
    """
    with start(tap, *monitors) as process:
        try:
            address = _pipe(process.stdout).readline().strip()
            assert address, _pipe(process.stderr).read()
            yield Monitors(process, tap, address)
            process.terminate()
            _, errors = process.communicate(timeout=WAIT_SECONDS)
            assert process.returncode == 0, errors
            assert not (silent and errors), errors
        finally:
            if process.poll() is None:
                process.kill()


def refused(tap: Path, *monitors: str) -> str:
    """Why the process does not start."""
    with start(tap, *monitors) as process:
        output, errors = process.communicate(timeout=WAIT_SECONDS)
    assert (process.returncode, output) == (1, ""), errors
    return errors


def is_idle(process: subprocess.Popen[str]) -> bool:
    """Whether the system runs the process only when nothing else wants to."""
    niced = os.getpriority(os.PRIO_PROCESS, process.pid) == 19
    return niced and (sys.platform != "linux" or os.sched_getscheduler(process.pid) == os.SCHED_IDLE)


def _pipe(stream: IO[str] | None) -> IO[str]:
    assert stream is not None
    return stream
