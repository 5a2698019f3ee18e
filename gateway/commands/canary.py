"""`crossrisk canary`: how new defenses are being tried on live traffic, and orders to their controller."""

import argparse
import getpass
import json
import math
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import grpc
from google.protobuf.json_format import MessageToDict
from google.protobuf.message import Message
from rich.console import Console
from rich.table import Table

from gateway.config import read_config
from gateway.errors import GatewayError, InvalidRequestError, RolloutRefusedError, UpstreamError
from gateway.paths import control_token, run_folder
from monitors.effects_server import EFFECTS_SOCKET
from monitors.v1 import canary_pb2 as pb
from monitors.v1 import canary_pb2_grpc

DESCRIPTION = """\
Show how the defenses whose entry says `rollout` are being tried, and steer that. The controller widens them
by itself; a person starts one that was rolled back, decides where nothing could be proven, or ends it.
Exit code 0 when it is done, 1 when it was refused or a canary was rolled back, 2 when nobody answers."""
EXAMPLES = """\
examples:
  crossrisk canary status
  crossrisk canary pause new_filter --reason "release freeze"
  crossrisk canary resume new_filter --reason "freeze is over"
  crossrisk canary promote new_filter --reason "good enough for us"
  crossrisk canary abort new_filter --reason "complaints"
  crossrisk canary start new_filter --override --reason "the measure was mended"
  crossrisk canary history new_filter --json
"""
PATIENCE = 20.0
ORDERS = {
    "start": "begin, also again",
    "pause": "keep the weight where it is; harm still ends it",
    "resume": "go on after a pause, or where nothing was proven",
    "promote": "on for everybody now; once it is, promoted",
    "abort": "off for everybody now",
}


