"""The replayer beside a gateway that refuses, hangs, is away, or answers what nobody can take."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from typing import Any

import grpc
import pytest

from gateway.replay_settings import ReplaySettings
from gateway.v1 import gateway_pb2, record_pb2
from gateway.v1 import replay_pb2 as pb
from gateway.v1.replay_pb2_grpc import ReplayServiceServicer, add_ReplayServiceServicer_to_server
from monitors import replayer
from monitors.replay_plan import Comparison
from monitors.replayer import WAITING, Compared, Replayer
from monitors.server import TapServicer

PLAN = ReplaySettings(leave_out=1, add=0, swaps=0, swapped_answers=0)


class Gateway(ReplayServiceServicer):
    """Answers every replay by what is set; 'hang' never does."""

    def __init__(self, *answers: grpc.StatusCode | str) -> None:
        self.answers = list(answers)
        self.asked: list[pb.ReplayRequest] = []
        self.ended = asyncio.Event()

    async def Replay(self, request: pb.ReplayRequest, context: Any) -> pb.ReplayResponse:  # noqa: N802
        self.asked.append(request)
        answer = self.answers.pop(0) if self.answers else "done"
        if answer == "hang":
            try:
                await asyncio.Event().wait()
            finally:
                self.ended.set()
        if isinstance(answer, grpc.StatusCode):
            await context.abort(answer, "as it is set")
        return pb.ReplayResponse(record=record_pb2.Record(replay_of=request.record.exchange_id), generated=1)


@asynccontextmanager
async def serving(gateway: Gateway, socket: Path) -> AsyncIterator[None]:
    server = grpc.aio.server()
    add_ReplayServiceServicer_to_server(gateway, server)  # type: ignore[no-untyped-call]
    server.add_insecure_port(f"unix:{socket}")
    await server.start()
    try:
        yield
    finally:
        await server.stop(0)


class Bench:
    """A replayer, and what it told."""

    def __init__(self, failing: int = 0) -> None:
        self.done: list[Compared] = []
        self.lost: list[str] = []
        self.failing = failing
        self.replayer = Replayer(PLAN, self._done, self._lost)

    def _done(self, compared: Compared) -> None:
        if self.failing:
            self.failing -= 1
            raise ValueError("nobody can take it")
        self.done.append(compared)

    def _lost(self, comparison: Comparison, reason: str) -> None:
        self.lost.append(reason)

    def offer(self, *numbers: int) -> None:
        for number in numbers:
            defense = record_pb2.DefenseRecord(defense="a", mode=record_pb2.MODE_ENFORCE, on=True)
            prompt = [gateway_pb2.Message(role="user", content="Hello.")]
            self.replayer.offer(
                record_pb2.Record(exchange_id=f"e{number}", prompt=prompt, defenses=[defense])
            )

    @asynccontextmanager
    async def running(self, socket: Path) -> AsyncIterator[None]:
        task = asyncio.create_task(self.replayer.run(socket, "token"))
        try:
            yield
        finally:
            task.cancel()
            with suppress(asyncio.CancelledError):
                await task

    async def told(self, count: int) -> None:
        async with asyncio.timeout(20):
            while len(self.done) + len(self.lost) < count:
                await asyncio.sleep(0.01)


async def test_a_comparison_that_nobody_can_take_ends_no_other(tmp_path: Path) -> None:
    bench, gateway = Bench(failing=1), Gateway()
    async with serving(gateway, tmp_path / "c.sock"), bench.running(tmp_path / "c.sock"):
        bench.offer(1, 2, 3)
        await bench.told(3)
    assert (len(bench.done), bench.lost) == (2, ["failed"])
    assert [one.record.exchange_id for one in bench.done] == ["e2", "e3"]


async def test_a_spent_budget_is_waited_for(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(replayer, "PAUSE", 0.01)
    bench, gateway = Bench(), Gateway(*[grpc.StatusCode.RESOURCE_EXHAUSTED] * 3)
    async with serving(gateway, tmp_path / "c.sock"), bench.running(tmp_path / "c.sock"):
        bench.offer(1)
        await bench.told(1)
    assert (len(bench.done), bench.lost, len(gateway.asked)) == (1, [], 4)


async def test_refusals_are_told_by_their_reason(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(replayer, "PAUSE", 0.001)
    codes = (grpc.StatusCode.FAILED_PRECONDITION, grpc.StatusCode.ABORTED, grpc.StatusCode.INTERNAL)
    spent = [grpc.StatusCode.RESOURCE_EXHAUSTED] * replayer.TRIES
    bench, gateway = Bench(), Gateway(*codes, *spent)
    async with serving(gateway, tmp_path / "c.sock"), bench.running(tmp_path / "c.sock"):
        bench.offer(1, 2, 3, 4, 5)
        await bench.told(5)
    assert bench.lost == ["refused", "cancelled", "failed", "budget"]
    assert len(bench.done) == 1


async def test_a_gateway_that_hangs_is_given_up_and_told_so(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(replayer, "PATIENCE", 0.3)
    bench, gateway = Bench(), Gateway("hang")
    async with serving(gateway, tmp_path / "c.sock"), bench.running(tmp_path / "c.sock"):
        bench.offer(1, 2)
        await bench.told(2)
        async with asyncio.timeout(5):
            await gateway.ended.wait()
    assert (bench.lost, len(bench.done)) == (["failed"], 1)


async def test_a_gateway_that_is_away_costs_its_comparisons_only(tmp_path: Path) -> None:
    bench, gateway = Bench(), Gateway()
    async with bench.running(tmp_path / "c.sock"):
        bench.offer(1)
        await bench.told(1)
        assert bench.lost == ["failed"]
        async with serving(gateway, tmp_path / "c.sock"):
            async with asyncio.timeout(20):
                while not bench.done:  # the channel tries again when it sees fit
                    bench.offer(2)
                    await asyncio.sleep(0.2)


def test_what_waits_is_bounded_and_the_rest_is_told() -> None:
    bench = Bench()
    bench.offer(*range(WAITING + 7))
    assert bench.lost == ["full"] * 7


async def test_the_gateway_is_told_who_asks_and_for_what(tmp_path: Path) -> None:
    bench, gateway = Bench(), Gateway()
    async with serving(gateway, tmp_path / "c.sock"), bench.running(tmp_path / "c.sock"):
        bench.offer(1)
        await bench.told(1)
    (asked,) = gateway.asked
    assert (list(asked.on), asked.generation) == ([], pb.GENERATION_NEEDED)
    assert bench.done[0].generated == 1


async def test_a_record_that_one_cannot_take_is_taken_by_the_others() -> None:
    taken: list[str] = []

    def fails(record: record_pb2.Record) -> None:
        raise RuntimeError("no")

    async def requests() -> AsyncIterator[record_pb2.PublishRequest]:
        for number in range(2):
            yield record_pb2.PublishRequest(record=record_pb2.Record(exchange_id=str(number)))

    tap = TapServicer((fails, lambda record: taken.append(record.exchange_id)))
    context: Any = None
    assert (await tap.Publish(requests(), context)).received == 2
    assert taken == ["0", "1"]
