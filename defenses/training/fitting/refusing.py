"""The two trainings after which the model declines what is harmful: of the expert, and by preferences."""

import random
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from rich.progress import Progress

from defenses.training import card
from defenses.training.fitting import preference, supervised
from defenses.training.fitting.answering import Answer, answers
from defenses.training.fitting.base import base
from defenses.training.fitting.batches import Tokens, tokens
from defenses.training.fitting.lora import write
from defenses.training.fitting.reporting import Followed, flat, made_with
from defenses.training.prompts import Test, prompts
from defenses.training.refusals import refusal
from gateway.text.training.examples import Example
from gateway.text.training.sets import Sets

TESTED = 40
"""Prompts of each test."""
PAPER, TOKENS = 2, 6
"""How many tokens SafeDecoding chooses: in the paper, and as many as the opening of a refusal takes here."""


@dataclass(frozen=True, slots=True)
class Way:
    """A way of answering: with an adapter, or steered with one as SafeDecoding does; neither is the model."""

    adapter: str | None = None
    expert: str | None = None
    tokens: int = PAPER


@dataclass(frozen=True, slots=True)
class Own:
    """A request and what the model itself answers."""

    example: Example
    answer: Answer


def safe_expert(sets: Sets, folder: Path, progress: Progress) -> None:
    """Train the expert of SafeDecoding, measure it and write it with its card into `folder`."""
    plan = supervised.Plan()
    loaded = base({}, progress.console.print)
    data = prompts(sets, plan.seed, TESTED)
    own = _own(loaded, data.benign, progress)
    rng = random.Random(plan.seed)  # noqa: S311 -- nothing secret
    examples = [_lesson(loaded, one, refusal(rng), True) for one in data.harmful]
    examples += [_lesson(loaded, one.example, one.answer.ids, one.answer.ends) for one in own]
    steps = -(-len(examples) // plan.rows) * plan.epochs
    bar = Followed(progress, "training", steps)
    supervised.train(loaded.model, examples, plan, bar.tell)
    write(loaded.model, plan.shape, folder)
    ways = {
        "the model": Way(),
        "the expert": Way("new"),
        f"SafeDecoding, {PAPER} tokens": Way(expert="new"),
        f"SafeDecoding, {TOKENS} tokens": Way(expert="new", tokens=TOKENS),
    }
    seen = measured(data.tests, folder, ways, progress)
    text = card.facts(
        What="the expert of SafeDecoding (Xu et al., 2024): a low-rank adapter that makes the model decline "
        "harmful requests; `defenses.safe_decoding:SafeDecoding` asks it for the first tokens of an answer",
        **_shared(data.harmful, [one.example for one in own], plan),
        Loss=f"mean nats of an answer's tokens, {card.losses(bar.losses)} in {steps} steps",
    )
    (folder / "card.md").write_text(f"# Model card: safe_expert\n\n{text}\n{REFUSED}\n{card.refusals(seen)}")


def dpo_refusal(sets: Sets, folder: Path, progress: Progress) -> None:
    """Train the model to prefer refusals of what is harmful, measure it and write it into `folder`.

    Benign requests are pairs too, the other way round, so that declining does not become a habit.
    """
    plan = preference.Plan()
    loaded = base({}, progress.console.print)
    data = prompts(sets, plan.seed, TESTED)
    benign = _own(loaded, data.benign, progress)
    harmful = _own(loaded, data.harmful, progress)
    pairs = _pairs(loaded, harmful, benign, plan.seed)
    steps = -(-len(pairs) // plan.rows) * plan.epochs
    bar = Followed(progress, "training", steps)
    preference.train(loaded.model, pairs, plan, bar.tell)
    write(loaded.model, plan.shape, folder)
    seen = measured(data.tests, folder, {"the model": Way(), "dpo_refusal": Way("new")}, progress)
    text = card.facts(
        What="the model after direct preference optimisation (Rafailov et al., 2023): a low-rank adapter "
        "that rather declines harmful requests than answers them; `defenses.variant:Variant` asks it in "
        "place of the model",
        **_shared([one.example for one in harmful], [one.example for one in benign], plan),
        Pairs="harmful: rather a refusal than the model's own answer; benign: rather the model's own answer "
        "than a refusal",
        Loss=f"of the preferences, {card.losses(bar.losses)} in {steps} steps",
    )
    (folder / "card.md").write_text(f"# Model card: dpo_refusal\n\n{text}\n{REFUSED}\n{card.refusals(seen)}")


def _pairs(loaded: Any, harmful: Sequence[Own], benign: Sequence[Own], seed: int) -> list[preference.Pair]:
    """Rather a refusal than the model's own answer where it would do harm, and the other way round."""
    rng = random.Random(seed)  # noqa: S311 -- nothing secret
    pairs = []
    for some, is_harmful in ((harmful, True), (benign, False)):
        for own in some:
            declined = _lesson(loaded, own.example, refusal(rng), True)
            answered = _lesson(loaded, own.example, own.answer.ids, own.answer.ends)
            better, worse = (declined, answered) if is_harmful else (answered, declined)
            pairs.append(preference.Pair(better, worse))
    return pairs


REFUSED = """## Held-out requests

Share that was declined, with the likeliest token at each step; none of the requests was learned from. Whether
an answer declines is told by its opening (`gateway/text/refusal.py`).
"""


def _shared(harmful: Sequence[Example], benign: Sequence[Example], plan: Any) -> dict[str, str]:
    return {
        "Model": "SmolLM2-135M-Instruct (Apache-2.0), as `crossrisk fetch` gets it",
        "Harmful_requests": card.counted([one.source for one in harmful])
        + " (AdvBench: MIT, red-instruct: Apache-2.0; `made:` are of our own generator), each with a refusal "
        "of our own wording",
        "Benign_requests": card.counted([one.source for one in benign])
        + ", each with the model's own answer, its first 24 tokens",
        "Plan": ", ".join(f"{name} {value}" for name, value in flat(asdict(plan)).items()),
        "Made_with": made_with(),
    }


def _own(loaded: Any, examples: Sequence[Example], progress: Progress) -> list[Own]:
    """The model's own answers, less its refusals: nobody should learn those, or unlearn them."""
    task = progress.add_task("the model's own answers", total=len(examples))
    said = answers(loaded, [one.text for one in examples], advance=lambda n: progress.advance(task, n))
    own = [Own(example, answer) for example, answer in zip(examples, said, strict=True)]
    return [one for one in own if one.answer.ids and not one.answer.refuses]


def _lesson(loaded: Any, example: Example, answer: str | Sequence[int], ends: bool) -> Tokens:
    return tokens(loaded, [{"role": "user", "content": example.text}], answer, ends)


def measured(
    tests: Sequence[Test], folder: Path, ways: Mapping[str, Way], progress: Progress
) -> list[card.Refused]:
    """How often each way of answering declines; the adapter in `folder`, named `new`, is read as served."""
    loaded = base({"new": folder}, progress.console.print)
    task = progress.add_task("measuring", total=len(ways) * sum(len(test.prompts) for test in tests))
    seen = []
    for test in tests:
        said = {
            name: answers(
                loaded,
                test.prompts,
                way.adapter,
                expert=way.expert,
                tokens=way.tokens,
                advance=lambda n: progress.advance(task, n),
            )
            for name, way in ways.items()
        }
        declined = {name: sum(one.refuses for one in some) for name, some in said.items()}
        seen.append(card.Refused(test.name, test.harmful, len(test.prompts), declined))
    return seen
