"""Where defenses find a model that says how likely a text is: upstreams that can register themselves here."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Protocol

from gateway.errors import UpstreamError


class Scorer(Protocol):
    """A model whose probabilities can be read."""

    async def surprise(self, text: str) -> list[float]:
        """Nats of each token of `text` after those before it; raises UpstreamError."""
        ...


_scorers: dict[str, Scorer] = {}


@contextmanager
def registered(name: str, scorer: Scorer) -> Iterator[None]:
    """Make a scorer known by the name of its model for as long as the context lasts."""
    _scorers[name] = scorer
    try:
        yield
    finally:
        del _scorers[name]


def scorer(name: str = "") -> Scorer:
    """The scorer of a model, any for an empty name; raises UpstreamError where there is none."""
    found = _scorers.get(name) if name else next(iter(_scorers.values()), None)
    if found is None:
        raise UpstreamError(f"no upstream tells how likely a text is{f' as {name!r}' if name else ''}")
    return found
