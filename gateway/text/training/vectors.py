"""Makes the small table of static word vectors out of the word embeddings of all-MiniLM-L6-v2."""

import json
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from gateway.text.identity.lexicon import LEXICON

WORDS = 9000
"""The first whole words of the vocabulary, which is ordered by how common they were in its corpus; those
that name people and groups are kept wherever they stand."""
SIZE = 64
"""Principal components that are kept of 384."""


def write(weights: Path, tokenizer: Path, file: Path) -> int:
    """Write the words and their unit vectors, eight bits a number, to `file`; how many there are."""
    from safetensors.numpy import load_file

    vocabulary = json.loads(tokenizer.read_text(encoding="utf-8"))["model"]["vocab"]
    words = _words(vocabulary)
    table = load_file(weights)["embeddings.word_embeddings.weight"]
    chosen = table[[vocabulary[word] for word in words]].astype(np.float64)
    centred = chosen - chosen.mean(axis=0)
    _, _, directions = np.linalg.svd(centred, full_matrices=False)
    reduced = centred @ directions[:SIZE].T
    unit = reduced / np.linalg.norm(reduced, axis=1, keepdims=True)
    scale = float(np.abs(unit).max()) / 127
    eight_bit = np.round(unit / scale).astype(np.int8)
    np.savez_compressed(file, words=np.array("\n".join(words)), vectors=eight_bit, scale=np.array(scale))
    return len(words)


def _words(vocabulary: dict[str, int]) -> Sequence[str]:
    ordered = sorted(vocabulary, key=vocabulary.__getitem__)
    whole = [word for word in ordered if len(word) > 1 and word.isascii() and word.isalpha()]
    identities = {term.lower() for row in LEXICON.rows.values() for term in row.values()}
    return [word for number, word in enumerate(whole) if number < WORDS or word in identities]
