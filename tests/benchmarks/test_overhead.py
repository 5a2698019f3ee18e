"""The measurement refuses wrong replies, and its relay and its CPU clock do what it says."""

import asyncio
import os

import grpc
import pytest

from benchmarks.load import STREAM, UNARY, Client, WrongReplyError
from benchmarks.overhead import Round, table
from benchmarks.targets import cpu_seconds, process
from gateway.types import Finish, Text, Usage
from gateway.upstreams.script import DEFAULT
from gateway.wire import end_response, response_from_delta
from tests.servers import counts, running, scripted

SCRIPT = [{"match": UNARY.reply.match, "text": UNARY.reply.text, "chunk": UNARY.reply.chunk}]
USAGE = {"prompt_tokens": 50, "completion_tokens": 320}


def end(reason: str = "stop", usage: Usage | None = DEFAULT.usage) -> bytes:
    finish = Finish(reason)  # type: ignore[arg-type]
    return end_response(finish, usage, (), "another id", "another model").SerializeToString()


def text(*pieces: str) -> list[bytes]:
    return [response_from_delta(Text(piece)).SerializeToString() for piece in pieces]


PIECES = [DEFAULT.text[start : start + 20] for start in range(0, 1280, 20)]


def test_the_scripted_messages_with_another_gateways_end_are_right() -> None:
    STREAM.check(list(STREAM.reply.messages), recut=False)
    STREAM.check([*text(*PIECES), end()], recut=False)


def test_a_text_cut_elsewhere_is_right_only_where_that_is_allowed() -> None:
    messages = [*text(DEFAULT.text[:7], DEFAULT.text[7:]), end()]
    STREAM.check(messages, recut=True)
    with pytest.raises(WrongReplyError, match="deltas"):
        STREAM.check(messages, recut=False)


@pytest.mark.parametrize("recut", [True, False])
@pytest.mark.parametrize(
    "messages",
    [
        [],
        text(*PIECES),
        [*text(*PIECES[:-1]), end()],
        [*text(*PIECES[:-1], "x" * 20), end()],
        [*text(*PIECES), end("length")],
        [*text(*PIECES), end(usage=None)],
    ],
)
def test_any_other_reply_is_wrong(messages: list[bytes], recut: bool) -> None:
    with pytest.raises(WrongReplyError):
        STREAM.check(messages, recut=recut)


async def test_the_floor_relays_every_message() -> None:
    async with (
        scripted([{**SCRIPT[0], "usage": USAGE}]) as server,
        running("benchmarks.floor", server.grpc) as relay,
        grpc.aio.insecure_channel(relay["grpc"]) as channel,
    ):
        client = Client(channel, recut=False)
        asked, _ = await client.load(UNARY, 0.1)
        await client.ask(STREAM)
        assert (await counts(server))["finished"] == asked + 1


async def test_an_error_status_is_fatal() -> None:
    async with (
        scripted([{"error": "INTERNAL"}]) as server,
        grpc.aio.insecure_channel(server.grpc) as channel,
    ):
        with pytest.raises(WrongReplyError, match="INTERNAL"):
            await Client(channel, recut=False).ask(UNARY)


async def test_cpu_time_of_children_is_charged_to_their_parent() -> None:
    cores = frozenset(os.sched_getaffinity(0))
    parent = "trap 'kill $!' TERM; sh -c 'while :; do :; done' & wait"
    async with process("sh", "-c", parent, cores=cores) as shell:
        before = cpu_seconds(os.getpid())
        for _ in range(400):
            await asyncio.sleep(0.05)
            if cpu_seconds(shell.pid) >= 0.1:
                break
        assert cpu_seconds(shell.pid) >= 0.1
        assert cpu_seconds(os.getpid()) - before >= 0.05


def test_ratios_are_taken_within_each_round() -> None:
    results = {
        "direct": [Round(0, 0, 9, 9, 1.0, 2 * 1.0), Round(0, 0, 9, 9, 2.0, 2 * 2.0)],
        "floor": [Round(100, 10, 9, 9, 1.5, 2 * 1.5), Round(200, 20, 9, 9, 2.5, 2 * 2.5)],
        "gateway": [Round(200, 30, 9, 9, 2.0, 2 * 2.0), Round(400, 60, 9, 9, 3.0, 2 * 3.0)],
    }
    *_, direct, floor, gateway = table(results).splitlines()
    cells = [[cell.strip() for cell in line.split("|")[1:-1]] for line in (direct, floor, gateway)]
    assert cells[0][:5] == ["direct", "", "", "", ""]
    assert [cells[1][2], cells[1][4]] == ["1.00", "1.00"]
    assert [cells[2][2], cells[2][4]] == ["2.00", "3.00"]
    assert [line[7].split()[0] for line in cells] == ["0.00", "0.50", "1.00"]
    assert [line[8].split()[0] for line in cells] == ["0.00", "1.00", "2.00"]
