"""Asks one classifier of somebody else about many texts; runs in that peer's own environment.

::

    python classifier_probe.py PEER < asked > answered

The first line of stdin is a JSON object with `text`, the one that is timed, and `calls`, how often; every
further line is a text as a JSON string. Each text is answered by `[score, flagged]`, the last line is an
object with `milliseconds` for one text at a time. Scores are in [0, 1], 1 worst; flagged is what
the peer says by itself, at its own threshold.
"""

import io
import json
import os
import pickle
import statistics
import sys
import time
from collections.abc import Callable, Sequence, Set
from importlib import resources
from pathlib import Path
from typing import Any

CHUNK = 32
ROUNDS = 5
Answer = tuple[float, bool]
Judge = Callable[[Sequence[str]], list[Answer]]

SKLEARN = {
    ("joblib.numpy_pickle", "NumpyArrayWrapper"),
    ("numpy", "dtype"),
    ("numpy", "float64"),
    ("numpy", "ndarray"),
    ("numpy._core.multiarray", "scalar"),
    ("sklearn.calibration", "CalibratedClassifierCV"),
    ("sklearn.calibration", "_CalibratedClassifier"),
    ("sklearn.calibration", "_SigmoidCalibration"),
    ("sklearn.feature_extraction.text", "TfidfTransformer"),
    ("sklearn.feature_extraction.text", "TfidfVectorizer"),
    ("sklearn.linear_model._logistic", "LogisticRegression"),
    ("sklearn.svm._classes", "LinearSVC"),
}
"""What the linear models may be made of; a pickle that names anything else is not loaded."""
KERAS = {
    ("builtins", "int"),
    ("collections", "OrderedDict"),
    ("collections", "defaultdict"),
}


class Plain:
    """Stands for a class whose fields are all that is wanted of it."""


class Restricted(pickle.Unpickler):
    """Loads what is named and nothing else, since a pickle may run anything."""

    def __init__(self, file: io.BufferedIOBase, allowed: set[tuple[str, str]], plain: Set[str]) -> None:
        super().__init__(file)
        self._allowed = allowed
        self._plain = plain

    def find_class(self, module: str, name: str) -> Any:
        """The class, a stand-in for it, or an error."""
        return Plain if name in self._plain else allowed(self._allowed, module, name, super().find_class)


def allowed(names: set[tuple[str, str]], module: str, name: str, find: Callable[[str, str], Any]) -> Any:
    """What `find` finds, if it may be looked for."""
    if (module, name) not in names:
        raise pickle.UnpicklingError(f"{module}.{name} is nothing that these weights need")
    return find(module, name)


def restrict_joblib() -> None:
    """From here on joblib loads linear models and nothing else."""
    from joblib.numpy_pickle import NumpyUnpickler

    original = NumpyUnpickler.find_class
    NumpyUnpickler.find_class = lambda self, module, name: allowed(
        SKLEARN, module, name, lambda *found: original(self, *found)
    )


def securevector() -> Judge:
    """SecureVector Guardian through the call that its README recommends, which looks at windows too."""
    from svguardian import resolve_runtime
    from svguardian.model.pure_infer import PureGuardian
    from svguardian.window import predict_windowed

    guardian = PureGuardian.load(resolve_runtime(download=False))

    def judge(texts: Sequence[str]) -> list[Answer]:
        found = [predict_windowed(guardian, text) for text in texts]
        return [(one["malicious_score"], one["verdict"] == "malicious") for one in found]

    return judge


def metatron() -> Judge:
    """NanoGuard as it comes, which pads every text to 512 tokens."""
    import torch
    from nanoguard import tokenizer

    torch.set_num_threads(1)
    encoding = {("tiktoken.core", "Encoding")}

    class Loader:
        """Takes the place of `pickle` in the package, for its tokenizer is one."""

        load = staticmethod(lambda file: Restricted(file, encoding, set()).load())

    tokenizer.pickle = Loader
    from nanoguard import NanoGuard

    guard = NanoGuard(device="cpu")

    def judge(texts: Sequence[str]) -> list[Answer]:
        found = [guard.scan(text) for text in texts]
        return [(one.injection_score, one.is_injection) for one in found]

    return judge


def prompt_guardrail() -> Judge:
    """The package's vectorizer and logistic regression; its own call gives no score of the other side."""
    restrict_joblib()
    from guardify import LogisticRegressionGuardrail

    guard = LogisticRegressionGuardrail()

    def judge(texts: Sequence[str]) -> list[Answer]:
        scores = guard._clf.predict_proba(guard._vectorizer.transform(texts))[:, 1]
        return [(float(score), bool(score > 0.5)) for score in scores]

    return judge


def profanity_check() -> Judge:
    """alt-profanity-check as it comes."""
    restrict_joblib()
    from profanity_check import predict_prob

    def judge(texts: Sequence[str]) -> list[Answer]:
        # Its `predict` is the uncalibrated side of the same margin; its README shows probabilities.
        return [(float(score), bool(score >= 0.5)) for score in predict_prob(list(texts))]

    return judge


def vader() -> Judge:
    """VADER (Hutto & Gilbert 2014): the compound score turned round; negative from -0.05 on, as it says."""
    from vaderSentiment.vaderSentiment import SentimentIntensityAnalyzer

    analyzer = SentimentIntensityAnalyzer()

    def judge(texts: Sequence[str]) -> list[Answer]:
        found = [analyzer.polarity_scores(text)["compound"] for text in texts]
        return [((1 - compound) / 2, compound <= -0.05) for compound in found]

    return judge