def add_parser(subparsers: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Register the command."""
    parser = subparsers.add_parser(
        "canary",
        help="try out new defenses on live traffic",
        description=DESCRIPTION,
        epilog=EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    actions = parser.add_subparsers(title="actions", required=True, metavar="ACTION")
    _add(actions, "status", _status, "show where each stands, and on what evidence")
    history = _add(actions, "history", _history, "show what was decided, and on what evidence")
    history.add_argument("defense", metavar="DEFENSE")
    for name, does in ORDERS.items():
        order = _add(actions, name, _steer, does)
        order.add_argument("defense", metavar="DEFENSE")
        order.add_argument("--reason", required=True, help="why, for the history")
        order.add_argument("--actor", default="", metavar="NAME", help="who; default: this user")
        order.set_defaults(order=name, override=False)
        if name == "start":
            order.add_argument(
                "--override",
                action="store_true",
                help="although this configuration was rolled back, or has to cool down",
            )


def _add(
    actions: "argparse._SubParsersAction[argparse.ArgumentParser]",
    name: str,
    action: Callable[[argparse.Namespace], int],
    does: str,
) -> argparse.ArgumentParser:
    parser = actions.add_parser(name, help=does, description=f"{does[0].upper()}{does[1:]}.")
    where = parser.add_mutually_exclusive_group()
    where.add_argument(
        "--run", dest="folder", type=Path, metavar="FOLDER", help="the run folder; default: this user's"
    )
    where.add_argument("--config", "-c", type=Path, metavar="FILE", help="the configuration that names it")
    parser.add_argument("--json", action="store_true", help="print JSON")
    parser.set_defaults(canary_action=action, run=run)
    return parser


def run(arguments: argparse.Namespace) -> int:
    """Do one action; 1 when the controller refuses it."""
    try:
        return int(arguments.canary_action(arguments))
    except RolloutRefusedError as error:
        sys.stderr.write(f"crossrisk: refused: {error}\n")
        return 1


def _status(arguments: argparse.Namespace) -> int:
    with _asking(arguments) as ask:
        answer = ask("GetCanaries", pb.GetCanariesRequest())
    if arguments.json:
        _print_json(answer)
    else:
        show(answer, Console(highlight=False, markup=False))
    return int(any(one.state.stage in ("rolled_back", "invalid") for one in answer.canaries))


def _history(arguments: argparse.Namespace) -> int:
    with _asking(arguments) as ask:
        answer = ask("GetCanaryHistory", pb.GetCanaryHistoryRequest(defense=arguments.defense))
    if arguments.json:
        for one in answer.transitions:
            told = _dictionary(one)
            told["evidence"] = json.loads(told.pop("evidence_json") or "null")
            print(json.dumps(told))  # noqa: T201
        return 0
    table = Table("run", "at", "decision", "because", "by", "then", "on for")
    for one in answer.transitions:
        about = " ".join(part for part in (one.reason, one.about) if part)
        words = one.words if one.actor != "controller" else about
        done = "" if one.done else " (not done yet)"
        table.add_row(
            str(one.run), _clock(one.at.seconds), one.decision + done, words, one.actor, one.after.stage,
            f"{100 * one.after.weight:g} %",
        )  # fmt: skip
    Console(highlight=False, markup=False).print(table)
    return 0


def _steer(arguments: argparse.Namespace) -> int:
    request = pb.SteerCanaryRequest(
        defense=arguments.defense,
        action=f"CANARY_ACTION_{arguments.order.upper()}",
        actor=arguments.actor or getpass.getuser(),
        reason=arguments.reason,
        override=arguments.override,
    )
    with _asking(arguments) as ask:
        answer = ask("SteerCanary", request)
    if arguments.json:
        _print_json(answer)
    else:
        state = answer.state
        print(f"{arguments.defense}: now {state.stage}, on for {100 * state.weight:g} %")  # noqa: T201
    return 0


@contextmanager
def _asking(arguments: argparse.Namespace) -> Iterator[Callable[[str, Message], Any]]:
    """Something to ask CanaryService with: the name of a call and its request."""
    configured = read_config(arguments.config).settings.run if arguments.config else ""
    folder = run_folder(str(arguments.folder or configured))
    socket = folder / EFFECTS_SOCKET
    if not socket.exists():
        raise UpstreamError(f"no monitors run in {folder}; start them with: crossrisk serve")
    metadata = [("authorization", f"Bearer {control_token(folder)}")]
    with grpc.insecure_channel(f"unix:{socket}") as channel:
        stub = canary_pb2_grpc.CanaryServiceStub(channel)  # type: ignore[no-untyped-call]

        def ask(call: str, request: Message) -> Any:
            try:
                return getattr(stub, call)(request, metadata=metadata, timeout=PATIENCE)
            except grpc.RpcError as error:
                raise _translated(error) from error

        yield ask


def _translated(error: grpc.RpcError) -> GatewayError:
    code, told = error.code(), error.details() or ""
    if code == grpc.StatusCode.FAILED_PRECONDITION:
        return RolloutRefusedError(told)
    if code == grpc.StatusCode.INVALID_ARGUMENT:
        return InvalidRequestError(told)
    if code == grpc.StatusCode.UNIMPLEMENTED:
        return UpstreamError("these monitors have no controller; start them anew with this version")
    return UpstreamError(f"the monitors answer {code.name}: {told}")


def _dictionary(message: Message) -> dict[str, Any]:
    told: dict[str, Any] = MessageToDict(
        message, preserving_proto_field_name=True, always_print_fields_with_no_presence=True
    )
    return told


def _print_json(message: Message) -> None:
    print(json.dumps(_dictionary(message), indent=1))  # noqa: T201


def show(answer: pb.GetCanariesResponse, console: Console) -> None:
    """Everything, for a terminal."""
    if not answer.canaries:
        console.print("no defense is being tried; say `rollout: canary` in the entry of one")
    for one in answer.canaries:
        console.print(_headline(one))
        if any(reading.treated or reading.control for reading in one.readings):
            console.print(_readings(one))
        if one.disagreements:
            console.print(_disagreements(one))
        if one.HasField("prospect"):
            console.print(_prospect(one.prospect))
    if not answer.leading:
        console.print(f"another controller decides: {answer.leader or 'nobody yet'}")
    if answer.problem:
        console.print(f"last turn: {answer.problem}")


def _headline(one: pb.Canary) -> str:
    state, progress = one.state, one.progress
    stage = f"step {state.step + 1} of {len(one.weights)}" if state.stage == "step" else state.stage
    told = f"{one.defense}: {stage}, on for {100 * state.weight:g} %, since {_clock(state.since.seconds)}"
    if state.held:
        told += f"; held: {state.held}"
    if state.paused:
        told += "; paused by an operator"
    if state.stage == "step":
        told += (
            f"\n  {progress.exchanges} of {progress.exchanges_floor} exchanges, {progress.units} of "
            f"{progress.units_floor} units, {duration(progress.seconds)} of at least "
            f"{duration(progress.seconds_floor)} and at most {duration(progress.seconds_most)}"
        )
    if state.stage == "shadow":
        told += f"\n  {progress.shadowed} of {progress.exchanges_floor} replays compared"
    if progress.HasField("p99_seconds"):
        told += f"\n  the defense takes up to {1000 * progress.p99_seconds:g} ms in 99 of 100 exchanges"
    return told


def _readings(one: pb.Canary) -> Table:
    table = Table("measure", "role", "units with / without", "violations", "harm", "no worse than", "")
    for reading in one.readings:
        proven = reading.log_unharmed >= 3.0
        table.add_row(
            reading.measure,
            reading.role,
            f"{reading.treated} / {reading.control}",
            f"{reading.treated_violations} / {reading.control_violations}",
            f"{reading.log_harm_ever:.1f}",
            f"x{reading.margin:g}: {reading.log_unharmed:.1f}",
            "proven" if proven else "",
        )
    return table


def _disagreements(one: pb.Canary) -> Table:
    table = Table("kind of exchange", "label", "candidate", "production", "count", "for instance")
    for row in one.disagreements:
        if row.candidate != row.production:
            table.add_row(
                row.stratum,
                row.label,
                row.candidate,
                row.production,
                str(row.count),
                ", ".join(row.exchanges),
            )
    return table


def _prospect(one: pb.CanaryProspect) -> str:
    told = f"  proof: {one.measure} needs about {one.violations:.0f} more violations"
    if one.HasField("exchanges"):
        told += f", {one.exchanges:.0f} exchanges"
    if one.HasField("seconds") and math.isfinite(one.seconds):
        told += f", {duration(one.seconds)} at present traffic"
    return f"{told}, if the defense changes nothing"


def _clock(seconds: float) -> str:
    return time.strftime("%Y-%m-%d %H:%M:%S", time.localtime(seconds))


def duration(seconds: float) -> str:
    """In words.

    >>> duration(5400), duration(30)
    ('1.5 h', '30 s')
    """
    for size, name in ((86400, "d"), (3600, "h"), (60, "min")):
        if seconds >= size:
            return f"{seconds / size:.1f} {name}"
    return f"{seconds:.0f} s"
