"""The rules alone, over whatever facts may come."""

import math

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule, run_state_machine_as_test

from gateway.canary_settings import CanarySettings, Step
from gateway.errors import ConfigError, RolloutRefusedError
from monitors.canary.decide import decide
from monitors.canary.facts import Facts, Reading, Share
from monitors.canary.orders import ACTIONS, ordered
from monitors.canary.state import ENDED, STAGES, State

STEPS = tuple(
    Step(weight=weight, margin=2.0, units=10, exchanges=50, least=100, most=1000)
    for weight in (0.01, 0.1, 0.5)
)
RULES = CanarySettings(steps=STEPS, shadow=50, shadow_exchanges=5, full=100, holdback=0.05, grace=200)
PROOF = math.log(20)
DONE = Facts(
    (Reading("refusal", "guard", 0, 0, PROOF, 0, 99, 99), Reading("leak", "target", 0, 0, 0, 0, 99, 99)),
    exchanges=50, treated=25, units=10, shadowed=5,
)  # fmt: skip
logs = st.floats(-5, 12)
readings = st.builds(
    Reading,
    st.sampled_from(["refusal", "leak", "tone"]),
    st.sampled_from(["guard", "target", "dry_run"]),
    logs, logs, logs, logs,
    st.integers(0, 50), st.integers(0, 50),
)  # fmt: skip
facts = st.builds(
    Facts,
    st.lists(readings, max_size=3, unique_by=lambda one: one.measure).map(tuple),
    st.integers(0, 200), st.integers(0, 30_000), st.integers(0, 10), st.integers(0, 10),
    silent=st.booleans(), killed=st.booleans(), moved=st.booleans(),
    stale=st.sampled_from([(), ("refusal",)]),
)  # fmt: skip


class Ramp(RuleBasedStateMachine):
    """Hypothesis as traffic, as operator, and as the clock."""

    @initialize()
    def begin(self) -> None:
        self.state, self.now = State(), 0.0
        self.last, self.ended = self.state, False

    def take(self, after: State) -> None:
        assert after.weight in (0.0, self.state.weight) or after.weight > self.state.weight
        if after.weight == 0 < self.state.weight:
            assert after.stage in ("rolled_back", "invalid"), "from a user it is taken by a rollback alone"
        self.state = after

    @rule(facts=facts, seconds=st.sampled_from([0.0, 1.0, 60.0, 250.0, 1100.0]))
    def time_passes(self, facts: Facts, seconds: float) -> None:
        self.now += seconds
        transition = decide(self.state, RULES, facts, self.now)
        if transition is None:
            return
        assert transition.before == self.state
        if transition.decision in ("advance", "promote"):
            assert (facts.silent, facts.killed, facts.moved) == (False, False, False)
            assert not self.state.paused
            harmed = {one.measure for one in facts.readings if one.role != "dry_run"}
            assert not harmed & set(facts.stale)
        self.take(transition.after)

    @rule()
    def all_is_well(self) -> None:
        self.time_passes(DONE, 100.0)

    @rule(action=st.sampled_from(ACTIONS))
    def ordered(self, action: str) -> None:
        try:
            transition = ordered(self.state, RULES, action, self.now)  # type: ignore[arg-type]
        except RolloutRefusedError:
            return
        assert not self.ended, "what has ended only a new run begins again"
        self.take(transition.after)

    @invariant()
    def an_end_is_an_end(self) -> None:
        if self.ended:
            assert self.state == self.last
        self.last, self.ended = self.state, self.state.stage in ENDED
        if self.state.stage in ("rolled_back", "invalid", "draft", "shadow"):
            assert self.state.weight == 0


def test_whatever_comes_the_rules_hold() -> None:
    run_state_machine_as_test(
        Ramp, settings=settings(max_examples=150, stateful_step_count=25, deadline=None, derandomize=True)
    )


def step(number: int, since: float = 0.0) -> State:
    return State("step", number, STEPS[number].weight, since)


def test_the_way_up() -> None:
    state, seen = State(), []
    for hundred in range(1, 9):
        transition = decide(state, RULES, DONE, 100.0 * hundred)
        if transition is not None:
            state = transition.after
            seen.append((transition.decision, transition.reason, state.stage, state.weight))
    assert seen[:5] == [
        ("start", "new", "shadow", 0),
        ("advance", "time", "step", 0.01),
        ("advance", "proof", "step", 0.1),
        ("advance", "proof", "step", 0.5),
        ("advance", "proof", "full", 0.95),
    ]


@given(facts)
@settings(max_examples=200, deadline=None, derandomize=True)
def test_missing_floors_never_promote(found: Facts) -> None:
    transition = decide(step(0), RULES, found, 99.0)
    assert transition is None or transition.after.weight <= 0.01


@pytest.mark.parametrize("role", ["guard", "target", "dry_run"])
def test_harm_by_role(role: str) -> None:
    harmed = Reading("refusal", role, 9, 9, -3)  # type: ignore[arg-type]
    transition = decide(step(1), RULES, Facts((harmed,)), 1.0)
    told = transition and (transition.decision, transition.reason, transition.about)
    expected = {"guard": "harm", "target": "target"}.get(role)
    assert told == (("roll_back", expected, "refusal") if expected else None)


