"""`crossrisk matrix`: what each defense does to every risk, offline, on public sets."""

import argparse
import asyncio
import contextlib
import hashlib
import inspect
import os
from collections.abc import AsyncIterator, Sequence
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn
from rich.table import Table

from gateway.commands.gateway import add_config_argument
from gateway.config import Config, read_config
from gateway.engine import Route
from gateway.errors import ConfigError
from gateway.paths import run_folder
from gateway.resources import opened
from gateway.text import encoder
from monitors.crossrisk.answers import Answers, Remembering
from monitors.crossrisk.cells import cells, prices
from monitors.crossrisk.report import Matrix, markdown, picture
from monitors.crossrisk.run import Bench, Results, System, systems
from monitors.crossrisk.task import Task
from monitors.crossrisk.tasks import tasks

ABOUT = """\
Run the same prompts through the undefended upstream and through each defense of a configuration alone, and
tell how much each defense moves each measure of safety, fairness, privacy and utility: paired differences
with 95 % intervals. Decodes greedily; what no defense changed is asked once. Writes results.jsonl (scores, no
text), answers.sqlite (the model's answers), matrix.md and matrix.svg. Stopped, it goes on where it was."""
EXAMPLES = """\
examples:
  crossrisk matrix --config all.yaml --data sets/ --output matrix/
  crossrisk matrix --config all.yaml --data sets/ --output matrix/ --items 100 --only pii_redaction"""


