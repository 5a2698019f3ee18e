"""Scores replays beside the exchange they replay, and counts what the defenses made of it."""

import logging
from collections.abc import Callable, Mapping, Sequence

from prometheus_client import CollectorRegistry, Counter

from gateway.text.identity.lexicon import ATTRIBUTES
from gateway.types import STRENGTH
from gateway.v1 import record_pb2
from gateway.wire import ACTION_FROM_PROTO
from monitors import swaps
from monitors.evidence import Evidence
from monitors.measure import Answer, Measure, Monitor, Prompt
from monitors.names import OTHER, Names
from monitors.replay_plan import KINDS, Comparison
from monitors.replayer import LOSSES, Compared, Loss
from monitors.view import delivered_view, prompt_view

log = logging.getLogger(__name__)

GAPS: Mapping[str, Callable[[Answer, Answer], float]] = {
    "refusal": swaps.refusal_flip,
    "length": swaps.length_ratio,
    "sentiment": swaps.sentiment_gap,
    "regard": swaps.regard_gap,
}


class Comparer:
    """Takes comparisons that were run; the evidence hears the scores of each replay with another arm.

    Counts, for each defense and measure, whether the exchange was worse with the defense than without; for
    each defense whether its verdict changed with the group a prompt names; and how far answers are apart
    that differ in the group alone, beside answers that differ in nothing.
    """

    def __init__(
        self, monitors: Sequence[Monitor], evidence: Evidence, names: Names, registry: CollectorRegistry
    ) -> None:
        self._monitors = tuple(monitors)
        self._evidence = evidence
        self._names = names
        self._pairs = Counter(
            "crossrisk_replay_pairs",
            "Replayed exchanges by whether they were worse with the defense than without it.",
            ["defense", "risk", "measure", "change"],
            registry=registry,
        )
        self._verdicts = Counter(
            "crossrisk_swap_verdicts",
            "Prompts judged twice, the second time with another group in them, by the second verdict.",
            ["defense", "attribute", "change"],
            registry=registry,
        )
        gap = ("measure", "pair")
        self._gaps = Counter(
            "crossrisk_swap_gap_sum",
            "Sum of how far two answers are apart, 0 to 1 each.",
            gap,
            registry=registry,
        )
        self._compared = Counter(
            "crossrisk_swap_compared", "Pairs of answers whose gap was summed.", gap, registry=registry
        )
        self._lost = Counter(
            "crossrisk_replay_lost",
            "Comparisons that came to nothing.",
            ["kind", "reason"],
            registry=registry,
        )
        self._done = Counter(
            "crossrisk_replay_compared", "Comparisons that were run.", ["kind"], registry=registry
        )
        self._generated = Counter(
            "crossrisk_replay_generated",
            "Calls to the model made for comparisons.",
            ["kind"],
            registry=registry,
        )
        for kind in KINDS:
            self._done.labels(kind)
            self._generated.labels(kind)
            for reason in LOSSES:
                self._lost.labels(kind, reason)

    def lost(self, comparison: Comparison, reason: Loss) -> None:
        """Count a comparison that came to nothing."""
        self._lost.labels(comparison.kind, reason).inc()

    def done(self, compared: Compared) -> None:
        """Score and count a comparison; raises nothing that a monitor raises."""
        kind = compared.comparison.kind
        self._done.labels(kind).inc()
        self._generated.labels(kind).inc(compared.generated)
        if kind == "swap":
            self._count_verdicts(compared)
        elif kind == "swapped_answer":
            self._count_gaps(compared)
        else:
            self._score(compared)

    def _score(self, compared: Compared) -> None:
        prompt = prompt_view(compared.record)
        live = self._scores(prompt, compared.record)
        arms = [self._scores(prompt, replay) for replay in compared.replays]
        named = [{measure.name: score for measure, score in scores.items()} for scores in arms]
        if compared.comparison.kind == "pair":
            first, second = compared.comparison.about
            self._evidence.joined(compared.record, (first, second), named)
        for replay, scores, told in zip(compared.replays, arms, named, strict=True):
            self._evidence.told(replay, prompt, told)
            without, only = _on(compared.record) - _on(replay), _on(replay) - _on(compared.record)
            if len(without) == 1 and not only:
                self._count_pair(next(iter(without)), live, scores)
            elif len(only) == 1 and not without:
                self._count_pair(next(iter(only)), scores, live)

    def _scores(self, prompt: Prompt, record: record_pb2.Record) -> dict[Measure, float]:
        found: dict[Measure, float] = {}
        for monitor in self._monitors:
            if monitor.measure.live_only:
                continue
            try:
                score = monitor.score(prompt, delivered_view(record))
            except Exception as error:  # a monitor is anyone's code
                log.warning("monitor %s failed on a replay: %s", monitor.measure.name, type(error).__name__)
                continue
            if score is not None:
                found[monitor.measure] = score
        return found

    def _count_pair(self, defense: str, on: Mapping[Measure, float], off: Mapping[Measure, float]) -> None:
        for measure in on.keys() & off.keys():
            change = _change(on[measure] >= measure.threshold, off[measure] >= measure.threshold)
            self._pairs.labels(self._names.label(defense), measure.risk, measure.name, change).inc()

    def _count_verdicts(self, compared: Compared) -> None:
        attribute = compared.comparison.about[0]
        plain, swapped = (_verdicts(replay) for replay in compared.replays)
        for defense in plain.keys() & swapped.keys():
            change = _change(STRENGTH[swapped[defense]], STRENGTH[plain[defense]])
            self._verdicts.labels(self._names.label(defense), _attribute(attribute), change).inc()

    def _count_gaps(self, compared: Compared) -> None:
        live = delivered_view(compared.record)
        again, swapped = (delivered_view(replay) for replay in compared.replays)
        for name, gap in GAPS.items():
            for pair, other in (("rerun", live), ("swap", swapped)):
                self._gaps.labels(name, pair).inc(abs(gap(again, other)))
                self._compared.labels(name, pair).inc()


def _on(record: record_pb2.Record) -> frozenset[str]:
    return frozenset(one.defense for one in record.defenses if one.on)


def _change(first: float, second: float) -> str:
    """`worse` where the first is more than the second, `better` where it is less."""
    return "same" if first == second else "worse" if first > second else "better"


def _verdicts(record: record_pb2.Record) -> dict[str, str]:
    """By defense that was on the strongest action it would take, empty for none."""
    return {one.defense: str(ACTION_FROM_PROTO.get(one.would, "")) for one in record.defenses if one.on}


def _attribute(name: str) -> str:
    return name if name in ATTRIBUTES else OTHER
