"""Asks the gateway for replays, one comparison after the other, and never for more than it grants."""

import asyncio
import contextlib
import logging
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import grpc

from gateway.replay_settings import ReplaySettings
from gateway.types import Generation
from gateway.v1 import record_pb2
from gateway.v1 import replay_pb2 as pb
from gateway.wire import message_to_proto
from monitors.replay_plan import Ask, Comparison, comparisons

METHOD = "/gateway.v1.ReplayService/Replay"
WAITING = 256
"""Comparisons that may wait; what comes on top is lost, and counted."""
TRIES = 20
"""How often a replay is asked for while the budget is spent."""
PAUSE = 0.25
"""Seconds before it is asked for again."""
PATIENCE = 120.0
"""Seconds after which a replay is given up; the gateway then stops it too."""
GENERATIONS: dict[Generation, pb.Generation] = {
    "never": pb.GENERATION_NEVER,
    "needed": pb.GENERATION_NEEDED,
    "always": pb.GENERATION_ALWAYS,
}
Loss = Literal["full", "budget", "refused", "cancelled", "failed"]
LOSSES: tuple[Loss, ...] = ("full", "budget", "refused", "cancelled", "failed")
_LOSS_BY_STATUS: dict[grpc.StatusCode, Loss] = {
    grpc.StatusCode.RESOURCE_EXHAUSTED: "budget",
    grpc.StatusCode.FAILED_PRECONDITION: "refused",
    grpc.StatusCode.INVALID_ARGUMENT: "refused",
    grpc.StatusCode.ABORTED: "cancelled",
}
log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Compared:
    """A comparison that was run: the exchange, and the record of each replay in the order of `asks`.

    generated: calls to the model that were made for it.
    """

    comparison: Comparison
    record: record_pb2.Record
    replays: tuple[record_pb2.Record, ...]
    generated: int


class Replayer:
    """Takes records, chooses what is run again, and tells of each comparison: `done`, or why it was lost."""

    def __init__(
        self,
        settings: ReplaySettings,
        done: Callable[[Compared], object],
        lost: Callable[[Comparison, Loss], object],
    ) -> None:
        self._settings = settings
        self._done = done
        self._lost = lost
        self._queue: deque[tuple[record_pb2.Record, Comparison]] = deque()
        self._filled = asyncio.Event()

    def offer(self, record: record_pb2.Record) -> None:
        """Choose what is run again of a record; returns at once."""
        for comparison in comparisons(record, self._settings):
            if len(self._queue) >= WAITING:
                self._lost(comparison, "full")
                continue
            self._queue.append((record, comparison))
            self._filled.set()

    async def run(self, socket: Path, token: str) -> None:
        """Ask the gateway behind `socket` for ever; it may come and go."""
        options = [("grpc.max_receive_message_length", 16 << 20), ("grpc.max_reconnect_backoff_ms", 2000)]
        async with grpc.aio.insecure_channel(f"unix:{socket}", options=options) as channel:
            replay = channel.unary_unary(
                METHOD,
                request_serializer=pb.ReplayRequest.SerializeToString,
                response_deserializer=pb.ReplayResponse.FromString,
            )
            metadata = (("authorization", f"Bearer {token}"),)

            async def ask(request: pb.ReplayRequest) -> pb.ReplayResponse:
                answer: pb.ReplayResponse = await replay(request, metadata=metadata, timeout=PATIENCE)
                return answer

            async with asyncio.TaskGroup() as group:
                for _ in range(self._settings.at_once):
                    group.create_task(self._work(ask))

    async def _work(self, ask: Any) -> None:
        while True:
            while not self._queue:
                self._filled.clear()
                await self._filled.wait()
            record, comparison = self._queue.popleft()
            try:
                compared = await self._compare(record, comparison, ask)
                self._done(compared)
            except grpc.aio.AioRpcError as error:
                # The details may quote what a model said, so only the code is told.
                log.debug("a replay was lost: %s", error.code())
                self._lost(comparison, _LOSS_BY_STATUS.get(error.code(), "failed"))
            except Exception as error:  # what takes a comparison may fail; the next one is another
                log.warning("a comparison failed: %s", type(error).__name__)
                self._lost(comparison, "failed")

    async def _compare(self, record: record_pb2.Record, comparison: Comparison, ask: Any) -> Compared:
        answers = [await _asked(record, one, ask) for one in comparison.asks]
        replays = tuple(answer.record for answer in answers)
        return Compared(comparison, record, replays, sum(answer.generated for answer in answers))


async def _asked(record: record_pb2.Record, one: Ask, ask: Any) -> pb.ReplayResponse:
    request = pb.ReplayRequest(
        record=record,
        on=sorted(one.on),
        generation=GENERATIONS[one.generation],
        prompt=[message_to_proto(turn) for turn in one.prompt],
    )
    for _ in range(TRIES - 1):
        with contextlib.suppress(_Spent):
            return await _once(request, ask)
        await asyncio.sleep(PAUSE)
    answer: pb.ReplayResponse = await ask(request)
    return answer


class _Spent(Exception):  # noqa: N818 (no error: the budget fills again)
    """The budget is spent for now."""


async def _once(request: pb.ReplayRequest, ask: Any) -> pb.ReplayResponse:
    try:
        answer: pb.ReplayResponse = await ask(request)
    except grpc.aio.AioRpcError as error:
        if error.code() is grpc.StatusCode.RESOURCE_EXHAUSTED:
            raise _Spent from error
        raise
    return answer