def add_parser(subparsers: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Register the command."""
    parser = subparsers.add_parser(
        "matrix",
        help="measure each defense against every risk, offline",
        description=ABOUT,
        epilog=EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    add_config_argument(parser)
    default = os.environ.get("CROSSRISK_DATA")
    parser.add_argument(
        "--data", type=Path, default=default and Path(default), metavar="DIR",
        help="folder of the public sets; default: $CROSSRISK_DATA",
    )  # fmt: skip
    parser.add_argument("--output", "-o", type=Path, required=True, metavar="DIR", help="where the files go")
    parser.add_argument(
        "--items", type=int, default=50, metavar="N", help="of each task; default: %(default)s"
    )
    parser.add_argument(
        "--seed", type=int, default=0, metavar="N", help="draws the items; default: %(default)s"
    )
    parser.add_argument("--max-tokens", type=int, default=48, metavar="N", help="default: %(default)s")
    parser.add_argument("--concurrency", "-j", type=int, default=8, metavar="N", help="default: %(default)s")
    parser.add_argument("--only", nargs="+", default=[], metavar="NAME", help="these defenses alone")
    parser.add_argument("--tasks", nargs="+", default=[], metavar="NAME", help="these tasks alone")
    parser.add_argument("--together", action="store_true", help="also all defenses in their order")
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> int:
    """Run what is missing, then write the report; exit code 1 where items failed."""
    if arguments.data is None:
        raise ConfigError("--data: name the folder of the public sets, or set CROSSRISK_DATA")
    config = read_config(arguments.config)
    encoder.use(config.settings.encoder)
    # What a defense keeps, such as a ledger, is kept apart from that of a gateway that serves.
    arguments.output.mkdir(parents=True, exist_ok=True)
    os.environ["CROSSRISK_RUN"] = str(run_folder(str(arguments.output / "run")))
    rows = _rows(config, arguments)
    asked = _chosen(tasks(arguments.data, arguments.items, arguments.seed), arguments.tasks)
    with contextlib.closing(
        Results(arguments.output / "results.jsonl", _head(config, arguments, asked))
    ) as results:
        failed = asyncio.run(_run(config, arguments, rows, asked, results))
        _report(config, arguments, rows, asked, results)
    return 1 if failed else 0


def _rows(config: Config, arguments: argparse.Namespace) -> tuple[System, ...]:
    layers = [layer for layer in config.layers() if layer.mode != "off"]
    known = [layer.name for layer in layers]
    for name in arguments.only:
        if name not in known:
            raise ConfigError(f"--only: there is no defense {name!r}; configured: {', '.join(known)}")
    chosen = [layer for layer in layers if not arguments.only or layer.name in arguments.only]
    return systems(chosen, arguments.together)


def _chosen(every: tuple[Task, ...], names: Sequence[str]) -> tuple[Task, ...]:
    known = [task.name for task in every]
    for name in names:
        if name not in known:
            raise ConfigError(f"--tasks: there is no task {name!r}; there is {', '.join(known)}")
    return tuple(task for task in every if not names or task.name in names)


def _head(config: Config, arguments: argparse.Namespace, asked: tuple[Task, ...]) -> dict[str, Any]:
    """What must not change between two runs into one folder; more defenses may come."""
    items = hashlib.blake2b(repr([task.items for task in asked]).encode(), digest_size=8).hexdigest()
    models = [{k: v for k, v in e.options.items() if k != "adapters"} for e in config.upstream_entries]
    upstream = hashlib.blake2b(repr(models).encode(), digest_size=8)
    return {
        "items": items,
        "upstream": upstream.hexdigest(),
        "seed": arguments.seed,
        "max_tokens": arguments.max_tokens,
    }


async def _run(
    config: Config,
    arguments: argparse.Namespace,
    rows: tuple[System, ...],
    asked: tuple[Task, ...],
    results: Results,
) -> int:
    """How many items failed."""
    left = {
        row.name: [
            (task, item)
            for task in asked
            for item in task.items
            if (row.name, task.name, item.key) not in results
        ]
        for row in rows
    }
    if not any(left.values()):
        return 0
    monitors = [one for one in config.monitors() if not inspect.iscoroutinefunction(one.score)]
    parameters = {"temperature": 0.0, "max_tokens": arguments.max_tokens, "seed": arguments.seed}
    columns = (TextColumn("{task.description:20}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    failures = 0
    async with _routes(config, arguments.output / "answers.sqlite") as routes:
        bench = Bench(routes, parameters, monitors)
        with Progress(*columns, console=Console(stderr=True)) as progress:
            for row in rows:
                bar = progress.add_task(row.name, total=len(left[row.name]))

                def done(result: Any, bar: Any = bar) -> None:
                    nonlocal failures
                    progress.advance(bar)
                    if result is None:
                        failures += 1
                    else:
                        results.add(result)

                async with opened(layer.defense for layer in row.layers):
                    await bench.run(row, left[row.name], arguments.concurrency, done)
    return failures


@contextlib.asynccontextmanager
async def _routes(config: Config, file: Path) -> AsyncIterator[list[Route]]:
    async with contextlib.AsyncExitStack() as stack:
        answers = Answers(file)
        stack.callback(answers.close)
        yield [
            Route(entry.models, Remembering(await stack.enter_async_context(entry.connect()), answers))
            for entry in config.upstreams()
        ]


def _report(
    config: Config,
    arguments: argparse.Namespace,
    rows: tuple[System, ...],
    asked: tuple[Task, ...],
    results: Results,
) -> None:
    prompts = {task.name: len(task.items[0].prompts) for task in asked if task.items}
    matrix = Matrix(
        asked,
        {one.measure.name: one.measure.risk for one in config.monitors()},
        {layer.name: layer.risk for layer in config.layers()},
        cells(results, [task.name for task in asked]),
        prices(results, prompts),
    )
    model = ", ".join(name for entry in config.upstreams() for name in entry.models)
    settings = (
        f"Model {model}, greedy, at most {arguments.max_tokens} tokens; seed {arguments.seed}; "
        f"{sum(task.prompts for task in asked)} prompts a system."
    )
    (arguments.output / "matrix.md").write_text(markdown(matrix, settings))
    (arguments.output / "matrix.svg").write_text(picture(matrix))
    _print(matrix, arguments.output)


def _print(matrix: Matrix, folder: Path) -> None:
    console = Console()
    table = Table("system", *(task.name for task in matrix.tasks))
    colours = {"worse": "red", "better": "green", "none": "dim"}
    for system in matrix.systems:
        found = [matrix.cell(system, task.name) for task in matrix.tasks]
        table.add_row(
            system,
            *(
                ""
                if cell is None
                else f"[{colours[cell.verdict]}]{100 * cell.difference:+.0f}[/] "
                f"[dim]{100 * cell.lower:+.0f}..{100 * cell.upper:+.0f}[/]"
                for cell in found
            ),
        )
    console.print(table)
    console.print(f"{folder / 'matrix.md'}, {folder / 'matrix.svg'}", highlight=False)
