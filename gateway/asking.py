"""Asks the guarded model more than once within one exchange: at the same time, and ended together."""

import asyncio
from collections.abc import Iterable, Sequence
from contextlib import aclosing
from dataclasses import dataclass

from gateway.trail import Answer
from gateway.transcript import Transcript
from gateway.types import Delta, Exchange, Finding, Finish, Upstream, Usage


@dataclass(frozen=True, slots=True)
class Reply:
    """One complete answer: what it says, and the deltas it came in, but for its usage and its end."""

    answer: Answer
    deltas: Sequence[Delta]
    findings: Sequence[Finding]
    finish: Finish
    usage: Usage | None


async def ask(upstream: Upstream, exchange: Exchange) -> Reply:
    """The whole answer to `exchange`."""
    transcript, deltas = Transcript(), list[Delta]()
    findings: list[Finding] = []
    finish, usage = Finish("stop"), None
    async with aclosing(upstream(exchange)) as stream:
        async for delta in stream:
            transcript.add(delta)
            match delta:
                case Finish():
                    finish = delta
                case Usage():
                    usage = delta
                case Finding():
                    findings.append(delta)
                case _:
                    deltas.append(delta)
    return Reply(transcript.answer(), deltas, findings, finish, usage)


async def ask_all(upstream: Upstream, exchanges: Iterable[Exchange]) -> list[Reply]:
    """The answers to all of `exchanges`, asked at the same time.

    Where one fails, the others are cancelled and its error is raised; so they are when the client leaves.
    """
    try:
        async with asyncio.TaskGroup() as group:
            tasks = [group.create_task(ask(upstream, exchange)) for exchange in exchanges]
    except ExceptionGroup as failed:
        raise failed.exceptions[0] from None
    return [task.result() for task in tasks]


def total(replies: Iterable[Reply]) -> Usage | None:
    """What all of them cost; None where a model does not count."""
    counted = [reply.usage for reply in replies if reply.usage is not None]
    if not counted:
        return None
    return Usage(sum(one.prompt_tokens for one in counted), sum(one.completion_tokens for one in counted))


def last_user_turn(exchange: Exchange) -> int | None:
    """The number of the last turn of the user, None where there is none."""
    turns = (number for number, turn in enumerate(exchange.messages) if turn.role == "user")
    return max(turns, default=None)
