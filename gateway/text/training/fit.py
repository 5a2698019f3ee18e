"""Fine-tunes the first layers of all-MiniLM-L6-v2 with one light head per question, all at once.

The encoder is that of Wang et al. 2020 (MiniLM) as trained by sentence-transformers; each example
teaches those heads only for which it has a label.
"""

import random
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import torch
from rich.progress import Progress
from tokenizers import Tokenizer
from torch import Tensor, nn
from transformers import BertConfig, BertModel

from gateway.text.training.examples import HEADS, PAIR_HEADS, Example

SINGLE = tuple(head for head in HEADS if head not in PAIR_HEADS)
PAIR = tuple(head for head in HEADS if head in PAIR_HEADS)
LONGEST = 128
"""Tokens of a text that are read in training; the window at run time."""


@dataclass(frozen=True, slots=True)
class Plan:
    """How to train."""

    layers: int = 4
    epochs: int = 2
    batch: int = 64
    encoder_rate: float = 8e-5
    head_rate: float = 2e-3
    smoothing: float = 0.02
    seed: int = 7


class Encoder(nn.Module):
    """Tokens to an embedding of 384 and a logit for each question on one text."""

    def __init__(self, bert: BertModel) -> None:
        super().__init__()
        self.bert = bert
        width = bert.config.hidden_size
        self.single = nn.Linear(width, len(SINGLE))
        self.pair = nn.Linear(4 * width, len(PAIR))

    def forward(self, ids: Tensor, mask: Tensor) -> tuple[Tensor, Tensor]:
        """Embeddings [batch, 384] and logits [batch, heads on one text]; `mask` is 0 on padding."""
        states = self.bert(input_ids=ids, attention_mask=mask).last_hidden_state
        weight = mask.unsqueeze(-1).to(states.dtype)
        embedding = (states * weight).sum(1) / weight.sum(1).clamp(min=1)
        return embedding, self.single(embedding)

    def judge_pair(self, request: Tensor, answer: Tensor) -> Tensor:
        """Logits [batch, heads on pairs] from the embeddings of requests and answers."""
        return self.pair(torch.cat([request, answer, (request - answer).abs(), request * answer], dim=-1))


def load(weights: Path, plan: Plan) -> Encoder:
    """The pretrained encoder with its first layers, its heads still blank."""
    from safetensors.torch import load_file

    torch.manual_seed(plan.seed)
    config = BertConfig(
        vocab_size=30522,
        hidden_size=384,
        num_hidden_layers=plan.layers,
        num_attention_heads=12,
        intermediate_size=1536,
        attn_implementation="sdpa",
    )
    bert = BertModel(config, add_pooling_layer=False)
    state = {
        name: tensor
        for name, tensor in load_file(weights).items()
        if not name.startswith("pooler") and not _beyond(name, plan.layers)
    }
    missing, unexpected = bert.load_state_dict(state, strict=False)
    if [name for name in missing if "position_ids" not in name] or set(unexpected) - {
        "embeddings.position_ids"
    }:
        raise ValueError(f"{weights} is not the encoder: missing {missing[:3]}, unexpected {unexpected[:3]}")
    return Encoder(bert)


def _beyond(name: str, layers: int) -> bool:
    return name.startswith("encoder.layer.") and int(name.split(".")[2]) >= layers


@dataclass(frozen=True, slots=True)
class _Item:
    """An example as numbers; labels of -1 are not asked."""

    text: Sequence[int]
    answer: Sequence[int]
    labels: Sequence[float]

    @property
    def size(self) -> int:
        return len(self.text) + len(self.answer)


def tokenizer(file: Path) -> Tokenizer:
    """The tokenizer, which cuts at `LONGEST` tokens and does not pad."""
    words = Tokenizer.from_file(str(file))
    words.no_padding()
    words.enable_truncation(LONGEST)
    return words


def _items(examples: Sequence[Example], words: Tokenizer) -> list[_Item]:
    texts = [encoding.ids for encoding in words.encode_batch([one.text for one in examples])]
    answers = [encoding.ids for encoding in words.encode_batch([one.answer for one in examples])]
    return [
        _Item(text, answer if one.answer else (), [one.labels.get(head, -1.0) for head in HEADS])
        for one, text, answer in zip(examples, texts, answers, strict=True)
    ]