def test_many_measures_need_more_evidence_each() -> None:
    one = Reading("a", "guard", 3.5, 3.5)
    others = [Reading(name, "guard") for name in "bcdef"]
    assert decide(step(0), RULES, Facts((one,)), 1.0) is not None
    assert decide(step(0), RULES, Facts((one, *others)), 1.0) is None


@pytest.mark.parametrize(
    ("found", "reason"),
    [
        (Facts(failed=Share(8, 40, 1, 4000)), "failures"),
        (Facts(slow=Share(20, 200)), "slow"),
        (Facts(refused=Share(30, 50, 1, 50)), "over_refusal"),
    ],
)
def test_tripwires(found: Facts, reason: str) -> None:
    transition = decide(step(0), RULES, found, 1.0)
    assert transition is not None
    assert (transition.after.stage, transition.reason) == ("rolled_back", reason)


def test_an_upstream_that_fails_for_everybody_is_not_the_canarys_fault() -> None:
    assert decide(step(0), RULES, Facts(failed=Share(30, 40, 3000, 4000)), 1.0) is None


def test_arms_that_came_out_unevenly_hold_and_then_end_it() -> None:
    broken = Facts((Reading("refusal", "guard", log_mismatch=9),))
    held = decide(step(0), RULES, broken, 10.0)
    assert held is not None
    assert (held.decision, held.after.held, held.after.weight) == ("hold", "mismatch", 0.01)
    assert decide(held.after, RULES, broken, 200.0) is None
    over = decide(held.after, RULES, broken, 211.0)
    assert over is not None
    assert (over.after.stage, over.after.weight) == ("invalid", 0)
    mended = decide(held.after, RULES, Facts(), 100.0)
    assert mended is not None
    assert mended.decision == "release"


def test_without_proof_the_last_step_asks_a_person_and_others_go_on() -> None:
    unproven = Facts((Reading("refusal", "guard", 0, 0, 1.0, 0, 99, 99),), 50, 25, 10)
    assert decide(step(0), RULES, unproven, 999.0) is None
    on = decide(step(0), RULES, unproven, 1000.0)
    assert on is not None
    assert (on.reason, on.after.weight) == ("exposure", 0.1)
    asked = decide(step(2), RULES, unproven, 1000.0)
    assert asked is not None
    assert (asked.after.stage, asked.after.weight) == ("paused_inconclusive", 0.5)
    missing = Facts((Reading("refusal", "guard", 0, 0, 9.0, 0, 0, 0),), 50, 25, 10)
    given_up = decide(step(0), RULES, missing, 1000.0)
    assert given_up is not None
    assert (given_up.after.stage, given_up.reason) == ("paused_inconclusive", "missing")
    others = (Reading(name, "guard", treated=9, control=9) for name in "abc")
    looks_bad = Reading("refusal", "guard", 3.2, 3.2, -1, 0, 99, 99)
    suspicious = Facts((looks_bad, *others), 50, 25, 10)
    assert decide(step(0), RULES, suspicious, 1000.0) is None, "more evidence first"
    asked = decide(step(0), RULES, suspicious, 4000.0)
    assert asked is not None
    assert (asked.after.stage, asked.reason) == ("paused_inconclusive", "signal")


def test_a_pause_out_of_shadow_goes_back_to_shadow() -> None:
    late = decide(State("shadow", 0, 0.0, 0.0), RULES, Facts(), 1e9)
    assert late is not None
    assert (late.after.stage, late.after.weight) == ("paused_inconclusive", 0)
    assert ordered(late.after, RULES, "resume", 5.0).after.stage == "shadow"


def test_steps_begin_in_opening_hours_only() -> None:
    hours = CanarySettings(steps=STEPS, hours="08:00-18:00", weekdays=True)
    thursday = 86_400.0 * 7  # 8 January 1970
    assert not hours.open(thursday + 7 * 3600)
    assert hours.open(thursday + 9 * 3600)
    assert not hours.open(thursday + 2 * 86_400 + 9 * 3600), "a Saturday"
    assert CanarySettings(hours="22:00-04:00").open(thursday + 3600)
    harmed = Facts((Reading("refusal", "guard", 9, 9),))
    assert decide(step(0, thursday), hours, harmed, thursday + 60) is not None, "a rollback waits for nothing"
    assert decide(step(0, thursday), hours, DONE, thursday + 3600) is None
    assert decide(step(0, thursday), hours, DONE, thursday + 9 * 3600) is not None


@pytest.mark.parametrize(
    ("wrong", "told"),
    [
        ({"steps": ()}, "at least one"),
        ({"steps": (STEPS[1], STEPS[0])}, "number 2: its weight must be above 0.1"),
        ({"steps": (Step(weight=0.1, margin=1.0),)}, "margin"),
        ({"holdback": 0.6}, "holdback"),
        ({"hours": "8-18"}, "08:00-18:00"),
        ({"webhooks": ("ftp://x",)}, "http address"),
        ({"alpha": 0.0}, "alpha"),
        ({"margins": {"leak": 0.9}}, "above 1"),
        ({"lease": 0.0}, "lease"),
    ],
)
def test_settings_that_mean_nothing_are_refused(wrong: dict[str, object], told: str) -> None:
    with pytest.raises(ConfigError, match=told):
        CanarySettings(**wrong)  # type: ignore[arg-type]


def test_stages_are_a_closed_set() -> None:
    assert set(STAGES) >= ENDED
