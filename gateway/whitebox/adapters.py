"""Low-rank adapters (Hu et al., 2021, arXiv 2106.09685), chosen for each row of a batch by name."""

import json
import threading
from collections.abc import Mapping, Sequence
from pathlib import Path

import torch
from torch import Tensor, nn

from gateway.errors import ConfigError

_PREFIX = "base_model.model."


class Choice(threading.local):
    """The adapter of each row that this thread computes now; None is the model as it is.

    By thread, since texts are scored while answers are decoded.
    """

    names: Sequence[str | None] = ()


class Adapted(nn.Module):
    """A linear map to which each row adds what its adapter learned."""

    def __init__(self, base: nn.Linear, choice: Choice) -> None:
        super().__init__()
        self.base = base
        self._choice = choice
        self._parts: dict[str, tuple[Tensor, Tensor]] = {}

    def add(self, name: str, down: Tensor, up: Tensor) -> None:
        """`down` is [rank, in], `up` [out, rank], already scaled."""
        weight = self.base.weight
        self._parts[name] = (down.to(weight.dtype), up.to(weight.dtype))

    def forward(self, states: Tensor) -> Tensor:
        """States [rows, tokens, in] to [rows, tokens, out]."""
        out: Tensor = self.base(states)
        names = self._choice.names
        for name in {one for one in names if one is not None and one in self._parts}:
            down, up = self._parts[name]
            rows = [row for row, one in enumerate(names) if one == name]
            out[rows] += (states[rows] @ down.T) @ up.T
        return out


def load(model: nn.Module, adapters: Mapping[str, Path]) -> Choice:
    """Put the adapters of these folders (PEFT's format) beside the model's own weights.

    Raises ConfigError where a folder holds no adapter, or one for another model.
    """
    choice = Choice()
    for name, folder in adapters.items():
        scale, weights = _read(name, folder)
        for place in sorted({key.rsplit(".lora_", 1)[0] for key in weights}):
            target = _linear(model, place, name, choice)
            down, up = weights[f"{place}.lora_A.weight"], weights[f"{place}.lora_B.weight"]
            if down.shape[1] != target.base.in_features or up.shape[0] != target.base.out_features:
                raise ConfigError(f"adapters: {name} is for another model: {place} is of another size")
            target.add(name, down, up * scale)
    return choice


def _read(name: str, folder: Path) -> tuple[float, dict[str, Tensor]]:
    from safetensors.torch import load_file

    try:
        described = json.loads((folder / "adapter_config.json").read_text())
        weights = load_file(folder / "adapter_model.safetensors")
        scale = float(described["lora_alpha"]) / float(described["r"])
    except (OSError, ValueError, KeyError) as error:
        raise ConfigError(f"adapters: {name}: {folder} holds no adapter: {error}") from error
    return scale, {key.removeprefix(_PREFIX): tensor for key, tensor in weights.items()}


def _linear(model: nn.Module, place: str, name: str, choice: Choice) -> Adapted:
    parent, _, child = place.rpartition(".")
    try:
        holder = model.get_submodule(parent)
        found = getattr(holder, child)
    except AttributeError as error:
        raise ConfigError(f"adapters: {name} is for another model: there is no {place}") from error
    if isinstance(found, nn.Linear):
        found = Adapted(found, choice)
        setattr(holder, child, found)
    if not isinstance(found, Adapted):
        raise ConfigError(f"adapters: {name}: {place} is no linear map")
    return found


@torch.inference_mode()
def chosen(choice: Choice, names: Sequence[str | None]) -> None:
    """Have the next pass through the model use these adapters, one for each row."""
    choice.names = tuple(names)
