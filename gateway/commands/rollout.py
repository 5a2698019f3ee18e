"""`crossrisk rollout`: shows and changes when each defense of a running gateway is on."""

import argparse
import getpass
import json
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, get_args

import grpc
from google.protobuf.json_format import MessageToDict
from google.protobuf.message import Message
from rich.console import Console
from rich.table import Table

from gateway.config import read_config
from gateway.errors import ConfigError, GatewayError, InvalidRequestError, RolloutRefusedError, UpstreamError
from gateway.paths import control_token, run_folder
from gateway.record import MODE_TO_PROTO
from gateway.types import Mode
from gateway.v1 import control_pb2 as pb
from gateway.v1 import control_pb2_grpc
from gateway.v1 import record_pb2 as record_pb

DESCRIPTION = """\
Show and change the rollout table of a running gateway, over the control socket in its run folder.
Exit code 0 when it is done, 1 when the gateway refused it, 2 when it could not be asked."""
EXAMPLES = """\
examples:
  crossrisk rollout status
  crossrisk rollout set new_filter --mode canary --weight 0.05 --reason "first look"
  crossrisk rollout set new_filter --weight 0.25 --for 3600 --reason "an hour at a quarter"
  crossrisk rollout set new_filter --configured --reason "back to the file"
  crossrisk rollout kill leak_filter --reason "eats order numbers"
  crossrisk rollout restore leak_filter --reason "fixed in 1.2"
"""
_PATIENCE = 10.0
_MODES = {number: mode for mode, number in MODE_TO_PROTO.items()}
_REFUSALS = (grpc.StatusCode.ABORTED, grpc.StatusCode.FAILED_PRECONDITION)


