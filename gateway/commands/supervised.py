"""A command of ours in a process of its own: started, watched, started again, stopped."""

import asyncio
import contextlib
import json
import logging
import sys
import time
from pathlib import Path
from typing import Any

_START = 60.0
_STOP = 10.0
_LONGEST_PAUSE = 5.0

log = logging.getLogger(__name__)


class Child:
    """One supervised process; `facts` is what it said when it became ready."""

    def __init__(self, command: str, config: Path, *more: str) -> None:
        self.command = command
        self.facts: dict[str, Any] = {}
        self._arguments = (command, "--config", str(config), "--ready-json", "--with-parent", *more)
        self._process: asyncio.subprocess.Process | None = None

    async def start(self) -> bool:
        """Start it; False when it ends, or says nothing, before it is ready."""
        # Its own session: Ctrl-C reaches the supervisor only, which stops children in order.
        self._process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "gateway", *self._arguments),
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            start_new_session=True,
        )
        assert self._process.stdout is not None
        with contextlib.suppress(TimeoutError, ValueError):
            line = await asyncio.wait_for(self._process.stdout.readline(), _START)
            self.facts = json.loads(line)
            return True
        await self.stop()
        return False

    @property
    def process_id(self) -> int | None:
        """Of the process as it runs now."""
        return self._process.pid if self._process else None

    async def stay(self) -> None:
        """Start it again whenever it dies."""
        pause = 0.2
        while True:
            assert self._process is not None
            born = time.monotonic()
            code = await self._process.wait()
            if time.monotonic() - born > _LONGEST_PAUSE:
                pause = 0.2
            log.warning("%s ended with %s; starting it again in %.1f s", self.command, code, pause)
            await asyncio.sleep(pause)
            pause = min(2 * pause, _LONGEST_PAUSE)
            await self.start()

    async def stop(self) -> None:
        """Ask it to end, and insist after a while."""
        process = self._process
        if process is None or process.returncode is not None:
            return
        with contextlib.suppress(ProcessLookupError):
            process.terminate()
        try:
            await asyncio.wait_for(process.wait(), _STOP)
        except TimeoutError:
            process.kill()
            await process.wait()
