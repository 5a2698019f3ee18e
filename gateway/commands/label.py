"""`crossrisk label`: shows kept exchanges to somebody who says whether they violate a measure."""

import argparse
import json
import os
import sys
from collections.abc import Sequence
from pathlib import Path

from rich.console import Console
from rich.panel import Panel
from rich.text import Text

from gateway.config import read_config
from gateway.errors import ConfigError
from gateway.text import encoder
from monitors.labelled import answer_of, prompt_of
from monitors.labelling import Drawn, defense_of, draw, read_kept
from monitors.measure import Measure
from monitors.scorer import AnyMonitor
from monitors.shipped import shipped

DESCRIPTION = """\
Show exchanges that the monitors kept (`keep` in section gateway) one after the other, and write down
whether each violates a measure. They are drawn from every stratum of arm, outcome and score, in an order
that --seed decides; neither is shown. Answer y, n, s to skip or q to stop; run it again to go on.
THIS SHOWS THE TEXTS of prompts and answers, and copies those that are labelled."""
EXAMPLES = """\
examples:
  crossrisk label kept.jsonl --measure over_refusal --output labels.jsonl
  crossrisk label kept.jsonl --measure answer_toxicity --defense leak_filter -o labels.jsonl
  crossrisk calibrate labels.jsonl --output calibration.json"""
_CONTROL = {code: None for code in (*range(32), *range(127, 160)) if chr(code) not in "\n\t"}


def add_parser(subparsers: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Register the command."""
    parser = subparsers.add_parser(
        "label",
        help="label kept exchanges by hand",
        description=DESCRIPTION,
        epilog=EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("file", type=Path, metavar="FILE", help="exchanges that the monitors kept")
    parser.add_argument("--measure", "-m", required=True, metavar="NAME", help="what is to be judged")
    parser.add_argument(
        "--output", "-o", type=Path, required=True, metavar="FILE", help="labels are appended to it"
    )
    parser.add_argument("--count", "-n", type=int, default=100, metavar="N", help="default: %(default)s")
    parser.add_argument("--seed", type=int, default=7, metavar="N", help="default: %(default)s")
    parser.add_argument(
        "--defense", default="", metavar="NAME", help="whose arm is told; default: the only one with several"
    )
    parser.add_argument(
        "--config", "-c", type=Path, metavar="FILE", help="its monitors; default: those that ship"
    )
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> int:
    """Ask until all are labelled or somebody stops; 130 for Ctrl-C, and nothing is lost."""
    measure = _measure(arguments)
    rows = read_kept(arguments.file)
    defense = defense_of(rows, arguments.defense)
    drawn = draw(rows, measure, arguments.count, arguments.seed, defense)
    if not drawn:
        raise ConfigError(f"{arguments.file}: {measure.name} applied to none of the kept exchanges")
    done = _done(arguments.output, measure.name)
    return _ask([one for one in drawn if one.row["id"] not in done], measure, arguments.output)


def _measure(arguments: argparse.Namespace) -> Measure:
    monitors: Sequence[AnyMonitor] = shipped()
    if arguments.config is not None:
        config = read_config(arguments.config)
        encoder.use(config.settings.encoder)
        monitors = config.monitors()
    by_name = {monitor.measure.name: monitor.measure for monitor in monitors}
    if arguments.measure not in by_name:
        raise ConfigError(
            f"--measure: there is no {arguments.measure!r}; known: {', '.join(sorted(by_name))}"
        )
    return by_name[arguments.measure]


def _done(path: Path, measure: str) -> set[str]:
    """Ids of the exchanges that have a label of `measure` in `path` already."""
    try:
        rows = [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines() if line.strip()]
        return {str(row.get("id")) for row in rows if row["measure"] == measure}
    except FileNotFoundError:
        return set()
    except (OSError, ValueError, KeyError, AttributeError) as error:
        raise ConfigError(f"{path}: holds something else than labels; choose another file") from error


def _ask(drawn: Sequence[Drawn], measure: Measure, output: Path) -> int:
    console = Console(highlight=False)
    labelled = 0
    descriptor = os.open(output, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
    try:
        with os.fdopen(descriptor, "a", encoding="utf-8") as file:
            for number, one in enumerate(drawn, start=1):
                _show(console, one, f"{number} of {len(drawn)}")
                said = _answer(measure)
                if said == "q":
                    break
                if said in "yn":
                    file.write(json.dumps(one.labelled(measure.name, int(said == "y"))) + "\n")
                    file.flush()
                    labelled += 1
        return 0
    except (KeyboardInterrupt, EOFError) as stop:
        console.print()
        return 130 if isinstance(stop, KeyboardInterrupt) else 0
    finally:
        console.print(f"{labelled} labelled, in {output}; run the same command again to go on", markup=False)


def _answer(measure: Measure) -> str:
    question = f"{measure.name}: {measure.description} Is it so? [y]es [n]o [s]kip [q]uit: "
    while (said := _line(question)) not in ("y", "n", "s", "q"):
        sys.stdout.write("please answer y, n, s or q\n")
    return said


def _line(question: str) -> str:
    return input(question).strip().lower()[:1]


def _show(console: Console, one: Drawn, title: str) -> None:
    console.rule(title)
    for turn in prompt_of(one.row).messages:
        console.print(Panel(_plain(turn.content), title=_plain(turn.role), title_align="left"))
    answer = answer_of(one.row)
    heading = "answer, cut or replaced by a defense" if answer.blocked else "answer"
    text = _plain(answer.content or answer.refusal)
    console.print(Panel(text, title=heading, title_align="left", border_style="bold"))


def _plain(text: str) -> Text:
    """Without what would steer the terminal."""
    return Text(text.translate(_CONTROL))
