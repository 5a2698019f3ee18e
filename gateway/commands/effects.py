"""`crossrisk effects`: how much each defense moves each measure, on the traffic of a running gateway."""

import argparse
import asyncio
import math
import sys
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import grpc
from google.protobuf.json_format import MessageToJson
from rich.console import Console, Group, RenderableType
from rich.live import Live
from rich.table import Table
from rich.text import Text

from gateway.commands.effect_words import flag_of, is_known, is_live, long, needed_for, question_of, told_of
from gateway.config import read_config
from gateway.errors import ConfigError, UpstreamError
from gateway.paths import control_token, run_folder
from gateway.wire import RISK_FROM_PROTO
from monitors.effects_server import EFFECTS_SOCKET
from monitors.v1 import effects_pb2 as pb
from monitors.v1.effects_pb2_grpc import EffectsServiceStub

ABOUT = """\
Ask the running monitors how much each defense moves each measure. A ratio of 2 means twice as many violations
with the defense as without it; the interval holds however often one looks. Live traffic tells where a
defense is on for a share of it; replays tell of the others. HARM is proof over all effects together.
Exit code 0, 1 where a harm is proven, 2 where nobody answers."""
EXAMPLES = """\
examples:
  crossrisk effects
  crossrisk effects --watch
  crossrisk effects --json | jq '.effects[] | select(.decided)'
  crossrisk effects explain leak_filter over_refusal"""
PATIENCE = 10.0
_STYLES = {"INVALID": "yellow", "HARM": "bold red", "harm likely": "red", "helps": "green"}


