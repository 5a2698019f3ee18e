"""The encoder's files, loaded: a text in windows, a score for every question.

The model is all-MiniLM-L6-v2 in its first layers, fine-tuned by `gateway.text.training`; what it learned
from and how well it does stands in `docs/model-card.md`. Needs the extra `[onnx]` or `[onnx-gpu]`.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from math import exp
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from gateway.errors import TextTooLongError
from gateway.text.onnx_session import Device, session
from gateway.text.phrases import Span, encodable

if TYPE_CHECKING:  # heavy, and needed only where somebody asks
    import numpy as np
    import numpy.typing as npt

    Floats = npt.NDArray[np.float32]

FOLDER = Path(__file__).parent / "weights"
OVERLAP = 32
"""Tokens that neighbouring windows of a long text share, so that a sentence stands whole in one of them."""
MOST_WINDOWS = 2048
_AT_THE_BEGINNING = frozenset({"refusal"})
"""What a text says in its first window or not at all."""
_PAIR_WINDOWS = 8
"""Windows of a request that heads on pairs look at, from its beginning."""


class Window(NamedTuple):
    """Token ids of a part of a text, and which part: a half-open span of code points."""

    ids: Sequence[int]
    span: Span


@dataclass(frozen=True, slots=True)
class Judgement:
    """What the encoder says of a text.

    scores: by head, in [0, 1], 1 worst; of a long text the worst of its windows. 0.5 is the operating
    point of the head; the card says how many benign texts lie beyond it.
    spans: by head, the window that scored worst. embeddings: [windows, 384], for the heads on pairs.
    """

    scores: Mapping[str, float]
    spans: Mapping[str, Span]
    embeddings: "Floats" = field(repr=False, compare=False)


class Model:
    """Numbers in, numbers out. Safe to use from several threads.

    thresholds: by head and by share of benign texts ("1%", "5%"), the score that so many of them exceed.
    Raises ConfigError where the device cannot be had or a file is missing.
    """

    def __init__(self, device: Device = "auto", folder: Path = FOLDER) -> None:
        self._session, self.placement = session(folder / "encoder.onnx", device)
        import numpy as np
        from tokenizers import Tokenizer

        described = json.loads((folder / "encoder.json").read_text())
        self.heads: tuple[str, ...] = tuple(described["heads"])
        self.pair_heads = {
            head: (np.array(pair["weights"], dtype=np.float32), float(pair["bias"]))
            for head, pair in described["pair_heads"].items()
        }
        self._points = {
            head: (float(own["scale"]), float(own["shift"]), float(described["operating"][head]))
            for head, own in described["calibration"].items()
        }
        self.thresholds: Mapping[str, Mapping[str, float]] = {
            head: {rate: about_half(value, described["operating"][head]) for rate, value in own.items()}
            for head, own in described["thresholds"].items()
        }
        self.window = int(described["window"])
        self._words = Tokenizer.from_file(str(folder / "tokenizer.json"))
        self._words.no_padding()
        self._words.no_truncation()

    def windows(self, text: str) -> list[Window]:
        """`text` in windows; raises TextTooLongError past `MOST_WINDOWS`."""
        read = self._words.encode(encodable(text))
        ids, offsets = read.ids, read.offsets
        if len(ids) <= self.window:
            return [Window(ids, Span(0, len(text)))]
        first, last, end = ids[0], ids[-1], len(ids) - 1
        room = self.window - 2
        starts = range(1, max(end - OVERLAP, 2), room - OVERLAP)
        if len(starts) > MOST_WINDOWS:
            most = 2 + room + (MOST_WINDOWS - 1) * (room - OVERLAP)
            raise TextTooLongError(
                f"a text has {len(ids)} tokens, more than can be judged; the limit is {most}"
            )
        found = []
        for start in starts:
            stop = min(start + room, end)
            found.append(
                Window([first, *ids[start:stop], last], Span(offsets[start][0], offsets[stop - 1][1]))
            )
        return found

    def read(self, windows: Sequence[Sequence[int]]) -> "tuple[Floats, Floats]":
        """Embeddings [windows, 384] and logits [windows, heads] of token ids."""
        import numpy as np

        longest = max(map(len, windows))
        ids = np.zeros((len(windows), longest), dtype=np.int64)
        mask = np.zeros_like(ids)
        for row, window in enumerate(windows):
            ids[row, : len(window)] = window
            mask[row, : len(window)] = 1
        embedding, logits = self._session.run(None, {"ids": ids, "mask": mask})
        return embedding, logits

    def judgement(self, windows: Sequence[Window], embeddings: "Floats", logits: "Floats") -> Judgement:
        """The worst of the windows of one text, by head."""
        worst = logits.argmax(axis=0)
        for head in _AT_THE_BEGINNING.intersection(self.heads):
            worst[self.heads.index(head)] = 0
        scores: dict[str, float] = {}
        spans: dict[str, Span] = {}
        for index, head in enumerate(self.heads):
            scores[head] = self._score(head, float(logits[worst[index], index]))
            spans[head] = windows[worst[index]].span
        return Judgement(scores, spans, embeddings)

    def pair(self, request: Judgement, answer: Judgement) -> dict[str, float]:
        """Scores of the heads on pairs: the worst of the answer's windows beside the request's."""
        import numpy as np

        asked = request.embeddings[:_PAIR_WINDOWS, None, :]
        said = answer.embeddings[None, :, :]
        shape = (asked.shape[0], said.shape[1], said.shape[2])
        asked, said = np.broadcast_to(asked, shape), np.broadcast_to(said, shape)
        features = np.concatenate([asked, said, np.abs(asked - said), asked * said], axis=-1)
        return {
            head: self._score(head, float((features @ weights).max()) + bias)
            for head, (weights, bias) in self.pair_heads.items()
        }

    def _score(self, head: str, logit: float) -> float:
        scale, shift, threshold = self._points[head]
        return about_half(probability(scale * logit + shift), threshold)


def probability(logit: float) -> float:
    """A calibrated logit as a probability.

    >>> probability(0.0)
    0.5
    """
    return 1 / (1 + exp(-min(max(logit, -60.0), 60.0)))


def about_half(value: float, threshold: float) -> float:
    """`value` in [0, 1], stretched so that `threshold` comes to lie at 0.5, as everywhere in the product.

    >>> about_half(0.9, 0.9), about_half(0.45, 0.9), about_half(1.0, 0.9)
    (0.5, 0.25, 1.0)
    """
    if value < threshold:
        return 0.5 * value / threshold
    return 1 - 0.5 * (1 - value) / (1 - threshold) if threshold < 1 else 1.0
