"""Low-rank adapters (Hu et al., 2021, arXiv 2106.09685): put in by peft, and written for it."""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

BASE = "HuggingFaceTB/SmolLM2-135M-Instruct"
"""The name by which peft's users know the model; a path would be true on one machine only."""
_PREFIX = "base_model.model."


@dataclass(frozen=True, slots=True)
class Shape:
    """Where the adapter adds, and how much it can: `rank` numbers between two maps, times alpha / rank.

    It adds to the linear maps `targets` of all layers, or of `layers` alone.
    """

    rank: int
    alpha: int
    targets: tuple[str, ...] = ("q_proj", "v_proj", "up_proj", "down_proj")
    layers: tuple[int, ...] = ()


def attach(model: nn.Module, shape: Shape, seed: int) -> list[nn.Parameter]:
    """Put a fresh adapter into `model`, which it changes nothing of yet; the parameters to train.

    All other parameters are frozen.
    """
    from peft import LoraConfig, inject_adapter_in_model

    torch.manual_seed(seed)
    config = LoraConfig(
        r=shape.rank,
        lora_alpha=shape.alpha,
        target_modules=list(shape.targets),
        layers_to_transform=list(shape.layers) or None,
    )
    inject_adapter_in_model(config, model)
    for name, parameter in model.named_parameters():
        parameter.requires_grad_("lora_" in name)
    return [parameter for parameter in model.parameters() if parameter.requires_grad]


def write(model: nn.Module, shape: Shape, folder: Path) -> None:
    """Write `adapter_model.safetensors`, in numbers of 16 bits, and `adapter_config.json`.

    The same weights make the same bytes: peft's own writer keeps sets, whose order changes from run to run.
    """
    from safetensors.torch import save_file

    save_file(dict(_weights(model)), folder / "adapter_model.safetensors", {"format": "pt"})
    described = {
        "base_model_name_or_path": BASE,
        "bias": "none",
        "fan_in_fan_out": False,
        "inference_mode": True,
        "layers_to_transform": list(shape.layers) or None,
        "lora_alpha": shape.alpha,
        "lora_dropout": 0.0,
        "peft_type": "LORA",
        "r": shape.rank,
        "target_modules": sorted(shape.targets),
        "task_type": "CAUSAL_LM",
    }
    (folder / "adapter_config.json").write_text(json.dumps(described, indent=2) + "\n")


def _weights(model: nn.Module) -> Iterator[tuple[str, Tensor]]:
    for name, parameter in model.named_parameters():
        if parameter.requires_grad:
            # opacus wraps the model, which shows in the names
            plain = name.removeprefix("_module.").replace(".default.", ".")
            yield _PREFIX + plain, parameter.detach().to(torch.float16).contiguous()


def schedule(optimizer: Any, steps: int) -> Any:
    """The learning rate over `steps` steps: up during the first tenth, then down to nothing."""
    warm = max(1, steps // 10)
    return torch.optim.lr_scheduler.LambdaLR(
        optimizer, lambda step: min((step + 1) / warm, (steps - step) / max(1, steps - warm))
    )
