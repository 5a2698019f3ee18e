"""Writes a trained encoder as one ONNX file with eight-bit weights, and what else is needed to use it."""

import tempfile
import warnings
from pathlib import Path

import torch
from onnxruntime.quantization import QuantType, quantize_dynamic

from gateway.text.training.fit import Encoder

OPSET = 17


def export(model: Encoder, path: Path, *, eight_bit: bool = True) -> None:
    """`ids` and `mask` [batch, length] in; `embedding` [batch, 384] and `logits` [batch, heads] out."""
    model.eval()
    ids, mask = torch.ones(2, 8, dtype=torch.int64), torch.ones(2, 8, dtype=torch.int64)
    dynamic = {0: "batch", 1: "length"}
    with tempfile.TemporaryDirectory() as folder, warnings.catch_warnings():
        warnings.simplefilter("ignore")  # the exporter is noisy about shapes that it traces right
        full = path if not eight_bit else Path(folder) / "full.onnx"
        torch.onnx.export(
            model,
            (ids, mask),
            str(full),
            input_names=["ids", "mask"],
            output_names=["embedding", "logits"],
            dynamic_axes={"ids": dynamic, "mask": dynamic, "embedding": {0: "batch"}, "logits": {0: "batch"}},
            opset_version=OPSET,
            dynamo=False,
        )
        if eight_bit:
            quantize_dynamic(str(full), str(path), weight_type=QuantType.QInt8, per_channel=True)
