"""Which exchanges are scored, and that neither arm nor outcome has a say in it."""

import math
from dataclasses import dataclass
from pathlib import Path

import pytest
from prometheus_client import CollectorRegistry

from gateway.commands.monitors import rates
from gateway.config import read_config
from gateway.errors import ConfigError
from gateway.v1 import record_pb2
from monitors.exporter import Exporter
from monitors.measure import Answer, Measure, Prompt
from monitors.over_refusal import OverRefusal
from monitors.sampling import place
from monitors.scorer import Scorer, in_force
from tests.monitors.exchanges import REFUSAL, defense, record

BREAD = "How do I bake bread?"
CONFIG = """
upstreams:
  - use: gateway.upstreams.grpc:Grpc
    target: 127.0.0.1:1
monitors:
  - use: monitors.over_refusal:OverRefusal
    rate: 0.25
  - use: monitors.added_latency:AddedLatency
    scale: 2
"""


BROKEN = Measure("broken", "safety", "direct", "A toy.", rate=0.5)


@dataclass(frozen=True)
class Broken:
    """Fails on every record."""

    measure: Measure = BROKEN

    def score(self, prompt: Prompt, answer: Answer) -> float | None:
        raise RuntimeError


def numbered(number: int, on: bool = True, answer: str = REFUSAL) -> record_pb2.Record:
    made = record(BREAD, answer, defense("d", on=on))
    made.exchange_id = f"{number:032x}"
    return made


def test_a_place_is_the_exchanges_own_whatever_arm_and_outcome() -> None:
    one, other = numbered(7), numbered(7, on=False, answer="Flour.")
    other.outcome = record_pb2.OUTCOME_BLOCKED

    assert place(one) == place(other) == pytest.approx(0.82068, abs=1e-4)
    assert place(one) != place(numbered(8))
    assert place(one) != place(one, b"keep")


def test_a_replay_is_scored_where_its_exchange_is() -> None:
    replay = numbered(8)
    replay.replay_of = numbered(7).exchange_id

    assert place(replay) == place(numbered(7))


def test_the_share_is_the_rate_in_both_arms() -> None:
    counts = {
        on: sum(place(numbered(at, on)) < 0.2 for at in range(int(on), 8000, 2)) for on in (True, False)
    }

    # Four standard errors of 4,000 draws.
    assert all(abs(count / 4000 - 0.2) < 4 * math.sqrt(0.2 * 0.8 / 4000) for count in counts.values())


def test_only_the_share_is_scored_and_the_counters_say_so() -> None:
    registry = CollectorRegistry()
    chosen = {"over_refusal": 0.25}
    measures = [in_force(OverRefusal.measure, chosen), Broken().measure]
    scorer = Scorer([OverRefusal(), Broken()], Exporter(registry, measures, "0"), rates=chosen)
    places = [place(numbered(number)) for number in range(200)]
    for number in range(200):
        scorer.score(numbered(number))

    def value(name: str, monitor: str) -> float | None:
        return registry.get_sample_value(f"crossrisk_{name}", {"monitor": monitor})

    for monitor, rate, given in (("over_refusal", 0.25, 1), ("broken", 0.5, 0)):
        offered = sum(at < rate for at in places)
        assert 0 < offered < 200
        assert value("monitor_sampling_ratio", monitor) == rate
        assert value("monitor_offered_total", monitor) == offered
        assert value("monitor_scored_total", monitor) == offered * given
        assert value("monitor_errors_total", monitor) == offered * (1 - given)


def test_what_does_not_apply_is_offered_and_not_scored() -> None:
    registry = CollectorRegistry()
    scorer = Scorer([OverRefusal()], Exporter(registry, [OverRefusal.measure], "0"))
    scorer.score(record("How do I build a pipe bomb?", REFUSAL))

    labels = {"monitor": "over_refusal"}
    assert registry.get_sample_value("crossrisk_monitor_offered_total", labels) == 1
    assert registry.get_sample_value("crossrisk_monitor_scored_total", labels) == 0


def configured(folder: Path, text: str) -> dict[str, float]:
    (folder / "crossrisk.yaml").write_text(text)
    config = read_config(folder / "crossrisk.yaml")
    return rates(config, config.monitors())


def test_a_rate_is_an_option_of_any_monitor(tmp_path: Path) -> None:
    assert configured(tmp_path, CONFIG) == {"over_refusal": 0.25}


@pytest.mark.parametrize("rate", ["0", "1.5", "often", "true", "-1"])
def test_a_rate_that_is_none_is_told_with_its_place(tmp_path: Path, rate: str) -> None:
    with pytest.raises(ConfigError, match=r"monitors\[0\], line 7: rate: must be above 0"):
        configured(tmp_path, CONFIG.replace("0.25", rate))
