"""`crossrisk defenses`: what can be put into the section `defenses`."""

import argparse
import importlib
import inspect
import pkgutil
import re
import textwrap
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from types import ModuleType

from rich.console import Console
from rich.table import Table

from gateway.errors import GatewayError

DESCRIPTION = """\
List the defenses that ship: how each is named in the configuration, the risk it is built for, where it
stands and what it does. `--about` tells all of one: its parameters, cost and source."""
EXAMPLES = """\
examples:
  crossrisk defenses
  crossrisk defenses --about defenses.smooth_llm:SmoothLlm"""
COLUMNS = ("defense", "risk", "stands at", "what it does", "cost", "source")


@dataclass(frozen=True, slots=True)
class Shipped:
    """One defense as its docstring describes it."""

    use: str
    risk: str
    place: str
    summary: str
    cost: str
    source: str
    about: str

    @property
    def row(self) -> tuple[str, ...]:
        """Its cells in the table."""
        return (f"`{self.use}`", self.risk, self.place, self.summary, self.cost, self.source)


def shipped(package: str = "defenses") -> list[Shipped]:
    """Every public defense of the package, by risk and name."""
    root = importlib.import_module(package)
    modules = [
        importlib.import_module(f"{package}.{one.name}") for one in pkgutil.iter_modules(root.__path__)
    ]
    found = [_described(module, one) for module in modules for one in _defenses(module)]
    order = ("safety", "fairness", "privacy")
    return sorted(found, key=lambda one: (order.index(one.risk) if one.risk in order else 3, one.use))


def _defenses(module: ModuleType) -> Iterator[type]:
    for name, one in vars(module).items():
        own = inspect.isclass(one) and one.__module__ == module.__name__ and not name.startswith("_")
        if own and hasattr(one, "risk") and hasattr(one, "labels") and hasattr(one, "__call__"):  # noqa: B004
            yield one


def _described(module: ModuleType, one: type) -> Shipped:
    about = inspect.cleandoc(one.__doc__ or "")
    risk = getattr(one, "risk", None)
    return Shipped(
        use=f"{module.__name__}:{one.__name__}",
        risk=risk if isinstance(risk, str) else "any",
        place=_line(about, "Stands at"),
        summary=about.splitlines()[0].rstrip("."),
        cost=_line(about, "Cost"),
        source=_line(about, "Source"),
        about=about,
    )


def _line(about: str, key: str) -> str:
    found = re.search(rf"^{key}: (.*?)\.?\n(?=\S|\n|\Z)", about + "\n\n", re.DOTALL | re.MULTILINE)
    return " ".join(found[1].split()) if found else ""


def markdown(defenses: Sequence[Shipped]) -> str:
    """The table for `docs/defenses.md`."""
    rows = [COLUMNS, tuple("---" for _ in COLUMNS), *(one.row for one in defenses)]
    return "\n".join(f"| {' | '.join(row)} |" for row in rows) + "\n"


def add_parser(subparsers: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Register the command."""
    parser = subparsers.add_parser(
        "defenses",
        help="list the defenses that ship",
        description=DESCRIPTION,
        epilog=EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--about", metavar="USE", help="all that is to be said of one")
    parser.add_argument("--markdown", action="store_true", help="the table of docs/defenses.md")
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> int:
    """Print the list, or one defense."""
    console = Console(highlight=False)
    defenses = shipped()
    if arguments.markdown:
        print(markdown(defenses), end="")  # noqa: T201
        return 0
    if arguments.about:
        chosen = next((one for one in defenses if one.use == arguments.about), None)
        if chosen is None:
            known = ", ".join(one.use for one in defenses)
            raise GatewayError(f"there is no defense {arguments.about!r}; known: {known}")
        console.print(f"{chosen.use}\n\n{textwrap.indent(chosen.about, '  ')}", markup=False, soft_wrap=True)
        return 0
    table = Table()
    for number, column in enumerate(COLUMNS[:4]):
        table.add_column(column, no_wrap=number == 0)
    for one in defenses:
        table.add_row(one.use, one.risk, one.place, one.summary)
    console.print(table)
    return 0
