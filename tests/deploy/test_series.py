"""The series that alerts read beside those of boards: refusals by fault, and changes that were found."""

import random
from contextlib import aclosing

import pytest
from prometheus_client import CollectorRegistry

from defenses.leak_filter import LeakFilter
from gateway.chain import Layer
from gateway.engine import Engine, Route
from gateway.errors import DefenseError, GatewayError, UpstreamError
from gateway.metrics import GatewayMetrics
from gateway.types import Deltas, Exchange, Risk, Upstream
from gateway.unit import Units
from monitors.effects.drift import Drift
from monitors.effects.observation import Assignment, Observation, Score
from monitors.effects_exporter import DriftCollector
from monitors.measure import Measure
from monitors.names import Names
from monitors.over_refusal import OverRefusal
from tests import contract
from tests.rollouts import ask


def drifted(rate_after: float, seed: int = 0) -> Drift:
    """A detector that learned a rate of one in five, and then saw another in units with the defense."""
    chance = random.Random(seed)
    drift = Drift(["over_refusal"])
    for number in range(9000):
        on, stratum = chance.random() < 0.5, "chat" if number < 8000 else "code"
        rate = (rate_after if on else 0.2) if number > 7000 else 0.2
        violation = chance.random() < rate
        observation = Observation(
            exchange=str(number),
            unit=number.to_bytes(8, "big"),
            stratum=stratum,
            assignments=(Assignment("leak_filter", on, 0.5, 1, "canary"),),
            scores=(Score("over_refusal", float(violation), violation, 0.0),),
            replay_of="",
            at=float(number),
        )
        drift.fold(observation, 1)
    return drift


def exported(drift: Drift) -> CollectorRegistry:
    measures: dict[str, Measure] = {"over_refusal": OverRefusal.measure}
    registry = CollectorRegistry()
    registry.register(DriftCollector(drift, drift.statistics, measures, Names()))
    return registry


CUSUM = {"kind": "effect", "risk": "utility", "measure": "over_refusal", "defense": "leak_filter",
         "method": "cusum", "direction": "up"}  # fmt: skip
MIX = {"kind": "mix", "risk": "", "measure": "", "defense": "", "method": "permutation", "direction": "up"}


def test_a_detector_counts_its_alarms_from_zero() -> None:
    new = exported(Drift(["over_refusal"]))
    assert new.get_sample_value("crossrisk_drift_alarms_total", MIX) == 0
    assert new.get_sample_value("crossrisk_drift_alarms_total", CUSUM) is None, "it has not learned yet"
    quiet = exported(drifted(0.2))
    assert quiet.get_sample_value("crossrisk_drift_alarms_total", CUSUM) == 0
    assert quiet.get_sample_value("crossrisk_drift_since_timestamp_seconds", CUSUM) is None


def test_an_alarm_tells_since_when_and_how_much() -> None:
    registry = exported(drifted(0.6))
    alarms = registry.get_sample_value("crossrisk_drift_alarms_total", CUSUM)
    since = registry.get_sample_value("crossrisk_drift_since_timestamp_seconds", CUSUM)
    change = registry.get_sample_value("crossrisk_drift_change_ratio", CUSUM)
    assert alarms is not None
    assert alarms >= 1
    assert since is not None
    assert 6900 < since < 9000
    assert change is not None
    assert 1.1 < change < 2.0, "three times as many with it: three in four, where one in two was to come"


class Broken:
    """A defense that fails, at once or by an error of its own making."""

    risk: Risk = "privacy"
    labels: frozenset[str] = frozenset()

    def __init__(self, error: Exception) -> None:
        self.error = error

    async def __call__(self, exchange: Exchange, upstream: Upstream) -> Deltas:
        raise self.error
        yield  # a generator


@pytest.mark.parametrize(
    ("error", "counted"),
    [(ValueError("x"), 1), (DefenseError("nobody's name"), 1), (UpstreamError("no fault of its own"), 0)],
)
async def test_a_refusal_by_fault_counts_for_the_defense_that_failed(error: Exception, counted: int) -> None:
    layers = [Layer("around", LeakFilter()), Layer("broken", Broken(error))]
    metrics = GatewayMetrics(layers)
    route = Route(("m",), contract.Listed(contract.answer(".")))
    served = Engine(layers, [route], Units(("user",), b"key"), metrics, None, 10)
    with pytest.raises(GatewayError):
        await collect(served.serve(ask(user="u"), {}, "http"))
    read = metrics.registry.get_sample_value
    assert read("crossrisk_failed_closed_total", {"defense": "broken"}) == counted
    assert read("crossrisk_failed_closed_total", {"defense": "around"}) == 0
    assert read("crossrisk_exchanges_total", {"outcome": "failed", "door": "http"}) == 1


async def collect(deltas: Deltas) -> None:
    async with aclosing(deltas) as stream:
        async for _ in stream:
            pass
