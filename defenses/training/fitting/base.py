"""The model that every adapter is for: the one that the white-box upstream serves, converted once."""

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from gateway.model_files import SMOLLM2, fetched
from gateway.whitebox.model import load


def base(adapters: Mapping[str, Path], say: Callable[[str], object]) -> Any:
    """The model with these adapters, as it is served; raises `ConfigError` when it was not fetched."""
    from transformers.utils import logging

    logging.disable_progress_bar()  # type: ignore[no-untyped-call, unused-ignore]
    return load(fetched(SMOLLM2), adapters, say)
