"""What a defense or a monitor holds open, models and connections, from start to end of a process."""

from collections.abc import AsyncIterator, Iterable
from contextlib import AsyncExitStack, asynccontextmanager
from typing import Protocol, runtime_checkable


@runtime_checkable
class Resource(Protocol):
    """A defense or a monitor that holds something open."""

    async def warm(self) -> None:
        """Make ready before the first exchange; raises ConfigError where that cannot be."""

    async def aclose(self) -> None:
        """Give back what was opened, in `warm` or since; what is used again opens again."""


@asynccontextmanager
async def opened(parts: Iterable[object]) -> AsyncIterator[None]:
    """Keep the resources among `parts` open for as long as the context lasts."""
    async with AsyncExitStack() as stack:
        for part in parts:
            if isinstance(part, Resource):
                stack.push_async_callback(part.aclose)
                await part.warm()
        yield