def fit(
    model: Encoder, examples: Sequence[Example], words: Tokenizer, plan: Plan, progress: Progress
) -> None:
    """Train in place."""
    items = _items(examples, words)
    balance = _balance(items)
    encoder = [p for name, p in model.named_parameters() if name.startswith("bert")]
    heads = [p for name, p in model.named_parameters() if not name.startswith("bert")]
    optimizer = torch.optim.AdamW(
        [{"params": encoder, "lr": plan.encoder_rate}, {"params": heads, "lr": plan.head_rate}],
        weight_decay=0.01,
    )
    steps = plan.epochs * sum(1 for _ in _batches(items, plan.batch, random.Random(0)))  # noqa: S311
    schedule = torch.optim.lr_scheduler.LambdaLR(optimizer, lambda step: _rate(step, steps))
    task = progress.add_task("training", total=steps)
    rng = random.Random(plan.seed)  # noqa: S311 (nothing secret)
    model.train()
    for _ in range(plan.epochs):
        for batch in _batches(items, plan.batch, rng):
            with torch.autocast("cpu", torch.bfloat16):
                loss = _loss(model, batch, balance, plan.smoothing)
            optimizer.zero_grad(set_to_none=True)
            loss.backward()
            nn.utils.clip_grad_norm_(model.parameters(), 1.0)
            optimizer.step()
            schedule.step()
            progress.update(task, advance=1, description=f"training, loss {loss.item():.3f}")
    model.eval()


def _rate(step: int, steps: int) -> float:
    warm = max(steps // 20, 1)
    return min(step / warm, max((steps - step) / max(steps - warm, 1), 0.0))


def _balance(items: Sequence[_Item]) -> Tensor:
    """By head: the weight of a positive that gives both sides the same say."""
    weights = []
    for head in range(len(HEADS)):
        known = [item.labels[head] for item in items if item.labels[head] >= 0]
        positive = sum(known)
        weights.append(min((len(known) - positive) / max(positive, 1.0), 8.0))
    return torch.tensor(weights)


def _batches(items: Sequence[_Item], size: int, rng: random.Random) -> Iterator[list[_Item]]:
    """Batches of one kind and of like length, so that little is padding."""
    batches: list[list[_Item]] = []
    for pairs in (False, True):
        some = [item for item in items if bool(item.answer) == pairs]
        rng.shuffle(some)
        for at in range(0, len(some), size * 50):
            chunk = sorted(some[at : at + size * 50], key=lambda item: item.size)
            batches += [chunk[start : start + size] for start in range(0, len(chunk), size)]
    rng.shuffle(batches)
    yield from batches


def padded(rows: Sequence[Sequence[int]]) -> tuple[Tensor, Tensor]:
    """Token ids and mask, both [batch, longest]."""
    longest = max(map(len, rows))
    ids = torch.tensor([[*row, *[0] * (longest - len(row))] for row in rows])
    mask = torch.tensor([[1] * len(row) + [0] * (longest - len(row)) for row in rows])
    return ids, mask


def _loss(model: Encoder, batch: Sequence[_Item], balance: Tensor, smoothing: float) -> Tensor:
    embedding, logits = model(*padded([item.text for item in batch]))
    if batch[0].answer:
        answer, _ = model(*padded([item.answer for item in batch]))
        logits = torch.cat([logits, model.judge_pair(embedding, answer)], dim=-1)
        heads = [HEADS.index(head) for head in (*SINGLE, *PAIR)]
    else:
        heads = [HEADS.index(head) for head in SINGLE]
    labels = torch.tensor([[item.labels[head] for head in heads] for item in batch])
    known = labels >= 0
    wanted = labels.clamp(0, 1) * (1 - 2 * smoothing) + smoothing
    losses = nn.functional.binary_cross_entropy_with_logits(
        logits.float(), wanted, pos_weight=balance[heads], reduction="none"
    )
    by_head = (losses * known).sum(0) / known.sum(0).clamp(min=1)
    return by_head.sum()


@torch.inference_mode()
def embed(model: Encoder, texts: Sequence[str], words: Tokenizer) -> tuple[Tensor, Tensor]:
    """Embeddings and single logits of many texts, each read in its first `LONGEST` tokens."""
    rows = [encoding.ids for encoding in words.encode_batch(list(texts))]
    order = sorted(range(len(rows)), key=lambda index: len(rows[index]))
    embeddings = torch.zeros(len(rows), 384)
    logits = torch.zeros(len(rows), len(SINGLE))
    for at in range(0, len(order), 64):
        some = order[at : at + 64]
        embeddings[some], logits[some] = model(*padded([rows[index] for index in some]))
    return embeddings, logits


def scores(
    model: Encoder, head: str, texts: Sequence[str], answers: Sequence[str], words: Tokenizer
) -> list[float]:
    """Logits of one head for many texts, or for many requests with their answers."""
    embeddings, logits = embed(model, texts, words)
    if head not in PAIR_HEADS:
        return [float(value) for value in logits[:, SINGLE.index(head)]]
    with torch.inference_mode():
        said, _ = embed(model, answers, words)
        return [float(value) for value in model.judge_pair(embeddings, said)[:, PAIR.index(head)]]
