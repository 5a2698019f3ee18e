"""One small encoder for all questions about a text: read once, asked by every head, defense and monitor.

The model is all-MiniLM-L6-v2 in its first layers, fine-tuned by `gateway.text.training`; what it was
trained on and how well it does stands in `docs/model-card.md`. Needs the extra `[onnx]` or `[onnx-gpu]`.
"""

import asyncio
import json
import threading
from collections import OrderedDict
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from functools import cache
from importlib import metadata
from pathlib import Path
from time import monotonic
from typing import TYPE_CHECKING, Any, Literal

from gateway.errors import ConfigError

if TYPE_CHECKING:  # heavy, and needed only where somebody asks
    import numpy as np
    import numpy.typing as npt

    Floats = npt.NDArray[np.float32]

Device = Literal["auto", "cpu", "cuda"]
FOLDER = Path(__file__).parent / "weights"
OVERLAP = 32
"""Tokens that neighbouring windows of a long text share, so that a sentence stands whole in one of them."""
MOST_WINDOWS = 2048
BATCH = 16
"""Windows read at once, at most."""
PADDING = 1.25
"""Windows of one batch differ in length by this factor at most, so that little of the work is padding."""
REMEMBERED = 2048
_PAIR_WINDOWS = 8
_FIX = "install one of them: pip install 'crossrisk-gateway[onnx]', or [onnx-gpu] on a machine with a GPU"


@dataclass(frozen=True, slots=True)
class Judgement:
    """What the encoder says of a text.

    scores: by head, a probability in [0, 1], 1 worst; of a long text the worst of its windows.
    embeddings: [windows, 384], for the heads on pairs.
    """

    scores: Mapping[str, float]
    embeddings: "Floats" = field(repr=False, compare=False)


@dataclass(frozen=True, slots=True)
class Placement:
    """Where the encoder runs; `fallback` says why not on the GPU, empty where nobody expected one."""

    device: Literal["cpu", "cuda"]
    fallback: str = ""


class Model:
    """The encoder's files, loaded: numbers in, numbers out. Safe to use from several threads."""

    def __init__(self, device: Device = "auto", folder: Path = FOLDER) -> None:
        self._session, self.placement = _session(folder / "encoder.onnx", device)
        import numpy as np
        from tokenizers import Tokenizer

        described = json.loads((folder / "encoder.json").read_text())
        self.heads: tuple[str, ...] = tuple(described["heads"])
        self.pair_heads = {
            head: (np.array(pair["weights"], dtype=np.float32), float(pair["bias"]))
            for head, pair in described["pair_heads"].items()
        }
        self.thresholds: Mapping[str, Mapping[str, float]] = described["thresholds"]
        self._calibration = {
            head: (float(own["scale"]), float(own["shift"])) for head, own in described["calibration"].items()
        }
        self.window = int(described["window"])
        self._words = Tokenizer.from_file(str(folder / "tokenizer.json"))
        self._words.no_padding()
        self._words.no_truncation()

    def windows(self, text: str) -> list[list[int]]:
        """The token ids of `text` in windows; raises ValueError past `MOST_WINDOWS`."""
        ids: list[int] = self._words.encode(text).ids
        if len(ids) <= self.window:
            return [ids]
        first, *body, last = ids
        room = self.window - 2
        starts = range(0, max(len(body) - OVERLAP, 1), room - OVERLAP)
        if len(starts) > MOST_WINDOWS:
            raise ValueError(f"the text has {len(ids)} tokens, more than can be judged")
        return [[first, *body[start : start + room], last] for start in starts]

    def read(self, windows: Sequence[Sequence[int]]) -> "tuple[Floats, Floats]":
        """Embeddings [windows, 384] and logits [windows, heads]."""
        import numpy as np

        longest = max(map(len, windows))
        ids = np.zeros((len(windows), longest), dtype=np.int64)
        mask = np.zeros_like(ids)
        for row, window in enumerate(windows):
            ids[row, : len(window)] = window
            mask[row, : len(window)] = 1
        embedding, logits = self._session.run(None, {"ids": ids, "mask": mask})
        return embedding, logits

    def judgement(self, embeddings: "Floats", logits: "Floats") -> Judgement:
        """The worst of the windows of one text."""
        worst = logits.max(axis=0)
        scores = {head: self._probability(head, worst[index]) for index, head in enumerate(self.heads)}
        return Judgement(scores, embeddings)

    def pair(self, request: Judgement, answer: Judgement) -> dict[str, float]:
        """Scores of the heads on pairs: the worst of the answer's windows beside the request's."""
        import numpy as np

        asked = request.embeddings[:_PAIR_WINDOWS, None, :]
        said = answer.embeddings[None, :, :]
        shape = (asked.shape[0], said.shape[1], said.shape[2])
        asked, said = np.broadcast_to(asked, shape), np.broadcast_to(said, shape)
        features = np.concatenate([asked, said, np.abs(asked - said), asked * said], axis=-1)
        return {
            head: self._probability(head, (features @ weights).max() + bias)
            for head, (weights, bias) in self.pair_heads.items()
        }

    def _probability(self, head: str, logit: float) -> float:
        from math import exp

        scale, shift = self._calibration[head]
        return 1 / (1 + exp(-min(max(scale * float(logit) + shift, -60.0), 60.0)))


