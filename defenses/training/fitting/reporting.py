"""What a training tells: its losses while it runs, its plan and libraries on its card."""

from collections.abc import Mapping
from typing import Any

import torch
from rich.progress import Progress

from defenses.training import card


class Followed:
    """A training under a progress bar: what it tells of each step is its loss."""

    def __init__(self, progress: Progress, what: str, steps: int) -> None:
        self._progress = progress
        self._what = what
        self._task = progress.add_task(what, total=steps)
        self.losses: list[float] = []

    def tell(self, loss: float) -> None:
        """One step is done."""
        self.losses.append(loss)
        self._progress.update(self._task, advance=1, description=f"{self._what}, loss {loss:.2f}")


def made_with(*libraries: str) -> str:
    """The libraries, and how many threads, since sums in another order round to other bytes."""
    threads = torch.get_num_threads()
    return f"{card.versions(*libraries)}, threads {threads}; the same seed makes the same bytes"


def flat(plan: Mapping[str, Any]) -> dict[str, Any]:
    """The fields of a plan, with those of its shape among them."""
    shape = plan["shape"]
    flat = {"rank": shape["rank"], "alpha": shape["alpha"], "on": " ".join(shape["targets"])}
    if shape["layers"]:
        flat["layers"] = f"{min(shape['layers'])} to {max(shape['layers'])}"
    return flat | {name: value for name, value in plan.items() if name != "shape"}
