"""Tiny real classifiers, written byte by byte: a bag of words as an ONNX file, and its tokenizer.

The file holds one graph: logits = sum over tokens of (row of the token × its mask) + bias.
"""

import json
import struct
from collections.abc import Mapping, Sequence
from pathlib import Path

from tokenizers import Tokenizer
from tokenizers.models import WordLevel
from tokenizers.normalizers import Lowercase
from tokenizers.pre_tokenizers import Whitespace
from tokenizers.processors import TemplateProcessing

SPECIAL = ("[PAD]", "[UNK]", "[CLS]", "[SEP]")
FLOAT, INT32, INT64 = 1, 6, 7  # TensorProto.DataType
WINDOW = 32


def write_classifier(
    folder: Path,
    words: Mapping[str, Sequence[float]],
    labels: Sequence[str],
    bias: Sequence[float],
    *,
    file: str = "model.onnx",
    integers: int = INT64,
    **config: object,
) -> Path:
    """A folder with a model that knows `words`, each with a weight for every label."""
    (folder / file).parent.mkdir(parents=True, exist_ok=True)
    tokenizer(list(words)).save(str(folder / "tokenizer.json"))
    described = {
        "id2label": {str(index): label for index, label in enumerate(labels)},
        "max_position_embeddings": WINDOW,
        "pad_token_id": 0,
        **config,
    }
    (folder / "config.json").write_text(json.dumps(described))
    # Padding weighs a lot, so that a mask that were ignored would show.
    padding = [50.0 * (index + 1) for index in range(len(labels))]
    rows = [padding, *[[0.0] * len(labels)] * (len(SPECIAL) - 1), *words.values()]
    (folder / file).write_bytes(bag_of_words(rows, bias, integers))
    return folder


def tokenizer(words: Sequence[str]) -> Tokenizer:
    vocabulary = {word: index for index, word in enumerate((*SPECIAL, *words))}
    made = Tokenizer(WordLevel(vocabulary, unk_token="[UNK]"))
    made.normalizer = Lowercase()
    made.pre_tokenizer = Whitespace()
    made.add_special_tokens(list(SPECIAL))
    made.post_processor = TemplateProcessing(
        single="[CLS] $A [SEP]", special_tokens=[(token, vocabulary[token]) for token in ("[CLS]", "[SEP]")]
    )
    return made


def bag_of_words(rows: Sequence[Sequence[float]], bias: Sequence[float], integers: int = INT64) -> bytes:
    """An ONNX ModelProto (onnx/onnx.proto, IR version 8, opset 13)."""
    graph = [
        _node("Gather", ["rows", "input_ids"], "picked"),
        _node("Cast", ["attention_mask"], "mask", _attribute("to", FLOAT)),
        _node("Unsqueeze", ["mask", "last"], "wide"),
        _node("Mul", ["picked", "wide"], "counted"),
        _node("ReduceSum", ["counted", "along"], "sum", _attribute("keepdims", 0)),
        _node("Add", ["sum", "bias"], "logits"),
        _text(2, "bag_of_words"),
        _bytes(5, _floats("rows", [len(rows), len(bias)], [value for row in rows for value in row])),
        _bytes(5, _floats("bias", [len(bias)], bias)),
        _bytes(5, _integer("last", 2)),
        _bytes(5, _integer("along", 1)),
        _bytes(11, _value("input_ids", integers, ["batch", "length"])),
        _bytes(11, _value("attention_mask", integers, ["batch", "length"])),
        _bytes(12, _value("logits", FLOAT, ["batch", len(bias)])),
    ]
    return _number(1, 8) + _bytes(7, b"".join(graph)) + _bytes(8, _number(2, 13))


def _node(operator: str, inputs: Sequence[str], output: str, attribute: bytes = b"") -> bytes:
    named = b"".join(_text(1, name) for name in inputs) + _text(2, output) + _text(4, operator)
    return _bytes(1, named + (_bytes(5, attribute) if attribute else b""))


def _attribute(name: str, value: int) -> bytes:
    return _text(1, name) + _number(3, value) + _number(20, 2)


def _floats(name: str, shape: Sequence[int], values: Sequence[float]) -> bytes:
    raw = struct.pack(f"<{len(values)}f", *values)
    return b"".join(_number(1, size) for size in shape) + _number(2, FLOAT) + _text(8, name) + _bytes(9, raw)


def _integer(name: str, value: int) -> bytes:
    return _number(1, 1) + _number(2, INT64) + _text(8, name) + _bytes(9, struct.pack("<q", value))


def _value(name: str, kind: int, shape: Sequence[int | str]) -> bytes:
    sizes = [_number(1, size) if isinstance(size, int) else _text(2, size) for size in shape]
    tensor = _number(1, kind) + _bytes(2, b"".join(_bytes(1, size) for size in sizes))
    return _text(1, name) + _bytes(2, _bytes(1, tensor))


def _text(field: int, value: str) -> bytes:
    return _bytes(field, value.encode())


def _bytes(field: int, value: bytes) -> bytes:
    return _varint(field << 3 | 2) + _varint(len(value)) + value


def _number(field: int, value: int) -> bytes:
    return _varint(field << 3) + _varint(value)


def _varint(value: int) -> bytes:
    out = bytearray()
    while value > 127:
        out.append(value & 127 | 128)
        value >>= 7
    return bytes([*out, value])