def _session(file: Path, device: Device) -> tuple[Any, Placement]:
    """An ONNX Runtime session on one thread; raises ConfigError where the device cannot be had."""
    installed = [name for name in ("onnxruntime", "onnxruntime-gpu") if _is_installed(name)]
    if not installed:
        raise ConfigError(f"the encoder needs onnxruntime or onnxruntime-gpu; {_FIX}")
    if len(installed) > 1:
        raise ConfigError(
            "onnxruntime and onnxruntime-gpu are both installed and overwrite each other; remove both and "
            + _FIX
        )
    import onnxruntime as ort

    if not file.is_file():
        raise ConfigError(f"{file} is missing; install the package again")
    options = ort.SessionOptions()
    options.intra_op_num_threads = 1  # two threads on two busy cores wait for each other
    options.inter_op_num_threads = 1
    options.log_severity_level = 3
    if device == "cpu":
        return _opened(ort, file, options, "cpu"), Placement("cpu")
    if "CUDAExecutionProvider" not in ort.get_available_providers():
        reason = f"{installed[0]} has no CUDA here"
    else:
        try:
            return _opened(ort, file, options, "cuda"), Placement("cuda")
        except Exception as error:  # whatever the driver says
            reason = str(error).splitlines()[0][:200]
    if device == "cuda":
        raise ConfigError(
            f"device cuda was asked for, but {reason}; install [onnx-gpu] and a driver, or set device: cpu"
        )
    expected = installed[0] == "onnxruntime-gpu"
    return _opened(ort, file, options, "cpu"), Placement("cpu", reason if expected else "")


def _opened(ort: Any, file: Path, options: Any, device: str) -> Any:
    providers = ["CUDAExecutionProvider"] if device == "cuda" else ["CPUExecutionProvider"]
    session = ort.InferenceSession(str(file), options, providers=providers)
    session.disable_fallback()  # else a failing GPU would be a slow CPU without a word
    if session.get_providers()[0] != providers[0]:
        raise RuntimeError(f"ONNX Runtime took {session.get_providers()[0]} instead of {providers[0]}")
    return session


def _is_installed(distribution: str) -> bool:
    try:
        metadata.distribution(distribution)
    except metadata.PackageNotFoundError:
        return False
    return True


class _Window:
    """One window that waits to be read."""

    __slots__ = ("done", "ids", "text")

    def __init__(self, ids: Sequence[int], text: "_Text") -> None:
        self.ids = ids
        self.text = text
        self.done: tuple[Floats, Floats] | None = None


class _Text:
    """A text in work: its windows, and how many still want its judgement."""

    __slots__ = ("deadline", "future", "left", "wanted", "windows")

    def __init__(
        self, windows: Sequence[Sequence[int]], future: "asyncio.Future[Judgement]", deadline: float
    ) -> None:
        self.windows = [_Window(ids, self) for ids in windows]
        self.left = len(windows)
        self.future = future
        self.deadline = deadline
        self.wanted = 0


