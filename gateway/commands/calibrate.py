"""`crossrisk calibrate`: how often each measure is wrong, from labels of your own or of public sets."""

import argparse
import asyncio
import os
from collections.abc import Sequence
from pathlib import Path

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from gateway.commands.measures import error_table, markdown
from gateway.config import read_config
from gateway.errors import ConfigError
from gateway.resources import opened
from gateway.text import encoder
from gateway.text.training.sets import Sets
from monitors.calibration import Calibration, Known, assess, eyes, read, write
from monitors.labelled import Labelled, read_labels
from monitors.labelled_sets import SETS
from monitors.scorer import AnyMonitor
from monitors.shipped import shipped

DESCRIPTION = """\
Compare what the monitors say with what people said: sensitivity, specificity and AUROC with 95 %
intervals. With --output, a file that the monitors read (`calibration` in section gateway) and export.
Labels that stand for more than one exchange (`weight`) count as many; with arms, each is told by itself."""
EXAMPLES = """\
examples:
  crossrisk calibrate labels.jsonl --config crossrisk.yaml --output calibration.json
  crossrisk calibrate --sets sets/ --rows 200
  crossrisk calibrate --show monitors/calibration.json --markdown"""
Progressed = Sequence[tuple[AnyMonitor, str, list[Labelled]]]


def add_parser(subparsers: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Register the command."""
    parser = subparsers.add_parser(
        "calibrate",
        help="measure how often the monitors are wrong",
        description=DESCRIPTION,
        epilog=EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    what = parser.add_mutually_exclusive_group(required=True)
    what.add_argument(
        "file", nargs="?", type=Path, metavar="FILE", help="labels, as `crossrisk label` writes them"
    )
    what.add_argument(
        "--sets", nargs="?", const="", metavar="DIR",
        help="the folder of the public sets; default: $CROSSRISK_DATA",
    )  # fmt: skip
    what.add_argument("--show", type=Path, metavar="FILE", help="only print what such a file says")
    parser.add_argument(
        "--config", "-c", type=Path, metavar="FILE", help="its monitors; default: those that ship"
    )
    parser.add_argument(
        "--rows",
        type=int,
        default=300,
        metavar="N",
        help="rows of each label in each set; default: %(default)s",
    )
    parser.add_argument("--seed", type=int, default=7, metavar="N", help="default: %(default)s")
    parser.add_argument("--output", "-o", type=Path, metavar="FILE", help="write what is known as JSON")
    parser.add_argument("--markdown", action="store_true", help="print the tables of docs/measures.md")
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> int:
    """Score every label, print the table."""
    if arguments.show is not None:
        return _print(read(arguments.show), arguments.markdown)
    encoder.use("auto")
    monitors: Sequence[AnyMonitor] = shipped()
    if arguments.config is not None:
        config = read_config(arguments.config)
        encoder.use(config.settings.encoder)
        encoder.shared()
        monitors = config.monitors()
    by_name = {monitor.measure.name: monitor for monitor in monitors}
    work = _from_sets(arguments, by_name) if arguments.file is None else _from_file(arguments.file, by_name)
    known = asyncio.run(_assess(list(by_name.values()), work))
    calibration = Calibration(eyes(), tuple(known), _made(arguments))
    if arguments.output is not None:
        write(calibration, arguments.output)
    return _print(calibration, arguments.markdown)


def _made(arguments: argparse.Namespace) -> str:
    if arguments.file is not None:
        return f"crossrisk calibrate {arguments.file.name}"
    return f"crossrisk calibrate --sets DIR --rows {arguments.rows} --seed {arguments.seed}"


def _from_sets(arguments: argparse.Namespace, by_name: dict[str, AnyMonitor]) -> Progressed:
    if arguments.rows < 1:
        raise ConfigError("--rows: must be at least 1")
    folder = arguments.sets or os.environ.get("CROSSRISK_DATA", "")
    if not folder:
        raise ConfigError("--sets: name the folder of the public sets, or set CROSSRISK_DATA to it")
    sets = Sets(Path(folder))
    return [
        (by_name[one.measure], one.name, one.draw(sets, arguments.rows, arguments.seed))
        for one in SETS
        if one.measure in by_name
    ]


def _from_file(path: Path, by_name: dict[str, AnyMonitor]) -> Progressed:
    labels = read_labels(path)
    if not labels:
        raise ConfigError(f"{path}: holds no labels")
    for name in {one.measure for one in labels} - by_name.keys():
        raise ConfigError(
            f"{path}: there is no measure {name!r}; known: {', '.join(sorted(by_name))}; "
            "one of a configuration needs --config"
        )
    own = {name: [one for one in labels if one.measure == name] for name in by_name}
    return [(by_name[name], path.name, some) for name, some in own.items() if some]


async def _assess(monitors: Sequence[AnyMonitor], work: Progressed) -> list[Known]:
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    known: list[Known] = []
    async with opened(monitors):
        with Progress(*columns, console=Console(stderr=True), transient=True) as progress:
            task = progress.add_task("scoring", total=sum(len(labels) for _, _, labels in work))
            for monitor, name, labels in work:
                progress.update(task, description=monitor.measure.name)
                known += await assess(monitor, name, labels)
                progress.update(task, advance=len(labels))
    return known


def _print(calibration: Calibration, as_markdown: bool) -> int:
    if as_markdown:
        print(markdown(calibration), end="")  # noqa: T201
    else:
        Console(highlight=False).print(error_table(calibration))
    return 0