def add_parser(subparsers: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Register the command."""
    parser = subparsers.add_parser(
        "rollout",
        help="show and change when each defense is on",
        description=DESCRIPTION,
        epilog=EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    actions = parser.add_subparsers(title="actions", required=True, metavar="ACTION")
    _add(actions, "status", _status, "show the table")
    changing = _add(actions, "set", _set, "change one row; what is not given stays as it is")
    _add_change_arguments(changing)
    _add_words(changing)
    for name, does in (("kill", "take a defense out of every exchange"), ("restore", "put it back")):
        switch = _add(actions, name, _switch, does)
        switch.add_argument("defense", metavar="DEFENSE")
        switch.set_defaults(killed=name == "kill")
        _add_words(switch)


def _add(
    actions: "argparse._SubParsersAction[argparse.ArgumentParser]",
    name: str,
    action: Callable[[argparse.Namespace], int],
    does: str,
) -> argparse.ArgumentParser:
    parser = actions.add_parser(name, help=does, description=f"{does[0].upper()}{does[1:]}.")
    where = parser.add_mutually_exclusive_group()
    where.add_argument(
        "--run",
        dest="folder",
        type=Path,
        metavar="FOLDER",
        help="the gateway's run folder; default: this user's",
    )
    where.add_argument("--config", "-c", type=Path, metavar="FILE", help="the configuration that names it")
    parser.add_argument("--json", action="store_true", help="print JSON")
    parser.set_defaults(run_action=action, run=run)
    return parser


def _add_change_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("defense", metavar="DEFENSE")
    parser.add_argument("--configured", action="store_true", help="back to what the configuration says")
    parser.add_argument("--mode", choices=get_args(Mode))
    parser.add_argument(
        "--weight", type=float, metavar="SHARE", help="of units that a canary is on for, 0 to 1"
    )
    parser.add_argument(
        "--holdback", type=float, metavar="SHARE", help="of units that stay without an enforced defense"
    )
    parser.add_argument("--salt", default="", help="draw the units anew with this")
    parser.add_argument(
        "--epoch", type=int, default=0, metavar="N", help="draw the units anew in a later epoch"
    )
    parser.add_argument("--redraw", action="store_true", help="even where users notice it")
    parser.add_argument(
        "--for",
        dest="seconds",
        type=float,
        default=0.0,
        metavar="SECONDS",
        help="a canary falls to weight 0 after this and the gateway's grace",
    )
    parser.add_argument(
        "--expect", type=int, metavar="VERSION", help="only over this version; default: the one in force now"
    )


def _add_words(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--reason", required=True, help="why, for the audit")
    parser.add_argument("--actor", default="", metavar="NAME", help="who, for the audit; default: this user")


def run(arguments: argparse.Namespace) -> int:
    """Do one action; 1 when the gateway refuses it."""
    try:
        return int(arguments.run_action(arguments))
    except RolloutRefusedError as error:
        sys.stderr.write(f"crossrisk: refused: {error}\n")
        return 1


def _status(arguments: argparse.Namespace) -> int:
    with _control(arguments) as ask:
        status = ask("GetStatus", pb.GetStatusRequest())
    if arguments.json:
        _print_json(status)
    else:
        _show(status)
    return 0


def _set(arguments: argparse.Namespace) -> int:
    with _control(arguments) as ask:
        status = ask("GetStatus", pb.GetStatusRequest())
        request = pb.ApplyRolloutRequest(
            expected_version=status.rollout_version if arguments.expect is None else arguments.expect,
            actor=_actor(arguments),
            reason=arguments.reason,
            redraw=arguments.redraw,
        )
        if arguments.configured:
            request.reset.append(arguments.defense)
        else:
            request.rows.append(_row(arguments, status))
        if arguments.seconds:
            request.lease.CopyFrom(pb.Lease(holder=_actor(arguments), seconds=arguments.seconds))
        return _done(arguments, ask("ApplyRollout", request))


def _row(arguments: argparse.Namespace, status: pb.GetStatusResponse) -> pb.RolloutRow:
    """What was asked for over what is in force; a share stays only as long as its mode."""
    present = next((one for one in status.defenses if one.defense == arguments.defense), None)
    if present is None:
        known = ", ".join(one.defense for one in status.defenses) or "none"
        raise InvalidRequestError(f"there is no defense {arguments.defense!r}; configured: {known}")
    mode = MODE_TO_PROTO[arguments.mode] if arguments.mode else present.mode
    weight = present.weight if mode == record_pb.MODE_CANARY else 0.0
    holdback = present.holdback if mode == record_pb.MODE_ENFORCE else 0.0
    if mode == record_pb.MODE_CANARY and mode != present.mode and arguments.weight is None:
        raise InvalidRequestError("--weight: a new canary needs one, the share of units it is on for")
    return pb.RolloutRow(
        defense=arguments.defense,
        mode=mode,
        weight=weight if arguments.weight is None else arguments.weight,
        holdback=holdback if arguments.holdback is None else arguments.holdback,
        salt=arguments.salt,
        epoch=_epoch(arguments),
    )


def _epoch(arguments: argparse.Namespace) -> int:
    if arguments.epoch < 0:
        raise InvalidRequestError("--epoch: must be above 0")
    return int(arguments.epoch)


def _switch(arguments: argparse.Namespace) -> int:
    request = pb.SetKillSwitchRequest(
        defense=arguments.defense,
        killed=arguments.killed,
        reason=arguments.reason,
        actor=_actor(arguments),
    )
    with _control(arguments) as ask:
        return _done(arguments, ask("SetKillSwitch", request))


def _done(arguments: argparse.Namespace, response: Any) -> int:
    if arguments.json:
        _print_json(response)
    else:
        print(f"{arguments.defense}: done, rollout version {response.rollout_version}")  # noqa: T201
    return 0


def _actor(arguments: argparse.Namespace) -> str:
    return arguments.actor or getpass.getuser()


@contextmanager
def _control(arguments: argparse.Namespace) -> Iterator[Callable[[str, Message], Any]]:
    """Something to ask ControlService with: the name of a call and its request."""
    folder = _folder(arguments)
    socket = folder / "control.sock"
    if not socket.exists():
        raise UpstreamError(
            f"no gateway listens in {folder}; say --run FOLDER or --config FILE, or start one"
        )
    metadata = [("authorization", f"Bearer {control_token(folder)}")]
    with grpc.insecure_channel(f"unix:{socket}") as channel:
        stub = control_pb2_grpc.ControlServiceStub(channel)  # type: ignore[no-untyped-call]

        def ask(call: str, request: Message) -> Any:
            try:
                return getattr(stub, call)(request, metadata=metadata, timeout=_PATIENCE)
            except grpc.RpcError as error:
                raise _translated(error) from error

        yield ask


def _folder(arguments: argparse.Namespace) -> Path:
    if arguments.config is not None:
        return run_folder(read_config(arguments.config).settings.run)
    if arguments.folder is not None and not arguments.folder.is_dir():
        raise ConfigError(f"--run: there is no folder {arguments.folder}")
    return run_folder(str(arguments.folder or ""))


def _translated(error: grpc.RpcError) -> GatewayError:
    code, told = error.code(), error.details() or ""
    if code in _REFUSALS:
        return RolloutRefusedError(told)
    if code == grpc.StatusCode.INVALID_ARGUMENT:
        return InvalidRequestError(told)
    return UpstreamError(f"the gateway answers {code.name}: {told}")


def _print_json(message: Message) -> None:
    told = MessageToDict(message, preserving_proto_field_name=True, always_print_fields_with_no_presence=True)
    print(json.dumps(told, indent=1))  # noqa: T201


def _show(status: pb.GetStatusResponse) -> None:
    table = Table("defense", "mode", "on for", "epoch", "lease", "configured", "may_be_off")
    for one in status.defenses:
        routes = [route for route in status.routes if one.defense in route.may_be_off]
        table.add_row(
            one.defense,
            "killed" if one.killed else _MODES[one.mode],
            f"{100 * one.share:g} %",
            str(one.epoch),
            _lease(one),
            _MODES[one.configured_mode],
            ", ".join(" ".join(route.models) or "any model" for route in routes) or "–",
        )
    console = Console(highlight=False, markup=False)
    console.print(f"rollout version {status.rollout_version}")
    console.print(table)


def _lease(one: pb.DefenseStatus) -> str:
    if not one.HasField("lease"):
        return ""
    left = one.lease.seconds_left
    return f"{one.lease.holder}, {left:.0f} s" if left >= 0 else f"{one.lease.holder}, in its grace"
