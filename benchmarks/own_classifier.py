"""Checks and times both run times of a brought classifier: `python -m benchmarks.own_classifier`.

Makes a classifier of the size of MiniLM (six layers, 384 wide) with weights drawn by chance, saves it
with transformers and as ONNX, and asks both through the gateway's code. Their scores must be those that
torch gives by itself. Needs the extras [train] and [onnx]; a minute on one core.
"""

import asyncio
import shutil
import statistics
import tempfile
import time
import warnings
from pathlib import Path
from typing import Any

from gateway.text.classifier import SequenceClassifier
from gateway.text.classifier_files import ClassifierChoice, find

LABELS = {"INJECTION": "injection"}
TEXTS = [
    f"number {number} " + "the otter sleeps by day and hunts at dusk near banks " * 6 for number in range(60)
]
"""Of about sixty words each."""
LONG = [f"number {number} " + "the otter sleeps by day " * 400 for number in range(4)]


def make_tokenizer() -> Any:
    """One token for each word of the texts."""
    from tokenizers import Tokenizer, models, pre_tokenizers, processors

    words = sorted({word for text in (*TEXTS, *LONG) for word in text.split()})
    vocabulary = {word: index for index, word in enumerate(("[PAD]", "[UNK]", "[CLS]", "[SEP]", *words))}
    tokenizer = Tokenizer(models.WordLevel(vocabulary, unk_token="[UNK]"))
    tokenizer.pre_tokenizer = pre_tokenizers.Whitespace()
    ends = [(name, vocabulary[name]) for name in ("[CLS]", "[SEP]")]
    tokenizer.post_processor = processors.TemplateProcessing(single="[CLS] $A [SEP]", special_tokens=ends)
    return tokenizer


def make_model(words: int) -> Any:
    """Of the size of MiniLM; its weights are wide, so that what it says depends on the text."""
    import torch
    from transformers import BertConfig, BertForSequenceClassification

    torch.manual_seed(0)
    torch.set_num_threads(1)
    config = BertConfig(
        vocab_size=words,
        hidden_size=384,
        num_hidden_layers=6,
        intermediate_size=1536,
        initializer_range=0.2,
        id2label=dict(enumerate(("SAFE", *LABELS))),
    )
    return BertForSequenceClassification(config).eval()


def write(folder: Path) -> list[float]:
    """Save the model twice below `folder`; what torch itself says of `TEXTS`."""
    import torch
    from transformers import PreTrainedTokenizerFast

    tokenizer = make_tokenizer()
    model = make_model(tokenizer.get_vocab_size())
    for name in ("transformers", "onnx"):
        model.save_pretrained(folder / name)
        PreTrainedTokenizerFast(tokenizer_object=tokenizer, pad_token="[PAD]").save_pretrained(folder / name)
    (folder / "onnx/model.safetensors").unlink()
    export(model, folder / "onnx/model.onnx")
    with torch.inference_mode():
        ids = [torch.tensor([tokenizer.encode(text).ids]) for text in TEXTS]
        return [float(torch.softmax(model(one).logits, -1)[0, 1]) for one in ids]


def export(model: Any, file: Path) -> None:
    """As ONNX, with weights of 32 bits."""
    import torch

    inputs, axes = ["input_ids", "attention_mask", "token_type_ids"], {0: "batch", 1: "length"}
    ones = torch.ones(2, 8, dtype=torch.int64)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # the exporter is noisy about shapes that it traces right
        torch.onnx.export(
            model,
            (ones, ones, ones * 0),
            str(file),
            input_names=inputs,
            output_names=["logits"],
            dynamic_axes={**dict.fromkeys(inputs, axes), "logits": {0: "batch"}},
            opset_version=17,
            dynamo=False,
        )


async def measure(folder: Path, expected: list[float]) -> None:
    """Print one line about the model in `folder`."""
    choice = ClassifierChoice(path=str(folder), labels=LABELS, device="cpu")
    classifier = SequenceClassifier(find(choice), choice.device, choice.cache)
    began = time.perf_counter()
    await classifier.warm()
    start = time.perf_counter() - began
    took, said = [], []
    for text in TEXTS:
        began = time.perf_counter()
        said.append((await classifier.scores(text, LABELS))["injection"])
        took.append(1000 * (time.perf_counter() - began))
    worst = max(abs(ours - theirs) for ours, theirs in zip(said, expected, strict=True))
    assert worst < 1e-4, f"scores are {worst} apart from torch's own"
    assert max(said) - min(said) > 1e-3, "the model says the same of everything"
    longest, last = 0.0, time.perf_counter()
    reading = asyncio.gather(*(classifier.scores(text, LABELS) for text in LONG))
    while not reading.done():
        await asyncio.sleep(0)
        longest, last = max(longest, time.perf_counter() - last), time.perf_counter()
    await reading
    await classifier.aclose()
    middle, high = statistics.median(took), statistics.quantiles(took, n=20)[-1]
    figures = f"{start:.1f} s | {middle:.1f} ms | {high:.1f} ms | {1000 * longest:.1f} ms | {worst:.0e}"
    print(f"| {folder.name} | {figures} |")


def main() -> None:
    """Print the table."""
    folder = Path(tempfile.mkdtemp())
    try:
        expected = write(folder)
        print("| run time | start | 60 words p50 | p95 | longest stall of the event loop | off torch's own |")
        print("|---|---|---|---|---|---|")
        for name in ("onnx", "transformers"):
            asyncio.run(measure(folder / name, expected))
    finally:
        shutil.rmtree(folder)


if __name__ == "__main__":
    main()
