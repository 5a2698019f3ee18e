"""The unit of an exchange: who or what stays in one arm, and how it is named without naming it."""

import hashlib
import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from gateway.errors import ConfigError
from gateway.types import Exchange

Headers = Mapping[str, str]
Source = Callable[[Exchange, Headers], str]
_HEADER = "header:"


@dataclass(frozen=True, slots=True)
class Unit:
    """`source` says where the unit came from; `hash` is keyed, 16 bytes."""

    source: str
    hash: bytes


class Units:
    """Finds the unit of an exchange: the first of the configured sources that has a value.

    Sources: `header:NAME` (HTTP header or gRPC metadata key), `user` (the request's field), and
    `first_turns` (a hash of everything up to the first user turn, so that the turns of one
    conversation stay together).
    """

    def __init__(self, sources: Sequence[str], key: bytes) -> None:
        self.sources = tuple(sources)
        self._sources = [(name, _source(name)) for name in self.sources]
        self._key = key
        self.header_names = frozenset(
            name.removeprefix(_HEADER).lower() for name in self.sources if name.startswith(_HEADER)
        )

    def of(self, exchange: Exchange, headers: Headers) -> Unit:
        """The unit of `exchange`; `headers` have lower-case names."""
        for name, source in self._sources:
            value = source(exchange, headers)
            if value:
                return Unit(name, self._hash(value))
        return Unit("exchange", self._hash(exchange.id))

    def _hash(self, value: str) -> bytes:
        return hashlib.blake2b(value.encode(), key=self._key, digest_size=16).digest()


def _source(name: str) -> Source:
    if name == "user":
        return lambda exchange, _: exchange.user
    if name == "first_turns":
        return lambda exchange, _: _first_turns(exchange)
    if name.startswith(_HEADER) and name != _HEADER:
        header = name.removeprefix(_HEADER).lower()
        return lambda _, headers: headers.get(header, "")
    raise ConfigError(f"unit: unknown source {name!r}; known: header:NAME, user, first_turns")


def _first_turns(exchange: Exchange) -> str:
    turns: list[str] = []
    for message in exchange.messages:
        turns.append(f"{message.role}\x1f{message.content}")
        if message.role == "user":
            break
    return "\x1e".join(turns)


def unit_key(folder: Path) -> bytes:
    """The secret that keys unit hashes, made on first use and kept across restarts."""
    path = folder / "unit.key"
    try:
        return path.read_bytes()
    except FileNotFoundError:
        key = os.urandom(32)
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(descriptor, "wb") as file:
            file.write(key)
        return key
