"""Runs finished exchanges again with other defenses, off-path and within a budget."""

import asyncio
import time
from collections.abc import Callable
from contextlib import suppress
from typing import Any

import msgspec

from gateway.engine import Engine, Replayed
from gateway.errors import (
    OverloadedError,
    ReplayCancelledError,
    ReplayRefusedError,
)
from gateway.metrics import GatewayMetrics
from gateway.replay_settings import ReplaySettings
from gateway.trail import Answer
from gateway.types import Exchange, Generation, Known, Message, Replay
from gateway.v1 import record_pb2
from gateway.wire import message_from_proto


class Bucket:
    """Tokens that fill up at `rate` a second, for at most `window` seconds; it may be overdrawn."""

    def __init__(self, rate: float, window: float, clock: Callable[[], float] = time.monotonic) -> None:
        self._rate, self._most, self._clock = rate, max(rate * window, 1.0), clock
        self._left, self._at = self._most, clock()

    @property
    def left(self) -> float:
        """What may be taken now; below zero while it is overdrawn."""
        now = self._clock()
        self._left = min(self._most, self._left + (now - self._at) * self._rate)
        self._at = now
        return self._left

    def take(self, amount: float) -> None:
        """Take, even what is not there."""
        self._left = self.left - amount


class Replays:
    """Admits replays, runs them, and cancels them when traffic comes."""

    def __init__(
        self,
        engine: Engine,
        budget: ReplaySettings,
        metrics: GatewayMetrics,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._engine = engine
        self._budget = budget
        self._metrics = metrics
        self._starts = Bucket(budget.per_second, 1.0, clock)
        self._tokens = Bucket(budget.tokens_per_second, 10.0, clock)
        self._running: set[asyncio.Task[Any]] = set()
        engine.on_enter = self._traffic

    @property
    def running(self) -> int:
        """Replays that run now."""
        return len(self._running)

    async def run(
        self,
        record: record_pb2.Record,
        on: frozenset[str],
        generation: Generation,
        prompt: tuple[Message, ...] = (),
    ) -> Replayed:
        """What becomes of the exchange of `record` with just the defenses `on`.

        Raises ReplayRefusedError, OverloadedError where the budget is spent or clients keep the gateway busy,
        ReplayCancelledError where they came meanwhile, and what the chain raises.
        """
        exchange = replayed(record, generation, prompt)
        self._check(record, on, generation)
        self._admit()
        task = asyncio.ensure_future(self._engine.replay(exchange, on))
        self._running.add(task)
        try:
            made = await task
        except asyncio.CancelledError:
            current = asyncio.current_task()
            if current is not None and current.cancelling():
                task.cancel()
                with suppress(asyncio.CancelledError):
                    await task
                raise
            self._metrics.replays["cancelled"].inc()
            raise ReplayCancelledError("clients keep the gateway busy, so the replay was given up") from None
        except Exception:
            self._metrics.replays["failed"].inc()
            raise
        finally:
            self._running.discard(task)
        self._metrics.replays["done"].inc()
        self._tokens.take(made.tokens)
        self._metrics.replay_tokens.inc(made.tokens)
        return made

    def _check(self, record: record_pb2.Record, on: frozenset[str], generation: Generation) -> None:
        """No replay gives away what a defense of privacy is there to keep.

        A defense that `shields` keeps something from the model, so none is left out where the model is asked;
        one that `spends` would spend a budget of privacy again.
        """
        was = {one.defense for one in record.defenses if one.on}
        for layer in self._engine.layers:
            if getattr(layer.defense, "spends", False) and layer.name in was | on:
                raise ReplayRefusedError(f"it would spend the budget of {layer.name} again")
            shields = getattr(layer.defense, "shields", False) and layer.name in was - on
            if shields and generation != "never":
                raise ReplayRefusedError(f"the model would be told what {layer.name} keeps from it")

    def _admit(self) -> None:
        reasons = {
            "busy": self._engine.active >= self._budget.busy,
            "at_once": len(self._running) >= self._budget.at_once,
            "per_second": self._starts.left < 1,
            "tokens_per_second": self._tokens.left <= 0,
        }
        for reason, refused in reasons.items():
            if refused:
                self._metrics.replays["refused"].inc()
                raise OverloadedError(f"no replay now: {reason} of the replay budget is reached")
        self._starts.take(1)

    def _traffic(self, active: int) -> None:
        """Called by the engine when a client's exchange begins."""
        if self._running and active >= self._budget.busy:
            for task in self._running:
                task.cancel()


def replayed(record: record_pb2.Record, generation: Generation, prompt: tuple[Message, ...] = ()) -> Exchange:
    """The exchange of a record, as it came in, to run again; raises ReplayRefusedError.

    Refused are exchanges with tools, since a call of a tool may act; those whose texts were cut, since they
    would be other exchanges; and replays.
    """
    parameters: dict[str, Any] = msgspec.json.decode(record.parameters) if record.parameters else {}
    messages = prompt or tuple(map(message_from_proto, record.prompt))
    if record.replay_of:
        raise ReplayRefusedError("a replay is not replayed")
    if record.truncated:
        raise ReplayRefusedError("its texts were cut in the record")
    if acts(record, parameters):
        raise ReplayRefusedError("it has tools, whose calls may act")
    return Exchange(
        model=record.model,
        messages=messages,
        parameters=parameters,
        unit=record.unit_hash.hex(),
        streamed=False,
        replay=Replay(record.exchange_id, generation, tuple(_known(record))),
    )


def acts(record: record_pb2.Record, parameters: dict[str, Any]) -> bool:
    """Whether tools could be called, or were."""
    turns = any(turn.tool_calls or turn.tool_call_id or turn.role == "tool" for turn in record.prompt)
    calls = any(call.answer.tool_calls for call in record.calls)
    return turns or calls or bool(parameters.get("tools") or parameters.get("functions"))


def _known(record: record_pb2.Record) -> list[Known]:
    return [
        Known(
            call.model,
            tuple(map(message_from_proto, call.prompt)),
            Answer(
                content=call.answer.content,
                reasoning=call.answer.reasoning,
                refusal=call.answer.refusal,
                finish_reason=call.answer.finish_reason,
            ),
        )
        for call in record.calls
        if call.answer.finish_reason and not call.steered
    ]
