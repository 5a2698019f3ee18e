"""Where a sequence classifier lies, a folder or a model hub, and what its files say of it."""

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from difflib import get_close_matches
from importlib.util import find_spec
from pathlib import Path
from typing import Any, Literal

import msgspec

from gateway.errors import ConfigError
from gateway.model_files import cache_folder
from gateway.text.onnx_session import Device

LONGEST_WINDOW = 512
"""Tokens read at once unless the configuration says otherwise: what such models are trained on."""
_NEEDS = {"onnx": ("numpy", "onnxruntime", "tokenizers"), "whitebox": ("numpy", "torch", "transformers")}
_OFFSET_FAMILIES = ("roberta", "camembert", "longformer", "mpnet")
"""Their positions begin after the padding's, so that two of them are never used."""
_DESCRIPTIONS = ("*.json", "*.txt", "*.model")


class ClassifierChoice(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """Section `model` of a classifier.

    path: a folder with `config.json` and either an .onnx file and `tokenizer.json`, or safetensors;
    hub: instead, the `owner/name` of a model on the Hugging Face hub, fetched once into the cache
        folder and then used as it is; revision: its branch, tag or, to be sure, commit.
    labels: from a label of the model to the label to report; only those listed count.
    file: which of several .onnx files, or `model.safetensors`; outputs: what the model's numbers
        are: labels that exclude each other (`softmax`), or each by itself (`sigmoid`).
    window: tokens read at once, what the model takes if 0; longer texts are read in windows.
    device: `auto`, `cpu` or `cuda`; cache: texts whose scores are remembered.
    """

    path: str = ""
    hub: str = ""
    revision: str = "main"
    labels: dict[str, str]
    file: str = ""
    outputs: Literal["auto", "softmax", "sigmoid"] = "auto"
    window: int = 0
    device: Device = "auto"
    cache: int = 2048


@dataclass(frozen=True, slots=True)
class ClassifierFiles:
    """A classifier as its files describe it.

    onnx: the file ONNX Runtime reads; None where transformers must do. labels: by output.
    several: whether more than one label may hold. window: in tokens; padding: the token to fill with.
    """

    folder: Path
    onnx: Path | None
    labels: tuple[str, ...]
    several: bool
    window: int
    padding: int


def find(choice: ClassifierChoice) -> ClassifierFiles:
    """The files that `choice` names, fetched if need be but not loaded; raises ConfigError."""
    if bool(choice.path) == bool(choice.hub):
        raise ConfigError("model: needs either `path: FOLDER` or `hub: owner/name`")
    if choice.window < 0 or choice.cache < 1:
        raise ConfigError("model: window must not be negative, and cache must be at least 1")
    folder = Path(choice.path).expanduser() if choice.path else _fetched(choice)
    described = _described(folder)
    onnx = _chosen(_names(folder), choice.file)
    _check_complete(folder, onnx)
    labels = _labels(described, folder)
    _check_labels(choice.labels, labels)
    return ClassifierFiles(
        folder=folder,
        onnx=folder / onnx if onnx else None,
        labels=labels,
        several=_several(described, choice.outputs, labels),
        window=_window(described, folder, choice.window),
        padding=int(described.get("pad_token_id") or 0),
    )


def _described(folder: Path) -> Mapping[str, Any]:
    if not folder.is_dir():
        raise ConfigError(
            f"model: there is no folder {folder}; for a model of the hub write `hub: owner/name`"
        )
    return _read(folder / "config.json")


def _read(file: Path) -> Mapping[str, Any]:
    try:
        described = json.loads(file.read_text(encoding="utf-8"))
    except OSError as error:
        raise ConfigError(f"model: cannot read {file}: {error.strerror}") from error
    except ValueError as error:
        raise ConfigError(f"model: {file} is not JSON: {error}") from error
    if not isinstance(described, dict):
        raise ConfigError(f"model: {file} is not a JSON object")
    return described


def _names(folder: Path) -> list[str]:
    return [str(file.relative_to(folder)) for file in sorted(folder.rglob("*")) if file.is_file()]


def _chosen(names: Iterable[str], file: str) -> str | None:
    """The .onnx file among `names`; None where there is none, or other weights were asked for."""
    names = list(names)
    if file:
        if file not in names:
            raise ConfigError(f"model: there is no file {file!r}")
        return file if file.endswith(".onnx") else None
    found = [name for name in names if name.endswith(".onnx")]
    for usual in ("model.onnx", "onnx/model.onnx"):
        if usual in found:
            return usual
    if len(found) > 1:
        raise ConfigError(f"model: there are several .onnx files; choose one: `file: {found[0]}`")
    return found[0] if found else None


def _check_complete(folder: Path, onnx: str | None) -> None:
    if onnx is None and not any(folder.glob("*.safetensors")):
        # Pickled weights may run code of whoever made them.
        raise ConfigError(f"model: {folder} holds neither an .onnx file nor .safetensors")
    if onnx is not None and not (folder / "tokenizer.json").is_file():
        raise ConfigError(f"model: {folder} lacks tokenizer.json; save the model with its fast tokenizer")
    extra = "onnx" if onnx else "whitebox"
    missing = [module for module in _NEEDS[extra] if find_spec(module) is None]
    if missing:
        raise ConfigError(f"model: {folder} needs {missing[0]}: pip install 'crossrisk-gateway[{extra}]'")


def _labels(described: Mapping[str, Any], folder: Path) -> tuple[str, ...]:
    names = described.get("id2label")
    kinds = described.get("architectures") or ()
    if names is None and any("SequenceClassification" in str(kind) for kind in kinds):
        names = {"0": "LABEL_0", "1": "LABEL_1"}  # what transformers does not write down
    if not isinstance(names, dict) or not names:
        raise ConfigError(f"model: {folder / 'config.json'} has no id2label; is it a sequence classifier?")
    try:
        return tuple(str(names[str(index)]) for index in range(len(names)))
    except KeyError as error:
        raise ConfigError(f"model: id2label of {folder / 'config.json'} lacks {error}") from error


def _check_labels(chosen: Mapping[str, str], labels: Sequence[str]) -> None:
    known = ", ".join(labels)
    if not chosen:
        raise ConfigError(f"model: labels is empty; map those that count, of {known}")
    for label, name in chosen.items():
        if label not in labels:
            close = get_close_matches(label, labels, n=1)
            meant = f"; did you mean {close[0]!r}?" if close else ""
            raise ConfigError(f"model: labels: the model has no {label!r}{meant} It has {known}")
        if not name.strip():
            raise ConfigError(f"model: labels: {label!r} is mapped to nothing")


def _several(described: Mapping[str, Any], outputs: str, labels: Sequence[str]) -> bool:
    if outputs != "auto":
        return outputs == "sigmoid"
    return len(labels) == 1 or described.get("problem_type") == "multi_label_classification"


def _window(described: Mapping[str, Any], folder: Path, asked: int) -> int:
    most = int(described.get("max_position_embeddings") or 0)
    if most > 0 and any(family in str(described.get("model_type")) for family in _OFFSET_FAMILIES):
        most -= 2
    own = folder / "tokenizer_config.json"
    told = _read(own).get("model_max_length") if own.is_file() else None
    bounds = [bound for bound in (most, told) if isinstance(bound, int) and 0 < bound < 1_000_000]
    limit = min(bounds, default=LONGEST_WINDOW)
    if asked > limit and bounds:
        raise ConfigError(f"model: window: the model reads {limit} tokens at most, not {asked}")
    window = asked or min(limit, LONGEST_WINDOW)
    if window < 8:
        raise ConfigError(f"model: window: must be at least 8 tokens, not {window}")
    return window


def _fetched(choice: ClassifierChoice) -> Path:
    """The folder of a model of the hub, from the cache where it is complete there."""
    if find_spec("huggingface_hub") is None:
        raise ConfigError("model: a hub needs huggingface_hub: pip install 'crossrisk-gateway[onnx]'")
    from huggingface_hub import snapshot_download

    cache = cache_folder() / "hub"
    finished = cache / "--".join([choice.hub, choice.revision, choice.file]).replace("/", "--")
    try:
        known = finished.is_file()
        patterns = finished.read_text().split("\n") if known else _listed(choice)
        folder = snapshot_download(
            choice.hub,
            revision=choice.revision,
            cache_dir=cache,
            allow_patterns=patterns,
            local_files_only=known,
        )
        finished.write_text("\n".join(patterns))
        return Path(folder)
    except ConfigError:
        raise
    except Exception as error:  # of the hub's client, its HTTP library or the disk
        reason = str(error).strip().splitlines()[0][:200] if str(error).strip() else type(error).__name__
        raise ConfigError(
            f"model: cannot fetch {choice.hub} at {choice.revision!r}: {reason}; or give the `path` of a copy"
        ) from error


def _listed(choice: ClassifierChoice) -> list[str]:
    """Patterns for the files to fetch: one form of the weights, never a pickled one."""
    from huggingface_hub import HfApi

    onnx = _chosen(HfApi().list_repo_files(choice.hub, revision=choice.revision), choice.file)
    weights = [onnx, f"{onnx}_data", f"{onnx}.data"] if onnx else ["*.safetensors"]
    return [*_DESCRIPTIONS, *weights]
