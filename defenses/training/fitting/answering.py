"""What a model answers, always the likeliest token, as the white-box upstream would serve it."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from torch import Tensor

from gateway.text.refusal import is_refusal
from gateway.whitebox.batch import Batch
from gateway.whitebox.sampling import Sampler, Sampling
from gateway.whitebox.steering import SafeContrast

ROWS = 16
LONGEST = 24
"""Tokens of an answer: enough to tell a refusal, which declares itself at the opening."""


@dataclass(frozen=True, slots=True)
class Answer:
    """The tokens of an answer without what ends it; `ends` says whether it came to its end."""

    ids: tuple[int, ...]
    text: str
    ends: bool

    @property
    def refuses(self) -> bool:
        """Whether it opens by declining."""
        return is_refusal(self.text)


def answers(
    loaded: Any,
    prompts: Sequence[str],
    adapter: str | None = None,
    *,
    expert: str | None = None,
    tokens: int = 2,
    advance: Callable[[int], object] = int,
) -> list[Answer]:
    """An answer to each prompt of a user, by the model with `adapter`.

    With `expert`, the first `tokens` are chosen as SafeDecoding does, together with the adapter of that
    name. The rows that are decoded together are always the same, and so are the answers.
    """
    made: list[Answer] = []
    for at in range(0, len(prompts), ROWS):
        some = prompts[at : at + ROWS]
        made += _together(_Decoding(loaded, some, adapter, expert, SafeContrast(tokens=tokens)))
        advance(len(some))
    return made


def _together(decoding: "_Decoding") -> list[Answer]:
    for _ in range(LONGEST - 1):
        if not decoding.draw():
            break
        decoding.step()
    else:
        decoding.draw()
    return decoding.answers()


class _Decoding:
    """Answers in the making: rows of one batch, behind them their companions as long as these steer."""

    def __init__(
        self, loaded: Any, prompts: Sequence[str], adapter: str | None, expert: str | None, rule: SafeContrast
    ) -> None:
        self._loaded = loaded
        self._rule = rule
        self._sampler = Sampler(Sampling(0.0, seed=0))
        self._batch = Batch(loaded.model, loaded.choice)
        self._asked = [loaded.prompt([{"role": "user", "content": prompt}]) for prompt in prompts]
        self._said: list[list[int]] = [[] for _ in prompts]
        self._ended = [False] * len(prompts)
        self._open = list(range(len(prompts)))
        self._logits: list[Tensor] = [self._batch.add(ids, adapter) for ids in self._asked]
        steered = self._asked if expert is not None else []
        self._others: list[Tensor] = [self._batch.add(ids, expert) for ids in steered]

    def draw(self) -> bool:
        """Draw the next token of every answer that is open; whether any still is."""
        kept = [place for place, row in enumerate(self._open) if self._drawn(place, row)]
        rows = list(kept)
        if kept and self._others and self._rule.steers(len(self._said[self._open[kept[0]]])):
            rows += [len(self._open) + place for place in kept]
        if len(rows) < len(self._batch):
            self._batch.keep(rows)
        self._open = [self._open[place] for place in kept]
        return bool(self._open)

    def step(self) -> None:
        """Have the model, and the companions that are left, read what was drawn."""
        fed = [self._said[row][-1] for row in self._open]
        stepped = list(self._batch.step(fed * (len(self._batch) // len(fed))))
        self._logits, self._others = stepped[: len(fed)], stepped[len(fed) :]

    def answers(self) -> list[Answer]:
        """What was said so far, by prompt."""
        decode = self._loaded.tokenizer.decode
        return [
            Answer(tuple(ids), decode(ids, skip_special_tokens=True), end)
            for ids, end in zip(self._said, self._ended, strict=True)
        ]

    def _drawn(self, place: int, row: int) -> bool:
        """Append a token to the answer `row`, whose logits stand at `place`, unless it ends."""
        scores = self._logits[place]
        if self._others:
            scores = self._rule.combine(scores, self._others[place]) + scores.logsumexp(-1)
        token = self._sampler.draw(scores, [*self._asked[row], *self._said[row]])
        if token in self._loaded.ends:
            self._ended[row] = True
            return False
        self._said[row].append(token)
        return True
