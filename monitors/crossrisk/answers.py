"""Remembers what the model answered, so that a prompt which no defense changed is not asked again."""

import hashlib
import sqlite3
from collections.abc import Mapping
from contextlib import aclosing
from dataclasses import asdict
from pathlib import Path
from typing import Any

import msgspec

from gateway.errors import ConfigError
from gateway.transcript import Transcript
from gateway.types import ConnectedUpstream, Delta, Deltas, Exchange, Finish, FinishReason, Text, Usage


class Answers:
    """Answers by what was asked, in one SQLite file; raises ConfigError where it cannot be opened."""

    def __init__(self, file: Path) -> None:
        try:
            self._table = sqlite3.connect(file)
            self._table.execute("CREATE TABLE IF NOT EXISTS answers (asked BLOB PRIMARY KEY, answer BLOB)")
        except sqlite3.Error as error:
            raise ConfigError(
                f"{file}: cannot be opened: {error}; remove it or choose another folder"
            ) from error

    def find(self, asked: bytes) -> "Remembered | None":
        """The answer to what was asked, if it ever was."""
        row = self._table.execute("SELECT answer FROM answers WHERE asked = ?", (asked,)).fetchone()
        return None if row is None else msgspec.json.decode(row[0], type=Remembered)

    def keep(self, asked: bytes, answer: "Remembered") -> None:
        """Remember an answer."""
        with self._table:
            self._table.execute(
                "INSERT OR REPLACE INTO answers VALUES (?, ?)", (asked, msgspec.json.encode(answer))
            )

    def close(self) -> None:
        """Close the file."""
        self._table.close()


class Remembered(msgspec.Struct):
    """An answer of text alone; the usage is that of the one time it was made."""

    content: str
    reasoning: str
    reason: FinishReason
    usage: tuple[int, int] | None

    def deltas(self) -> list[Delta]:
        """As the model would give it in one piece."""
        told: list[Delta] = [Text(self.reasoning, "reasoning")] if self.reasoning else []
        if self.content:
            told.append(Text(self.content))
        if self.usage is not None:
            told.append(Usage(*self.usage))
        return [*told, Finish(self.reason)]


class Remembering:
    """An upstream that asks another one only what it was never asked before."""

    def __init__(self, upstream: ConnectedUpstream, answers: Answers) -> None:
        self._upstream = upstream
        self._answers = answers
        self.asked = 0

    async def ready(self) -> bool:
        """Whether the other one is."""
        return await self._upstream.ready()

    async def __call__(self, exchange: Exchange) -> Deltas:
        key = _key(exchange)
        if (found := self._answers.find(key)) is not None:
            for delta in found.deltas():
                yield delta
            return
        self.asked += 1
        transcript, usage = Transcript(), None
        async with aclosing(self._upstream(exchange)) as deltas:
            async for delta in deltas:
                transcript.add(delta)
                if isinstance(delta, Usage):
                    usage = (delta.prompt_tokens, delta.completion_tokens)
                if isinstance(delta, Finish):
                    answer = transcript.answer()
                    self._answers.keep(key, Remembered(answer.content, answer.reasoning, delta.reason, usage))
                yield delta


def _key(exchange: Exchange) -> bytes:
    steering: Mapping[str, Any] | None = asdict(exchange.steering) if exchange.steering else None
    turns = [(message.role, message.content) for message in exchange.messages]
    asked = msgspec.json.encode([exchange.model, turns, dict(exchange.parameters), steering], order="sorted")
    return hashlib.blake2b(asked, digest_size=16).digest()
