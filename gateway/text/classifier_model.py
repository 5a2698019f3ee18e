"""A sequence classifier, loaded: a text in windows, a probability for every label of every window."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

from gateway.errors import ConfigError, TextTooLongError
from gateway.text.classifier_files import ClassifierFiles
from gateway.text.onnx_session import Device, Placement, session
from gateway.text.phrases import encodable

if TYPE_CHECKING:  # heavy, and needed only where somebody asks
    import numpy as np
    import numpy.typing as npt

OVERLAP = 32
"""Tokens that neighbouring windows of a long text share, at most a quarter of a window."""
MOST_WINDOWS = 512
_IDS, _MASK, _TYPES = ("input_ids", "ids"), ("attention_mask", "mask"), ("token_type_ids", "segment_ids")


class Window(NamedTuple):
    """Token ids of a part of a text, with what the tokenizer put around them, and their types."""

    ids: Sequence[int]
    types: Sequence[int]


class Model:
    """What both run times share: the tokenizer, and what the numbers mean. Holds no text."""

    def __init__(self, files: ClassifierFiles, tokenizer: Any, placement: Placement) -> None:
        self.placement = placement
        self._files = files
        self._tokenizer = tokenizer
        tokenizer.no_padding()
        tokenizer.encode_special_tokens = True  # a text that spells [SEP] does not get one
        tokenizer.enable_truncation(files.window, stride=min(OVERLAP, files.window // 4))

    def windows(self, text: str) -> list[Window]:
        """`text` in windows that overlap; raises TextTooLongError past `MOST_WINDOWS`."""
        first = self._tokenizer.encode(encodable(text))
        windows = [first, *first.overflowing]
        if len(windows) > MOST_WINDOWS:
            raise TextTooLongError(
                f"a text has {len(windows)} windows, more than can be judged; the limit is {MOST_WINDOWS}"
            )
        return [Window(window.ids, window.type_ids) for window in windows]

    def read(self, windows: Sequence[Window]) -> list[list[float]]:
        """Probabilities [windows, labels]."""
        import numpy as np

        longest = self._padded(max(len(window.ids) for window in windows))
        ids = np.full((len(windows), longest), self._files.padding, dtype=np.int64)
        mask, types = np.zeros_like(ids), np.zeros_like(ids)
        for row, window in enumerate(windows):
            ids[row, : len(window.ids)] = window.ids
            mask[row, : len(window.ids)] = 1
            types[row, : len(window.ids)] = window.types
        logits = self._logits(ids, mask, types)
        if logits.shape != (len(windows), len(self._files.labels)):
            raise ValueError(f"the model gives {logits.shape} numbers for {len(self._files.labels)} labels")
        rows: list[list[float]] = _probabilities(logits, self._files.several).tolist()
        return rows

    def warm(self, _: object = None) -> Placement:
        """Run once, so that no client pays for it; where the model runs. Raises ConfigError."""
        try:
            self.read(self.windows("Good morning."))
        except Exception as error:  # whatever a file of somebody else's can do
            raise ConfigError(f"model: {self._files.folder} does not work: {str(error)[:200]}") from error
        return self.placement

    def _padded(self, longest: int) -> int:
        return longest

    def _logits(
        self, ids: "npt.NDArray[np.int64]", mask: "npt.NDArray[np.int64]", types: "npt.NDArray[np.int64]"
    ) -> "npt.NDArray[np.float32]":
        raise NotImplementedError


def _probabilities(logits: "npt.NDArray[np.float32]", several: bool) -> "npt.NDArray[np.float64]":
    import numpy as np

    if not np.isfinite(logits).all():
        raise ValueError("the model gives numbers that are none")
    exact = logits.astype(np.float64)
    if several:
        return np.asarray(1 / (1 + np.exp(-np.clip(exact, -60, 60))))
    powers = np.exp(exact - exact.max(axis=1, keepdims=True))
    return np.asarray(powers / powers.sum(axis=1, keepdims=True))


class OnnxModel(Model):
    """Runs in ONNX Runtime, which lets other threads of the process run meanwhile."""

    def __init__(self, files: ClassifierFiles, device: Device) -> None:
        assert files.onnx is not None
        from tokenizers import Tokenizer

        try:
            self._session, placement = session(files.onnx, device)
            tokenizer = Tokenizer.from_file(str(files.folder / "tokenizer.json"))
        except ConfigError:
            raise
        except Exception as error:  # both raise bare exceptions of their own
            raise ConfigError(f"model: {files.folder} cannot be loaded: {str(error)[:200]}") from error
        super().__init__(files, tokenizer, placement)
        self._inputs = {given.name: given for given in self._session.get_inputs()}
        for name in self._inputs:
            if name not in (*_IDS, *_MASK, *_TYPES):
                raise ConfigError(f"model: {files.onnx} wants an input {name!r}, which no text can fill")
        shape = next((given.shape for name, given in self._inputs.items() if name in _IDS), [1, None])
        if len(shape) != 2 or isinstance(shape[0], int):
            raise ConfigError(
                f"model: {files.onnx} must take any number of texts; export it with dynamic axes"
            )
        self._length = shape[1] if isinstance(shape[1], int) else None
        outputs = [given.name for given in self._session.get_outputs()]
        self._output = "logits" if "logits" in outputs else outputs[0]

    def _padded(self, longest: int) -> int:
        return self._length or longest

    def _logits(
        self, ids: "npt.NDArray[np.int64]", mask: "npt.NDArray[np.int64]", types: "npt.NDArray[np.int64]"
    ) -> "npt.NDArray[np.float32]":
        import numpy as np

        given = {**dict.fromkeys(_IDS, ids), **dict.fromkeys(_MASK, mask), **dict.fromkeys(_TYPES, types)}
        filled = {
            name: given[name].astype(np.int32 if "int32" in wanted.type else np.int64)
            for name, wanted in self._inputs.items()
        }
        [logits] = self._session.run([self._output], filled)
        return np.asarray(logits, dtype=np.float32)


class TorchModel(Model):
    """Runs in transformers; for a process of its own, since torch keeps Python's lock for long."""

    def __init__(self, files: ClassifierFiles, device: Device) -> None:
        import torch
        from transformers import AutoModelForSequenceClassification, AutoTokenizer, logging

        logging.disable_progress_bar()
        torch.set_num_threads(1)  # two threads on two busy cores wait for each other
        if device == "cuda" and not torch.cuda.is_available():
            raise ConfigError("model: device cuda was asked for, but torch finds none; set device: cpu")
        self._device = "cuda" if device != "cpu" and torch.cuda.is_available() else "cpu"
        try:
            tokenizer = AutoTokenizer.from_pretrained(files.folder, local_files_only=True).backend_tokenizer
            model = AutoModelForSequenceClassification.from_pretrained(
                files.folder, local_files_only=True, use_safetensors=True
            )
        except Exception as error:  # whatever a file of somebody else's can do
            raise ConfigError(f"model: {files.folder} cannot be loaded: {str(error)[:200]}") from error
        super().__init__(files, tokenizer, Placement("cuda" if self._device == "cuda" else "cpu"))
        self._model = model.eval().to(self._device)
        self._typed = int(getattr(model.config, "type_vocab_size", 0) or 0) > 1

    def _logits(
        self, ids: "npt.NDArray[np.int64]", mask: "npt.NDArray[np.int64]", types: "npt.NDArray[np.int64]"
    ) -> "npt.NDArray[np.float32]":
        import torch

        given = {
            "input_ids": ids,
            "attention_mask": mask,
            **({"token_type_ids": types} if self._typed else {}),
        }
        with torch.inference_mode():
            tensors = {name: torch.from_numpy(numbers).to(self._device) for name, numbers in given.items()}
            logits: npt.NDArray[np.float32] = self._model(**tensors).logits.float().cpu().numpy()
        return logits
