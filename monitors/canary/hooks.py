"""Hooks: tells other systems of transitions, by HTTP, without ever waiting for them."""

import asyncio
import logging
from collections.abc import Mapping, Sequence

import aiohttp

WAITING = 100
"""Calls that may be under way; what comes on top is lost, and counted."""
TRIES = 4
FIRST_PAUSE = 0.5
"""Seconds before the second try; twice as long before each further one."""
PATIENCE = aiohttp.ClientTimeout(total=5)
log = logging.getLogger(__name__)


class Hooks:
    """Posts JSON to addresses; sent and lost count calls."""

    def __init__(self) -> None:
        self.sent = 0
        self.lost = 0
        self._calls: set[asyncio.Task[None]] = set()

    def tell(self, addresses: Sequence[str], message: Mapping[str, object]) -> None:
        """Begin to tell each of them; returns at once."""
        for address in addresses:
            if len(self._calls) >= WAITING:
                self.lost += 1
                continue
            call = asyncio.get_running_loop().create_task(self._post(address, message))
            self._calls.add(call)
            call.add_done_callback(self._calls.discard)

    async def aclose(self) -> None:
        """Give up what has not arrived."""
        for call in tuple(self._calls):
            call.cancel()
        await asyncio.gather(*self._calls, return_exceptions=True)

    async def _post(self, address: str, message: Mapping[str, object]) -> None:
        pause = FIRST_PAUSE
        for left in reversed(range(TRIES)):
            if await _arrives(address, message):
                self.sent += 1
                return
            if left:
                await asyncio.sleep(pause)
                pause *= 2
        self.lost += 1
        log.warning("a webhook of a canary could not be reached in %d tries", TRIES)


async def _arrives(address: str, message: Mapping[str, object]) -> bool:
    try:
        async with (
            aiohttp.ClientSession(timeout=PATIENCE) as session,
            session.post(address, json=message) as answer,
        ):
            return answer.status < 300
    except (aiohttp.ClientError, TimeoutError, OSError):
        return False
