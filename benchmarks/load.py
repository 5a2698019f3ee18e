"""A load of gRPC exchanges in which every byte of every reply is checked."""

import asyncio
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import grpc

from gateway.upstreams.script import DEFAULT, Reply
from gateway.v1 import gateway_pb2 as pb

CHAT = "/gateway.v1.GatewayService/Chat"
CONCURRENCY = 16
ONE_MARK = "in one sentence"
ONE = Reply(match=ONE_MARK, text=DEFAULT.text[:200], chunk=200, usage=DEFAULT.usage)
SLOW_MARK = "at the pace of a model"
SLOW = Reply(match=SLOW_MARK, text=DEFAULT.text, chunk=DEFAULT.chunk, usage=DEFAULT.usage, pace=0.004)
PROMPT = (
    "Please describe how a river otter spends its day: what it eats, where it sleeps, how it raises "
    "its young and how it gets through a hard winter. Keep it friendly, use plain words and no lists, "
    "and say which of these habits a visitor is most likely to see on a quiet morning by the water. "
    "If the season matters, say so. Answer "
)


class WrongReplyError(Exception):
    """A reply that is not the scripted one, or no reply at all; fatal for a measurement."""


@dataclass(frozen=True, slots=True)
class Question:
    """A request and the reply it must get."""

    name: str
    request: bytes
    reply: Reply

    def check(self, messages: list[bytes], *, recut: bool) -> None:
        """Raises WrongReplyError unless these are the messages of the reply.

        The end is compared by what it means, since a gateway writes its own; with `recut` the
        text may be cut elsewhere, as a defense that holds text back does.
        """
        if messages == self.reply.messages:
            return
        *deltas, end = map(pb.ChatResponse.FromString, messages or [b""])
        if (end.end.finish_reason, end.end.usage) != self._end():
            raise WrongReplyError(f"{self.name}: another end than the upstream's")
        if recut:
            foreign = any(delta.WhichOneof("delta") != "text" or delta.text.channel for delta in deltas)
            if foreign or "".join(delta.text.text for delta in deltas) != self.reply.text:
                raise WrongReplyError(f"{self.name}: another text than the upstream's")
        elif messages[:-1] != self.reply.messages[:-1]:
            raise WrongReplyError(f"{self.name}: other deltas than the upstream's")

    def _end(self) -> tuple[str, pb.Usage]:
        end = pb.ChatResponse.FromString(self.reply.messages[-1]).end
        return end.finish_reason, end.usage


def _question(name: str, how: str, reply: Reply) -> Question:
    message = pb.Message(role="user", content=PROMPT + how)
    request = pb.ChatRequest(model="scripted", messages=[message])
    return Question(name, request.SerializeToString(), reply)


UNARY = _question("unary", f"{ONE_MARK}.", ONE)
STREAM = _question("stream", "at length.", DEFAULT)
PACED = _question("paced", f"{SLOW_MARK}.", SLOW)


class Client:
    """One connection to one target."""

    def __init__(self, channel: grpc.aio.Channel, *, recut: bool) -> None:
        self._chat: Any = channel.unary_stream(CHAT)
        self._recut = recut

    async def ask(self, question: Question) -> None:
        """One exchange, checked."""
        try:
            messages = [message async for message in self._chat(question.request)]
        except grpc.aio.AioRpcError as error:
            raise WrongReplyError(f"{question.name}: {error.code().name}: {error.details()}") from error
        question.check(messages, recut=self._recut)

    async def load(self, question: Question, seconds: float) -> tuple[int, float]:
        """Ask in a closed loop; returns how many exchanges, and in how many seconds."""
        started = time.perf_counter()
        asked = 0

        async def worker() -> None:
            nonlocal asked
            while time.perf_counter() < started + seconds:
                await self.ask(question)
                asked += 1

        async with asyncio.TaskGroup() as group:
            for _ in range(CONCURRENCY):
                group.create_task(worker())
        return asked, time.perf_counter() - started

    async def gaps(self, question: Question) -> list[float]:
        """Seconds between the messages of one exchange, checked."""
        messages: list[bytes] = []
        times: list[float] = []
        async for message in self._chat(question.request):
            times.append(time.perf_counter())
            messages.append(message)
        question.check(messages, recut=self._recut)
        return [after - before for before, after in pairwise(times)]

    async def latencies(self, question: Question, count: int) -> list[float]:
        """Seconds of `count` exchanges, one after the other."""
        seconds: list[float] = []
        for _ in range(count):
            with _stopwatch(seconds):
                await self.ask(question)
        return seconds


@contextmanager
def _stopwatch(seconds: list[float]) -> Iterator[None]:
    started = time.perf_counter()
    yield
    seconds.append(time.perf_counter() - started)
