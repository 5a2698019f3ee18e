"""The card of an adapter: what it learned from and how, and what it does to requests it never saw."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from importlib import metadata

LIBRARIES = ("torch", "transformers", "peft")


@dataclass(frozen=True, slots=True)
class Refused:
    """How many prompts of a test each way of answering declined, by its name."""

    test: str
    harmful: bool
    prompts: int
    declined: Mapping[str, int]


def facts(**said: str) -> str:
    """A list of facts, one a line; an underscore in a name stands for a space."""
    return "".join(f"* **{name.replace('_', ' ')}**: {text}.\n" for name, text in said.items())


def counted(sources: Sequence[str]) -> str:
    """How many of each source.

    >>> counted(["a", "b", "a"])
    'a 2, b 1'
    """
    return ", ".join(f"{source} {sources.count(source)}" for source in dict.fromkeys(sources))


def versions(*more: str) -> str:
    """The libraries an adapter was made with."""
    return ", ".join(f"{name} {metadata.version(name)}" for name in (*LIBRARIES, *more))


def refusals(seen: Sequence[Refused]) -> str:
    """A table of the share that was declined: of harmful prompts more is better, of benign ones less.

    >>> print(refusals([Refused("T", True, 50, {"the model": 3, "the adapter": 40})]))
    | requests | should be declined | prompts | the model | the adapter |
    |---|---|---|---|---|
    | T | yes | 50 | 6% | 80% |
    <BLANKLINE>
    """
    ways = list(seen[0].declined)
    lines = [
        f"| requests | should be declined | prompts | {' | '.join(ways)} |",
        "|---" * (3 + len(ways)) + "|",
    ]
    for one in seen:
        shares = " | ".join(f"{one.declined[way] / one.prompts:.0%}" for way in ways)
        lines.append(f"| {one.test} | {'yes' if one.harmful else 'no'} | {one.prompts} | {shares} |")
    return "\n".join(lines) + "\n"


def losses(values: Sequence[float]) -> str:
    """The mean of the first and of the last tenth of a training's losses.

    >>> losses([2.0, 1.0, 0.5])
    'from 2.00 to 0.50'
    """
    tenth = max(1, len(values) // 10)
    return f"from {sum(values[:tenth]) / tenth:.2f} to {sum(values[-tenth:]) / tenth:.2f}"
