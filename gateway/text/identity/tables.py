"""The tables beside this module: terms, other senses, names and word classes."""

from collections.abc import Mapping
from importlib.resources import files
from typing import Any

import yaml

_LOADER = getattr(yaml, "CSafeLoader", yaml.SafeLoader)  # the C one where PyYAML was built with it


def _table(name: str) -> Any:
    return yaml.load(files(__package__).joinpath(f"{name}.yaml").read_text("utf-8"), _LOADER)  # noqa: S506


TERMS: Mapping[str, Any] = _table("terms")
SENSES: Mapping[str, str] = _table("senses")
NAMES: str = _table("names")["names"]
CLASSES: Mapping[str, frozenset[str]] = {
    name: frozenset(words.split()) for name, words in _table("grammar").items()
}
"""Word classes by name, in lower case."""
