"""How long the encoder takes, beside others, in batches and with weights of 32 bits."""

import asyncio
import statistics
import time
from collections.abc import Callable, Sequence

from benchmarks.detector_answers import OURS, SIXTY_WORDS, Peer
from benchmarks.detector_tables import number
from benchmarks.overhead import markdown
from gateway.text.encoder import Encoder
from gateway.text.encoder_model import Model
from gateway.text.training.sets import Test

TOGETHER = 16
"""Windows that are read at once, to see what that gains."""
ROUNDS = 5
"""As in the peers' probe."""


def judge(model: Model, text: str) -> None:
    """Everything that a text costs: tokens, the encoder, all heads."""
    windows = model.windows(text)
    model.judgement(windows, *model.read([window.ids for window in windows]))


def median(work: Sequence[Callable[[], object]], calls: int) -> list[float]:
    """Milliseconds of each kind of work, which take turns: the median of the quietest of `ROUNDS` rounds."""
    rounds: list[list[float]] = []
    for _ in range(ROUNDS + 1):  # the first one warms up
        spent: list[list[float]] = [[] for _ in work]
        for _ in range(max(calls // ROUNDS, 3)):
            for own, one in zip(spent, work, strict=True):
                began = time.perf_counter()
                one()
                own.append((time.perf_counter() - began) * 1e3)
        rounds.append([statistics.median(own) for own in spent])
    return [min(own) for own in zip(*rounds[1:], strict=True)]


def times_table(model: Model | None, peers: Sequence[Peer], calls: int) -> str:
    """Milliseconds for one text of sixty words, one at a time."""
    rows = [["detector", "questions", "p50 for 60 words, ms"]]
    if model:
        (own,) = median([lambda: judge(model, SIXTY_WORDS)], calls)
        rows.append(
            [f"{OURS}, all heads together", str(len(model.heads) + len(model.pair_heads)), f"{own:.2f}"]
        )
    rows += [[peer.name, "1", number(peer.milliseconds, 2)] for peer in peers]
    return markdown(rows)


def batches_table(model: Model, calls: int) -> str:
    """What it gains to read texts together, and what the queue costs one that comes alone."""
    windows = [window.ids for window in model.windows(SIXTY_WORDS)]
    alone, together = median(
        [lambda: model.read(windows), lambda: model.read(windows * TOGETHER)], max(calls // 4, 5)
    )
    direct, queued, rush = asyncio.run(_queued(model, max(calls // 20, 3)))
    rows = [["what", "ms"]]
    rows += [["one text, the encoder alone", f"{alone:.2f}"]]
    rows += [
        [
            f"a text of a batch of {TOGETHER}",
            f"{together / TOGETHER:.2f} ({alone * TOGETHER / together:.2f}×)",
        ]
    ]
    rows += [["one text, called directly", f"{direct:.2f}"]]
    rows += [["one text, through the queue while nothing waits", f"{queued:.2f}"]]
    rows += [[f"{TOGETHER} texts at once through the queue, until the last is done", f"{rush:.2f}"]]
    return markdown(rows)


async def _queued(model: Model, turns: int) -> list[float]:
    """Called directly, one by one through the queue, and many at once, taking turns; no text comes twice."""
    encoder = Encoder(model)
    rounds = []
    for number_of_round in range(ROUNDS):
        spent: list[list[float]] = [[], [], []]
        for turn in range(turns):
            fresh = [f"{SIXTY_WORDS} {number_of_round} {turn} {one}" for one in range(TOGETHER + 2)]
            began = time.perf_counter()
            judge(model, fresh[0])
            spent[0].append((time.perf_counter() - began) * 1e3)
            began = time.perf_counter()
            await encoder.judge(fresh[1])
            spent[1].append((time.perf_counter() - began) * 1e3)
            began = time.perf_counter()
            await asyncio.gather(*map(encoder.judge, fresh[2:]))
            spent[2].append((time.perf_counter() - began) * 1e3)
        rounds.append([statistics.median(own) for own in spent])
    return [min(own) for own in zip(*rounds, strict=True)]


def eight_bits_table(eight: Model, full: Model, losses: Sequence[tuple[float, Test]], calls: int) -> str:
    """Speed and AUROC of both; `losses` is by how much less the eight bits see in each test."""
    fast, slow = median([lambda: judge(eight, SIXTY_WORDS), lambda: judge(full, SIXTY_WORDS)], calls)
    known = sorted((loss, f"{test.head}, {test.name}") for loss, test in losses if loss == loss)
    worst, where = known[-1]
    rows = [["weights", "p50 for 60 words, ms", "AUROC lost"]]
    rows += [["32 bits", f"{slow:.2f}", ""]]
    mean = statistics.fmean(loss for loss, _ in known)
    said = (
        f"{mean:.4f} on average of {len(known)} tests, at most {worst:.4f} ({where.replace('|', 'against')})"
    )
    rows += [["8 bits", f"{fast:.2f} ({slow / fast:.2f}×)", said]]
    return markdown(rows)