class Encoder:
    """Judges texts for everybody in this process: equal texts once, several at a time, on one thread.

    What waits is read together with windows of like length, up to `BATCH` of them. Nothing is
    delayed to fill a batch: one is begun as soon as the one before is done. What nobody waits for
    any more, or what is past its deadline, is dropped unread.
    """

    def __init__(self, model: Model) -> None:
        self.model = model
        self.read = 0
        self.dropped = 0
        self._executor = ThreadPoolExecutor(1, "encoder")
        self._waiting: list[_Window] = []
        self._texts: dict[str, _Text] = {}
        self._known: OrderedDict[str, Judgement] = OrderedDict()
        self._working: asyncio.Task[None] | None = None

    async def judge(self, text: str, within: float | None = None) -> Judgement:
        """What the heads say of `text`; raises TimeoutError past `within` seconds, ValueError if too long."""
        if (known := self._recall(text)) is not None:
            return known
        deadline = float("inf") if within is None else monotonic() + within
        work = self._texts.get(text)
        if work is None:
            windows = self.model.windows(text) if len(text) < 4000 else await self._tokenized(text)
            work = self._texts.get(text) or self._begin(text, windows, deadline)
        work.deadline = max(work.deadline, deadline)
        work.wanted += 1
        try:
            async with asyncio.timeout(within):
                return await asyncio.shield(work.future)
        finally:
            work.wanted -= 1

    async def judge_pair(self, request: str, answer: str, within: float | None = None) -> dict[str, float]:
        """What the heads on pairs say of a request and its answer; see `judge`."""
        asked, said = await asyncio.gather(self.judge(request, within), self.judge(answer, within))
        return self.model.pair(asked, said)

    async def _tokenized(self, text: str) -> list[list[int]]:
        return await asyncio.to_thread(self.model.windows, text)

    def _recall(self, text: str) -> Judgement | None:
        known = self._known.get(text)
        if known is not None:
            self._known.move_to_end(text)
        return known

    def _begin(self, text: str, windows: Sequence[Sequence[int]], deadline: float) -> _Text:
        future: asyncio.Future[Judgement] = asyncio.get_running_loop().create_future()
        work = self._texts[text] = _Text(windows, future, deadline)
        future.add_done_callback(lambda _: self._texts.pop(text, None))
        self._waiting += work.windows
        if self._working is None or self._working.done():
            self._working = asyncio.create_task(self._work())
        return work

    async def _work(self) -> None:
        """Read until nothing waits."""
        loop = asyncio.get_running_loop()
        while batch := self._next_batch():
            try:
                results = await loop.run_in_executor(
                    self._executor, self.model.read, [one.ids for one in batch]
                )
            except Exception as error:
                for text in {id(one.text): one.text for one in batch}.values():
                    self._fail(text, error)
                continue
            self.read += len(batch)
            for row, window in enumerate(batch):
                window.done = (results[0][row], results[1][row])
                window.text.left -= 1
                if not window.text.left:
                    self._finish(window.text)

    def _next_batch(self) -> list[_Window]:
        """The oldest window that somebody still wants, and others of like length."""
        now = monotonic()
        alive: list[_Window] = []
        for window in self._waiting:
            text = window.text
            if (
                text.future.done()
                or (not text.wanted and text.left == len(text.windows))
                or text.deadline < now
            ):
                self.dropped += 1
                text.future.cancel()
            else:
                alive.append(window)
        if not alive:
            self._waiting.clear()
            return []
        oldest = len(alive[0].ids)
        like = [one for one in alive if oldest / PADDING <= len(one.ids) <= oldest * PADDING][:BATCH]
        chosen = set(map(id, like))
        self._waiting = [one for one in alive if id(one) not in chosen]
        return like

    def _finish(self, text: _Text) -> None:
        import numpy as np

        done = [window.done for window in text.windows if window.done is not None]
        judged = self.model.judgement(np.stack([one[0] for one in done]), np.stack([one[1] for one in done]))
        if not text.future.done():
            key = next(known for known, work in self._texts.items() if work is text)
            self._known[key] = judged
            if len(self._known) > REMEMBERED:
                self._known.popitem(last=False)
            text.future.set_result(judged)

    def _fail(self, text: _Text, error: Exception) -> None:
        if not text.future.done():
            text.future.set_exception(error)
            text.future.exception()  # nobody may wait for it any more


_lock = threading.Lock()


@cache
def _shared_model(device: Device) -> Model:
    model = Model(device)
    model.read([[101, 102]])  # so that no client pays for the first run
    return model


def shared_model(device: Device = "auto") -> Model:
    """The one model of this process; raises ConfigError where it cannot be had."""
    with _lock:
        return _shared_model(device)
