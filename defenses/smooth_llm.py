"""Asks the model several times with small typing errors, and goes with the majority."""

import random
import string
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import ClassVar, Literal

from gateway.asking import Reply, ask_all, last_user_turn, total
from gateway.errors import ConfigError
from gateway.text.refusal import is_refusal
from gateway.types import Deltas, Exchange, Finding, Risk, Upstream

_SIGNS = string.printable[:95]
Perturbation = Literal["swap", "insert", "patch"]


@dataclass(frozen=True, slots=True, kw_only=True)
class SmoothLlm:
    """Breaks attacks that hang on exact characters, such as optimised suffixes, and leaves the rest readable.

    The last turn of the user is copied, each copy perturbed anew, all copies are asked at once. An answer
    that is no refusal counts as one that went along; the client gets an answer of the majority, at random,
    and a refusal where both are as many.

    copies: how many; share: of the characters that are changed, in (0, 1); perturbation: `swap` puts
    others in their places, `insert` puts others behind them, `patch` swaps one stretch. seed: draws the
    same perturbations each time, for tests.

    Stands at: several calls, by vote.
    Cost: `copies` calls in place of one, at the same time; the answer leaves when the last is there.
    Source: Robey et al., 2023, "SmoothLLM: defending large language models against jailbreaking
        attacks" (arXiv 2310.03684), algorithms 1 and 2, with a threshold of a half.

    >>> SmoothLlm(share=0.5, perturbation="swap").perturbed("otter", random.Random(1)) != "otter"
    True
    """

    risk: ClassVar[Risk] = "safety"
    labels: ClassVar[frozenset[str]] = frozenset({"refused_by_vote"})
    hides: ClassVar[frozenset[str]] = frozenset({"exact wording"})

    copies: int = 6
    share: float = 0.1
    perturbation: Perturbation = "swap"
    seed: int | None = None

    def __post_init__(self) -> None:
        if not 2 <= self.copies <= 50:
            raise ConfigError(f"copies: must be from 2 to 50, not {self.copies}")
        if not 0 < self.share < 1:
            raise ConfigError(f"share: must be between 0 and 1, not {self.share}")

    @property
    def calls(self) -> int:
        """How often it asks what stands below."""
        return self.copies

    def perturbed(self, text: str, rng: random.Random) -> str:
        """`text` with a share of its characters changed."""
        return _PERTURBATIONS[self.perturbation](text, round(len(text) * self.share), rng)

    async def __call__(self, exchange: Exchange, upstream: Upstream) -> Deltas:
        number = last_user_turn(exchange)
        fixed = self.seed is not None
        rng = random.Random(self.seed) if fixed else random.SystemRandom()  # noqa: S311 (for tests)
        replies = await ask_all(upstream, [self._copy(exchange, number, rng) for _ in range(self.copies)])
        refused = [_is_refused(reply) for reply in replies]
        verdict = sum(refused) * 2 >= len(refused)  # jailbroken is what more than a half went along with
        chosen: Reply = rng.choice([one for one, no in zip(replies, refused, strict=True) if no == verdict])
        if verdict:
            score = sum(refused) / len(refused)
            yield Finding(
                exchange.layer, self.risk, "refused_by_vote", "flag", "output", "content", 0, 0, score
            )
        for delta in (*chosen.findings, *chosen.deltas):
            yield delta
        if (usage := total(replies)) is not None:
            yield usage
        yield chosen.finish

    def _copy(self, exchange: Exchange, number: int | None, rng: random.Random) -> Exchange:
        if number is None:
            return exchange
        turn = exchange.messages[number]
        other = replace(turn, content=self.perturbed(turn.content, rng))
        messages = (*exchange.messages[:number], other, *exchange.messages[number + 1 :])
        return replace(exchange, messages=messages)


def _is_refused(reply: Reply) -> bool:
    blocked = reply.finish.reason == "content_filter"
    return blocked or bool(reply.answer.refusal) or is_refusal(reply.answer.content)


def _swap(text: str, count: int, rng: random.Random) -> str:
    signs = list(text)
    for place in rng.sample(range(len(signs)), count):
        signs[place] = rng.choice(_SIGNS)
    return "".join(signs)


def _insert(text: str, count: int, rng: random.Random) -> str:
    chosen = set(rng.sample(range(len(text)), count))
    return "".join(sign + rng.choice(_SIGNS) if place in chosen else sign for place, sign in enumerate(text))


def _patch(text: str, count: int, rng: random.Random) -> str:
    begin = rng.randint(0, len(text) - count)
    return text[:begin] + "".join(rng.choice(_SIGNS) for _ in range(count)) + text[begin + count :]


_PERTURBATIONS: dict[Perturbation, Callable[[str, int, random.Random], str]] = {
    "swap": _swap,
    "insert": _insert,
    "patch": _patch,
}
"""How the paper changes a text (its section 3.2)."""
