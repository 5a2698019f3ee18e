"""`crossrisk report`: what the console shows, as one file."""

import argparse
import asyncio
import re
import sys
import time
from pathlib import Path

import grpc

from gateway.commands.console import effects_source
from gateway.commands.effects import add_place, folder_of
from gateway.console.board import Board, Explained, Flag, Matrix, Monitors, Source
from gateway.console.hub import TIMELINE
from gateway.console.report import report
from gateway.console.timeline import Timeline
from gateway.errors import ConfigError, InvalidRequestError, UpstreamError
from gateway.paths import control_token
from gateway.v1 import control_pb2 as pb
from gateway.v1.control_pb2_grpc import ControlServiceStub
from monitors.effects_server import EFFECTS_SOCKET

ABOUT = """\
Write what the console shows as one HTML file: effects, their evidence and what would settle them, drift,
arms, health, blocked exchanges by id. It needs no script, nothing from elsewhere, and has no text of an
exchange. Exit code 0, 1 where a harm is proven, 2 where no monitors answer."""
EXAMPLES = """\
examples:
  crossrisk report
  crossrisk report --last 6h --output incident.html
  crossrisk report --config crossrisk.yaml --output -"""
PATIENCE = 10.0
TOLD = 60
"""Effects that are told in full; the others have their row."""
_FLAGS: tuple[Flag, ...] = ("HARM", "harm likely", "INVALID", "helps", "")
_UNITS = {"s": 1, "min": 60, "m": 60, "h": 3_600, "d": 86_400}


def add_parser(subparsers: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Register the command."""
    parser = subparsers.add_parser(
        "report",
        help="write what the console shows as one file",
        description=ABOUT,
        epilog=EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    add_place(parser)
    parser.add_argument(
        "--last", type=seconds, default="24h", metavar="TIME",
        help="how far timelines, alarms and blocks go back, as 90min, 6h or 2d; default: %(default)s",
    )  # fmt: skip
    parser.add_argument(
        "--output", "-o", type=Path, metavar="FILE",
        help="default: crossrisk-report-DAY-TIME.html here; - is standard output",
    )  # fmt: skip
    parser.set_defaults(run=run)


def seconds(text: str) -> float:
    """A duration such as 90min.

    >>> seconds("90min"), seconds("1.5h")
    (5400.0, 5400.0)
    """
    match = re.fullmatch(r"(\d+(?:\.\d+)?)\s*(s|min|m|h|d)", text)
    if match is None or not float(match[1]):
        raise argparse.ArgumentTypeError(f"{text!r} is no duration; write it as 90min, 6h or 2d")
    return float(match[1]) * _UNITS[match[2]]


def run(arguments: argparse.Namespace) -> int:
    """Ask, write, and say where."""
    folder = folder_of(arguments)
    if not (folder / EFFECTS_SOCKET).exists():
        raise UpstreamError(f"no monitors run in {folder}; start them with: crossrisk serve")
    board, explained = asyncio.run(_asked(folder))
    since = board.at - arguments.last
    document = report(board, Timeline.load(folder / TIMELINE), explained, since)
    _write(document, arguments.output, board.at)
    matrix = board.monitors.matrix
    assert matrix is not None
    return 1 if any(effect.flag == "HARM" for effect in matrix.effects) else 0


def _write(document: str, output: Path | None, at: float) -> None:
    if output == Path("-"):
        sys.stdout.write(document)
        return
    path = output or Path(time.strftime("crossrisk-report-%Y%m%d-%H%M%S.html", time.gmtime(at)))
    try:
        path.write_text(document, encoding="utf-8")
    except OSError as error:
        raise ConfigError(f"--output: cannot write {path}: {error.strerror}") from error
    sys.stdout.write(f"{path}\n")


async def _asked(folder: Path) -> tuple[Board, dict[str, Explained]]:
    async with effects_source(folder) as source:
        matrix = await source.matrix()
        explained = await _explained(source, matrix)
    gateway = await _gateway(folder)
    now = time.time()
    return Board(now, now, gateway, Monitors(matrix, now)), explained


async def _explained(source: Source, matrix: Matrix) -> dict[str, Explained]:
    known = [effect for effect in matrix.effects if effect.known]
    told = {}
    # The worst first, lest the cap hide it.
    for effect in sorted(known, key=lambda one: (_FLAGS.index(one.flag), one.key))[:TOLD]:
        try:
            told[effect.key] = await source.explain(effect.defense, effect.measure)
        except InvalidRequestError:  # it went while we asked
            continue
    return told


async def _gateway(folder: Path) -> pb.GetStatusResponse | None:
    """The gateway's state; None where it does not answer, which the report then says."""
    metadata = (("authorization", f"Bearer {control_token(folder)}"),)
    try:
        async with grpc.aio.insecure_channel(f"unix:{folder / 'control.sock'}") as channel:
            stub = ControlServiceStub(channel)  # type: ignore[no-untyped-call]
            answer: pb.GetStatusResponse = await stub.GetStatus(
                pb.GetStatusRequest(), metadata=metadata, timeout=PATIENCE
            )
            return answer
    except grpc.aio.AioRpcError:
        return None
