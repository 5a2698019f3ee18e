"""The training with privacy, and what it is compared with: who remembers the planted records?"""

import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from rich.progress import Progress

from defenses.training import card
from defenses.training.fitting import private
from defenses.training.fitting.base import base
from defenses.training.fitting.batches import Tokens, tokens
from defenses.training.fitting.exposure import Exposed, exposed, loss
from defenses.training.fitting.lora import write
from defenses.training.fitting.reporting import Followed, flat, made_with
from defenses.training.records import Records, records, turns

TALKS, HELD_OUT = 400, 60
COPIES: Mapping[int, int] = {1: 6, 4: 4, 16: 4}
"""How many planted persons stand in so many talks each."""


def dp_sft(folder: Path, progress: Progress) -> None:
    """Train with privacy and, to compare, without; look for the planted records; write into `folder`.

    What was trained without privacy is thrown away.
    """
    plan = private.Plan()
    data = records(TALKS, HELD_OUT, COPIES, plan.seed)
    steps = len(private.drawn(TALKS, plan))
    with tempfile.TemporaryDirectory() as made:
        folders = {"dp_sft": folder, "plain training": Path(made)}
        loaded, examples = _begun(data, progress)
        bar = Followed(progress, "dp_sft", steps)
        spent = private.train(loaded.model, examples, plan, bar.tell)
        write(loaded.model, plan.shape, folder)
        loaded, examples = _begun(data, progress)
        bar = Followed(progress, "plain training", steps)
        private.train_plainly(loaded.model, examples, plan, bar.tell)
        write(loaded.model, plan.shape, Path(made))
        found = _found(data, folders, plan, progress)
    (folder / "card.md").write_text(_card(plan, spent, data, found))


def _begun(data: Records, progress: Progress) -> tuple[Any, list[Tokens]]:
    """The model as it is, and what it learns from."""
    loaded = base({}, progress.console.print)
    return loaded, [tokens(loaded, turns(talk), talk.answer, True) for talk in data.talks]


Found = Mapping[str, tuple[float, Sequence[Exposed]]]
"""By model: the loss on held-out talks, and what became of each planted record."""


def _found(data: Records, folders: Mapping[str, Path], plan: private.Plan, progress: Progress) -> Found:
    loaded = base(folders, progress.console.print)
    task = progress.add_task("looking for planted records", total=(1 + len(folders)) * len(data.planted))
    found = {}
    for name in ("the model", "plain training", "dp_sft"):
        adapter = name if name in folders else None
        seen = []
        for one in data.planted:
            seen.append(exposed(loaded, one, adapter, plan.seed))
            progress.advance(task)
        found[name] = (loss(loaded, data.held_out, adapter), seen)
    return found


def _card(plan: private.Plan, spent: private.Spent, data: Records, found: Found) -> str:
    text = card.facts(
        What="the model after differentially private fine-tuning (Abadi et al., 2016) on talks with a "
        "support desk: a low-rank adapter; `defenses.variant:Variant` asks it in place of the model",
        Model="SmolLM2-135M-Instruct (Apache-2.0), as `crossrisk fetch` gets it",
        Talks=f"{len(data.talks)} of our own generator (`defenses/training/records.yaml`), with people who "
        f"do not exist; {len(data.held_out)} of other people held out",
        Privacy=f"epsilon {spent.epsilon:.2f} at delta {spent.delta:g}, by opacus' accountant (PRV) for "
        f"{spent.steps} steps with a noise multiplier of {spent.noise:.3f}, gradients clipped at "
        f"{plan.clip}; the unit is one talk, and nothing is promised of a person in several",
        Plan=", ".join(f"{name} {value}" for name, value in flat(asdict(plan)).items()),
        Made_with=made_with("opacus") + ". The noise can be made again from the seed as well: harmless where "
        "nobody exists, and never to be done with records of real people",
    )
    losses = ", ".join(f"{name} {value:.2f}" for name, (value, _) in found.items())
    return f"# Model card: dp_sft\n\n{text}\n{PLANTED}\n{_table(found)}\n{USEFUL}{losses}.\n"


def _table(found: Found) -> str:
    lines = [
        "| trained on the person's talks | persons | model | exposure, bits | ranks of 128 | spoken |",
        "|---|---|---|---|---|---|",
    ]
    for copies, persons in COPIES.items():
        for name, (_, seen) in found.items():
            own = [one for one in seen if one.copies == copies]
            bits = sum(one.bits for one in own) / len(own)
            ranks = ", ".join(str(one.rank) for one in sorted(own, key=lambda one: one.rank))
            spoken = sum(one.spoken for one in own)
            lines.append(f"| {copies} | {persons} | {name} | {bits:.1f} | {ranks} | {spoken} |")
    return "\n".join(lines) + "\n"


PLANTED = """## Planted records

Where a planted account number stands among 128 numbers of the same form, in the talk that was learned from,
by what the model finds likely. Exposure (Carlini et al., 2019) is 7 bits for rank 1 and 1.4 bits in the mean
where nothing is known. *Spoken*: the model writes the number by itself. *plain training*: the same steps
without clipping by example and without noise; it does not ship.
"""
USEFUL = """## Use

Nats by token of held-out answers, less is better: """