def add_parser(subparsers: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Register the command."""
    parser = subparsers.add_parser(
        "effects",
        help="how much each defense moves each measure",
        description=ABOUT,
        epilog=EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    _add_options(parser)
    parser.add_argument("--watch", action="store_true", help="show it again whenever evidence has come")
    parser.add_argument("--all", action="store_true", help="also effects of which nothing is known yet")
    parser.set_defaults(run=run, explain=False)
    actions = parser.add_subparsers(title="actions", metavar="ACTION")
    explain = actions.add_parser(
        "explain",
        help="where one effect's evidence comes from, and what would settle it",
        description="Tell the strata of one effect, and how much more traffic would settle it.",
    )
    _add_options(explain)
    explain.add_argument("defense", metavar="DEFENSE")
    explain.add_argument("measure", metavar="MEASURE")
    explain.set_defaults(run=run, explain=True)


def _add_options(parser: argparse.ArgumentParser) -> None:
    add_place(parser)
    parser.add_argument("--json", action="store_true", help="print JSON")


def add_place(parser: argparse.ArgumentParser) -> None:
    """Options that name the run folder of who is asked."""
    where = parser.add_mutually_exclusive_group()
    where.add_argument(
        "--run", dest="folder", type=Path, metavar="FOLDER", help="the run folder; default: this user's"
    )
    where.add_argument("--config", "-c", type=Path, metavar="FILE", help="the configuration that names it")


def run(arguments: argparse.Namespace) -> int:
    """Ask and show."""
    try:
        return asyncio.run(_explain(arguments) if arguments.explain else _show(arguments))
    except grpc.aio.AioRpcError as error:
        if error.code() is grpc.StatusCode.INVALID_ARGUMENT:
            raise ConfigError(str(error.details())) from error
        raise UpstreamError(f"the monitors do not answer ({error.code().name.lower()})") from error


async def _show(arguments: argparse.Namespace) -> int:
    async with _asking(arguments) as (stub, metadata):
        if arguments.watch:
            await _watch(stub, metadata, arguments)
            return 0
        answer = await stub.GetEffects(pb.GetEffectsRequest(), metadata=metadata, timeout=PATIENCE)
    if arguments.json:
        sys.stdout.write(_json(answer.matrix))
    else:
        Console().print(shown(answer.matrix, arguments.all))
    return 1 if any(effect.decided for effect in answer.matrix.effects) else 0


async def _watch(stub: Any, metadata: Any, arguments: argparse.Namespace) -> None:
    calls = stub.WatchEffects(pb.WatchEffectsRequest(), metadata=metadata)
    if arguments.json:
        async for answer in calls:
            sys.stdout.write(_json(answer.matrix, None))
            sys.stdout.flush()
        return
    with Live(console=Console(), auto_refresh=False) as live:
        async for answer in calls:
            live.update(shown(answer.matrix, arguments.all), refresh=True)


def _json(message: Any, indent: int | None = 1) -> str:
    told = MessageToJson(message, indent=indent, preserving_proto_field_name=True)
    return f"{told}\n"


async def _explain(arguments: argparse.Namespace) -> int:
    request = pb.ExplainEffectRequest(defense=arguments.defense, measure=arguments.measure)
    async with _asking(arguments) as (stub, metadata):
        answer = await stub.ExplainEffect(request, metadata=metadata, timeout=PATIENCE)
    if arguments.json:
        sys.stdout.write(_json(answer))
    else:
        Console().print(explained(answer))
    return 0


@asynccontextmanager
async def _asking(arguments: argparse.Namespace) -> AsyncIterator[tuple[Any, Any]]:
    folder = folder_of(arguments)
    socket = folder / EFFECTS_SOCKET
    if not socket.exists():
        raise UpstreamError(f"no monitors run in {folder}; start them with: crossrisk serve")
    async with grpc.aio.insecure_channel(f"unix:{socket}") as channel:
        stub = EffectsServiceStub(channel)  # type: ignore[no-untyped-call]
        yield stub, (("authorization", f"Bearer {control_token(folder)}"),)


def folder_of(arguments: argparse.Namespace) -> Path:
    """The run folder that `add_place` names."""
    if arguments.folder is not None:
        return Path(arguments.folder)
    return run_folder(read_config(arguments.config).settings.run if arguments.config else "")


def shown(matrix: pb.Matrix, everything: bool = False) -> RenderableType:
    """The matrix, and what has changed, for a terminal."""
    table = Table("defense", "risk", "measure", "with / without", "points", "evidence", "")
    effects = [effect for effect in matrix.effects if everything or is_known(effect)]
    last = ""
    for effect in sorted(effects, key=lambda one: (one.defense, one.risk, one.measure)):
        table.add_row(
            effect.defense if effect.defense != last else "",
            RISK_FROM_PROTO.get(effect.risk, ""),
            effect.measure,
            _interval(_told(effect.ratio, effect.replayed_ratio, effect), 1, "{:.2f}"),
            _interval(_told(effect.difference, effect.replayed_difference, effect), 100, "{:+.1f}"),
            _exposure(effect),
            _flag(effect),
        )
        last = effect.defense
    hidden = len(matrix.effects) - len(effects)
    notes = [f"{matrix.folded} records and replays in {long(matrix.seconds)}"]
    if hidden:
        notes.append(f"{hidden} effects without a violation are not shown (--all)")
    parts: list[RenderableType] = [table]
    if matrix.interactions:
        parts.append(_together(matrix))
    if matrix.asymmetries:
        parts.append(_sides(matrix))
    return Group(*parts, *map(_alarm, matrix.alarms), Text("; ".join(notes), style="dim"))


def _together(matrix: pb.Matrix) -> Table:
    table = Table("together", "measure", "ratio of ratios", "points", "kept of the first's gain", "units", "")
    for one in matrix.interactions:
        told = one.difference if one.HasField("difference") else one.replayed
        table.add_row(
            f"{one.first} + {one.second}",
            one.measure,
            _interval(one.ratio, 1, "{:.2f}") if one.HasField("ratio") else "",
            _interval(told, 100, "{:+.1f}"),
            _interval(one.retained, 1, "{:.2f}") if one.HasField("retained") else "",
            str(one.units) if one.units else "replays",
            Text("NOT ALONE", "bold red") if one.sure else Text(""),
        )
    return table


def _sides(matrix: pb.Matrix) -> Table:
    table = Table("defenses of", "on measures of", "points", "the other way", "difference", "effects")
    for one in matrix.asymmetries:
        table.add_row(
            RISK_FROM_PROTO[one.first],
            RISK_FROM_PROTO[one.second],
            _interval(one.first_on_second, 100, "{:+.1f}"),
            _interval(one.second_on_first, 100, "{:+.1f}"),
            _interval(one.difference, 100, "{:+.1f}"),
            f"{one.effects} of {one.effects + one.missing}",
        )
    return table


def explained(answer: pb.ExplainEffectResponse) -> RenderableType:
    """Evidence, strata and prospects of one effect, for a terminal."""
    matrix = pb.Matrix(effects=[answer.effect])
    strata = Table("stratum", "weight", "with: units", "violations", "without: units", "violations")
    for one in answer.strata:
        strata.add_row(
            one.stratum, f"{one.weight:.0%}", str(one.treatment.units), str(one.treatment.violations),
            str(one.control.units), str(one.control.violations),
        )  # fmt: skip
    effect = answer.effect
    evidence = (
        f"log e-values (3.0 proves one effect alone at 5 %): harm {effect.log_harm:.2f}, "
        f"help {effect.log_help:.2f}, no worse {effect.log_noninferior:.2f}"
    )
    parts: list[RenderableType] = [shown(matrix, everything=True), Text(evidence)]
    if answer.strata:
        parts.append(strata)
    if answer.HasField("correction"):
        parts.append(_corrected(answer.correction))
    return Group(*parts, *map(_prospect, answer.prospects))


def _corrected(told: pb.Correction) -> Text:
    whose = "of each arm" if told.by_arm else "of both arms together"
    if told.refused:
        return Text(f"Corrected for errors of the measure: no. {told.refused[:1].upper()}{told.refused[1:]}.")
    ratio = _interval(told.ratio, 1, "{:.2f}")
    points = _interval(told.difference, 100, "{:+.1f}")
    return Text(
        f"Corrected for errors of the measure: {ratio}, {points} points (labels {whose}: {told.source})"
    )


def _told(live: pb.Interval, replayed: pb.Interval, effect: pb.Effect) -> pb.Interval:
    """From live traffic where arms were drawn, else from replays."""
    return live if is_live(effect) else replayed


def _interval(interval: pb.Interval, factor: float, style: str) -> str:
    ends = [_number(end * factor, style) for end in (interval.lower, interval.upper)]
    known = interval.HasField("estimate")
    return f"{_number(interval.estimate * factor, style) if known else '?'} [{ends[0]}, {ends[1]}]"


def _number(value: float, style: str) -> str:
    return style.format(value) if math.isfinite(value) else "∞"


def _exposure(effect: pb.Effect) -> str:
    told = []
    if is_live(effect):
        told.append(f"{effect.treatment.units} / {effect.control.units} units")
    if effect.replayed_pairs:
        told.append(f"{effect.replayed_pairs} replays")
    return ", ".join(told)


def _flag(effect: pb.Effect) -> Text:
    flag = flag_of(effect)
    return Text(flag, _STYLES.get(flag, ""))


def _alarm(alarm: pb.Alarm) -> Text:
    since = time.strftime("%Y-%m-%d %H:%M", time.localtime(alarm.since.seconds))
    where = f", most in {alarm.moved[0].stratum}" if alarm.moved else ""
    return Text(f"drift: {told_of(alarm)} since {since}{where}", "yellow")


def _prospect(one: pb.Prospect) -> Text:
    return Text(f"{question_of(one)} {needed_for(one)}", "green" if one.settled else "")
