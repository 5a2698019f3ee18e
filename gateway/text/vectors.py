"""Static word vectors, for what asks how near one word is to another; needs the extra `[onnx]` (numpy)."""

from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:  # heavy, and needed only where somebody asks
    import numpy as np
    import numpy.typing as npt

    Floats = npt.NDArray[np.float64]

FILE = Path(__file__).parent / "weights" / "words.npz"
"""Made by `crossrisk train words` from all-MiniLM-L6-v2 (Apache-2.0): 9,240 words, 64 numbers each."""


class WordVectors:
    """Words in lower case and their vectors [words, size], of unit length as far as eight bits go."""

    def __init__(self, words: tuple[str, ...], vectors: "Floats") -> None:
        self.words = words
        self.vectors = vectors
        self.numbers = {word: number for number, word in enumerate(words)}

    def __contains__(self, word: str) -> bool:
        return word in self.numbers

    def distances(self, word: str, among: "npt.NDArray[np.int64]") -> "Floats":
        """Euclidean distances from `word` to the words with these numbers, each in [0, 2]."""
        import numpy as np

        found: Floats = np.linalg.norm(self.vectors[among] - self.vectors[self.numbers[word]], axis=1)
        return found


@cache
def word_vectors() -> WordVectors:
    """The shipped vectors, loaded once in a process."""
    import numpy as np

    with np.load(FILE) as file:
        words = tuple(str(file["words"]).split("\n"))
        return WordVectors(words, file["vectors"].astype(np.float64) * float(file["scale"]))
