"""Finds orders of defenses that make little sense: each may be right alone, and blind its neighbour.

A defense may declare, as attributes: `hides` and `restores`, what it takes out of prompts and puts back into
answers; `looks_for` and `looks_for_in_answers`, what it would find in either; `relies_on`, what must stay as
it is in the prompts that it made; `calls`, how often it asks what stands below it.
"""

from collections.abc import Iterator, Sequence
from itertools import combinations
from math import prod

from gateway.chain import Layer

MOST_CALLS = 12
"""Calls of the model for one exchange, past which somebody should be told."""


def doubts(layers: Sequence[Layer]) -> list[str]:
    """What is doubtful about these defenses in this order, each with the reason and a remedy."""
    active = [layer for layer in layers if layer.mode != "off"]
    found = [doubt for above, below in combinations(active, 2) for doubt in _pair(above, below)]
    calls = prod(int(getattr(layer.defense, "calls", 1)) for layer in active)
    if calls > MOST_CALLS:
        asking = ", ".join(layer.name for layer in active if getattr(layer.defense, "calls", 1) > 1)
        found.append(f"{asking}: together they call the model {calls} times for each exchange")
    return found


def _pair(above: Layer, below: Layer) -> Iterator[str]:
    for what in sorted(_said(above, "hides") & _said(below, "looks_for")):
        yield (
            f"{below.name} looks for {what} in prompts, which {above.name} hides from it: "
            f"list {below.name} first"
        )
    for what in sorted(_said(below, "hides") & _said(above, "relies_on")):
        yield f"{above.name} relies on the {what} that {below.name} changes: list {below.name} first"
    for what in sorted(_said(below, "restores") & _said(above, "looks_for_in_answers")):
        yield (
            f"{above.name} looks for {what} in answers, and {below.name} puts it there again: "
            f"list {above.name} after {below.name}"
        )
    if type(above.defense) is type(below.defense) and above.defense == below.defense:
        yield f"{below.name} does what {above.name} has done already"


def _said(layer: Layer, name: str) -> frozenset[str]:
    return frozenset(getattr(layer.defense, name, frozenset()))
