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
    advance: Callable[[int], object] = int,
) -> list[Answer]:
    """An answer to each prompt of a user, by the model with `adapter`.

    With `expert`, the first tokens are chosen as SafeDecoding does, together with the adapter of that
    name. The rows that are decoded together are always the same, and so are the answers.
    """
    made: list[Answer] = []
    for at in range(0, len(prompts), ROWS):
        some = prompts[at : at + ROWS]
        made += _together(loaded, some, adapter, expert)
        advance(len(some))
    return made


def _together(loaded: Any, prompts: Sequence[str], adapter: str | None, expert: str | None) -> list[Answer]:
    batch, rule, sampler = Batch(loaded.model, loaded.choice), SafeContrast(), Sampler(Sampling(0.0, seed=0))
    asked = [loaded.prompt([{"role": "user", "content": prompt}]) for prompt in prompts]
    said: list[list[int]] = [[] for _ in prompts]
    ended = [False] * len(prompts)
    logits: list[Tensor] = [batch.add(ids, adapter) for ids in asked]
    steered = expert is not None
    others: list[Tensor] = [batch.add(ids, expert) for ids in asked] if steered else []
    open_rows = list(range(len(prompts)))
    for position in range(LONGEST):
        drawn: dict[int, int] = {}
        for place, row in enumerate(open_rows):
            scores = logits[place]
            if steered:
                scores = rule.combine(scores, others[place]) + scores.logsumexp(-1)
            token = sampler.draw(scores, [*asked[row], *said[row]])
            if token in loaded.ends:
                ended[row] = True
            else:
                said[row].append(token)
                drawn[place] = token
        kept, count = sorted(drawn), len(open_rows)
        steered_next = steered and rule.steers(position + 1)
        rows = [*kept, *(count + place for place in kept)] if steered_next else kept
        if len(rows) < len(batch):
            batch.keep(rows)
        open_rows, steered = [open_rows[place] for place in kept], steered_next
        if not open_rows or position + 1 == LONGEST:
            break
        fed = [drawn[place] for place in kept]
        stepped = list(batch.step(fed + fed if steered else fed))
        logits, others = stepped[: len(fed)], stepped[len(fed) :]
    decode = loaded.tokenizer.decode
    return [
        Answer(tuple(ids), decode(ids, skip_special_tokens=True), end)
        for ids, end in zip(said, ended, strict=True)
    ]
