"""ONNX Runtime on one thread of a CPU, or on a GPU; what cannot be had is an error at start-up."""

from dataclasses import dataclass
from importlib import metadata
from pathlib import Path
from typing import Any, Literal

from gateway.errors import ConfigError

Device = Literal["auto", "cpu", "cuda"]
_RUNTIMES = ("onnxruntime", "onnxruntime-gpu")
_PROVIDERS = {"cpu": "CPUExecutionProvider", "cuda": "CUDAExecutionProvider"}
_REMEDY = "pip install 'crossrisk-gateway[onnx]', or [onnx-gpu] on a machine with a GPU"


@dataclass(frozen=True, slots=True)
class Placement:
    """Where a model runs; `fallback` says why not on the GPU, empty where nobody expected one."""

    device: Literal["cpu", "cuda"]
    fallback: str = ""


def session(file: Path, device: Device) -> tuple[Any, Placement]:
    """An inference session for `file`, and where it runs.

    `auto` takes the GPU if there is one. Raises ConfigError with the remedy when no runtime is
    installed, or both are, when `file` is missing, or when the GPU that was asked for cannot be had.
    """
    runtime = _runtime()
    import onnxruntime as ort

    if not file.is_file():
        raise ConfigError(f"{file} is missing; install the package again")
    if device == "cpu":
        return _opened(ort, file, "cpu"), Placement("cpu")
    try:
        if _PROVIDERS["cuda"] not in ort.get_available_providers():
            raise RuntimeError(f"{runtime} has no CUDA here")
        if hasattr(ort, "preload_dlls"):
            ort.preload_dlls()  # the CUDA libraries that pip installed
        return _opened(ort, file, "cuda"), Placement("cuda")
    except Exception as error:  # whatever the driver says
        reason = str(error).splitlines()[0][:200]
    if device == "cuda":
        raise ConfigError(
            f"device cuda was asked for, but {reason}; install [onnx-gpu] and a driver, or ask for cpu"
        )
    expected = runtime == "onnxruntime-gpu"
    return _opened(ort, file, "cpu"), Placement("cpu", reason if expected else "")


def _runtime() -> str:
    installed = [name for name in _RUNTIMES if _is_installed(name)]
    if not installed:
        raise ConfigError(f"neither onnxruntime nor onnxruntime-gpu is installed; {_REMEDY}")
    if len(installed) > 1:
        raise ConfigError(
            "onnxruntime and onnxruntime-gpu are both installed and overwrite each other; "
            f"pip uninstall both, then {_REMEDY}"
        )
    return installed[0]


def _opened(ort: Any, file: Path, device: str) -> Any:
    options = ort.SessionOptions()
    options.intra_op_num_threads = 1  # two threads on two busy cores wait for each other
    options.inter_op_num_threads = 1
    options.log_severity_level = 3
    opened = ort.InferenceSession(str(file), options, providers=[_PROVIDERS[device]])
    opened.disable_fallback()  # else a failing GPU would be a slow CPU without a word
    if opened.get_providers()[0] != _PROVIDERS[device]:
        raise RuntimeError(f"ONNX Runtime took {opened.get_providers()[0]} instead of {_PROVIDERS[device]}")
    return opened


def _is_installed(distribution: str) -> bool:
    try:
        metadata.distribution(distribution)
    except metadata.PackageNotFoundError:
        return False
    return True