def tox_block() -> Judge:
    """The weights and words of tox-block in a network of the same shape, without TensorFlow.

    The worst of its six labels, each rescaled as the package does by default; it states no threshold,
    so a half.
    """
    import torch

    torch.set_num_threads(1)
    folder = Path(str(resources.files("tox_block").joinpath("trained_models")))
    words = _keras_words(folder / "encoder_0.1.2.pkl")
    network = _bidirectional(folder / "lstm_model_0.1.2.h5")
    lowest = torch.tensor([0.002116, 0.000011, 0.000347, 0.000040, 0.000373, 0.000074])
    highest = torch.tensor([0.999858, 0.648682, 0.997533, 0.918887, 0.986303, 0.901117])

    @torch.inference_mode()
    def judge(texts: Sequence[str]) -> list[Answer]:
        ids = torch.tensor([_sequence(text, words) for text in texts])
        worst = ((network(ids) - lowest) / (highest - lowest)).abs().amax(dim=1)
        return [(min(float(score), 1.0), bool(score >= 0.5)) for score in worst]

    return judge


def _keras_words(file: Path) -> dict[str, int]:
    with file.open("rb") as opened:
        kept = Restricted(opened, KERAS, {"TokenSequencer", "Tokenizer"}).load()
    index: dict[str, int] = kept.tokenizer.word_index
    return {word: number for word, number in index.items() if number < kept.max_features}


_SEPARATORS = str.maketrans(dict.fromkeys('!"#$%&()*+,-./:;<=>?@[\\]^_`{|}~\t\n', " "))


def _sequence(text: str, words: dict[str, int], longest: int = 100) -> list[int]:
    """The last `longest` known words, with zeros before them, as Keras makes them."""
    known = [words[word] for word in text.lower().translate(_SEPARATORS).split(" ") if word in words]
    return [0] * (longest - len(known[-longest:])) + known[-longest:]


def _bidirectional(file: Path) -> Any:
    """Embedding, two-way LSTM, maximum over time, two dense layers; gates stand in the same order in both."""
    import h5py
    import torch
    from torch import nn

    found: dict[str, Any] = {}
    with h5py.File(file, "r") as opened:
        opened["model_weights"].visititems(
            lambda name, one: found.update({name: torch.tensor(one[()])}) if hasattr(one, "shape") else None
        )

    def weights(*parts: str) -> Any:
        (name,) = [name for name in found if all(part in name for part in parts)]
        return found[name]

    table = nn.Embedding.from_pretrained(weights("embedding"))
    lstm = nn.LSTM(table.embedding_dim, 50, bidirectional=True, batch_first=True)
    with torch.no_grad():
        for end, way in (("", "forward"), ("_reverse", "backward")):
            getattr(lstm, f"weight_ih_l0{end}").copy_(weights(way, "/kernel").T)
            getattr(lstm, f"weight_hh_l0{end}").copy_(weights(way, "recurrent_kernel").T)
            getattr(lstm, f"bias_ih_l0{end}").copy_(weights(way, "bias"))
            getattr(lstm, f"bias_hh_l0{end}").zero_()
    names = sorted({name.split("/")[0] for name in found if name.startswith("dense")}, key=_number)
    dense = [(weights(f"{name}/", "kernel"), weights(f"{name}/", "bias")) for name in names]

    def run(ids: Any) -> Any:
        states = lstm(table(ids))[0].amax(dim=1)
        hidden = torch.relu(states @ dense[0][0] + dense[0][1])
        return torch.sigmoid(hidden @ dense[1][0] + dense[1][1])

    return run


def _number(layer: str) -> int:
    return int(layer.rpartition("_")[2]) if layer.rpartition("_")[2].isdigit() else 0


PEERS: dict[str, Callable[[], Judge]] = {
    "metatron": metatron,
    "profanity-check": profanity_check,
    "prompt-guardrail": prompt_guardrail,
    "securevector": securevector,
    "tox-block": tox_block,
    "vader": vader,
}


def timed(judge: Judge, text: str, calls: int) -> float:
    """Milliseconds of one call for one text, warm: the median of the quietest of `ROUNDS` rounds."""
    rounds = []
    for _ in range(ROUNDS + 1):
        spent = []
        for _ in range(max(calls // ROUNDS, 3)):
            began = time.perf_counter()
            judge([text])
            spent.append((time.perf_counter() - began) * 1e3)
        rounds.append(statistics.median(spent))
    return min(rounds[1:])


def main() -> None:
    """Answer every text of stdin."""
    answers = os.fdopen(os.dup(1), "w", buffering=1)
    os.dup2(2, 1)  # what the peers print is no answer
    judge = PEERS[sys.argv[1]]()
    asked = json.loads(sys.stdin.readline())
    texts = [json.loads(line) for line in sys.stdin]
    for at in range(0, len(texts), CHUNK):
        for score, flagged in judge(texts[at : at + CHUNK]):
            answers.write(json.dumps([round(score, 6), flagged]) + "\n")
    answers.write(json.dumps({"milliseconds": timed(judge, asked["text"], asked["calls"])}) + "\n")


if __name__ == "__main__":
    main()
