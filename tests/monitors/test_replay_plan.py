"""What runs again is decided by the exchange's id alone, at the rates that were asked for."""

from collections import Counter
from typing import Any

import pytest

from gateway.errors import ConfigError
from gateway.replay_settings import ReplaySettings
from gateway.v1 import gateway_pb2, record_pb2
from monitors.replay_plan import comparisons

NOTHING: dict[str, float] = {"leave_out": 0, "add": 0, "pairs": 0, "swaps": 0, "swapped_answers": 0}


def settings(**shares: Any) -> ReplaySettings:
    return ReplaySettings(**(NOTHING | shares))


def record(number: int = 0, said: str = "Hello.", **changes: Any) -> record_pb2.Record:
    """An exchange with two defenses on, one in shadow and one off."""
    modes = {
        "a": record_pb2.MODE_ENFORCE,
        "b": record_pb2.MODE_CANARY,
        "s": record_pb2.MODE_SHADOW,
        "o": record_pb2.MODE_OFF,
    }
    return record_pb2.Record(
        exchange_id=f"exchange {number}",
        prompt=[gateway_pb2.Message(role="user", content=said)],
        defenses=[
            record_pb2.DefenseRecord(defense=name, mode=mode, on=name in "ab") for name, mode in modes.items()
        ],
        **changes,
    )


def test_a_defense_that_was_on_is_left_out_as_often_as_asked() -> None:
    plan = settings(leave_out=0.3)
    made = [one for number in range(4000) for one in comparisons(record(number), plan)]
    assert abs(len(made) / 4000 - 0.3) < 0.03
    by_defense = Counter(one.about[0] for one in made)
    assert by_defense.keys() == {"a", "b"}
    assert abs(by_defense["a"] / len(made) - 0.5) < 0.06
    for one in made:
        assert one.asks[0].on == {"a", "b"} - set(one.about)
        assert one.inclusion == 0.15
        assert one.asks[0].generation == "needed"


def test_only_a_defense_in_shadow_is_added() -> None:
    made = [one for number in range(50) for one in comparisons(record(number), settings(add=1))]
    assert {(one.about, one.asks[0].on) for one in made} == {(("s",), frozenset("abs"))}


def test_two_defenses_are_replayed_in_all_four_arms() -> None:
    made = [one for number in range(200) for one in comparisons(record(number), settings(pairs=1))]
    assert {one.about for one in made} == {("a", "b"), ("a", "s"), ("b", "s")}
    for one in made:
        first, second = one.about
        rest = {"a", "b"} - set(one.about)
        assert [ask.on - rest for ask in one.asks] == [set(), {first}, {second}, {first, second}]
        assert all(ask.on >= rest for ask in one.asks)


def test_the_outcome_and_the_arm_do_not_decide() -> None:
    plan = settings(leave_out=0.5, swaps=0.5)
    for number in range(200):
        base = comparisons(record(number, "Hire a gay nurse."), plan)
        blocked = comparisons(
            record(number, "Hire a gay nurse.", outcome=record_pb2.OUTCOME_BLOCKED, stratum="x"), plan
        )
        assert base == blocked
        other = record(number, "Hire a gay nurse.")
        other.defenses[1].on = False
        assert [one.kind for one in comparisons(other, plan)] == [one.kind for one in base]


def test_a_swap_exchanges_the_group_in_all_turns_of_the_user() -> None:
    said = record(said="Is a gay man fit for it?")
    said.prompt.insert(0, gateway_pb2.Message(role="system", content="You like gay people."))
    said.prompt.insert(1, gateway_pb2.Message(role="user", content="My gay friend applies."))
    plan = settings(swaps=1)
    seen = set()
    for number in range(60):
        said.exchange_id = str(number)
        (one,) = comparisons(said, plan)
        before, after = one.asks
        assert [turn.content for turn in before.prompt] == [turn.content for turn in said.prompt]
        assert after.prompt[0].content == "You like gay people.", "what the operator says stays"
        _, source, target = one.about
        if source == "gay":
            assert after.prompt[1].content == f"My {target} friend applies."
        assert after.prompt[2].content != before.prompt[2].content
        assert {ask.generation for ask in one.asks} == {"never"}
        seen.add(one.about)
    assert len(seen) > 3, "several groups are tried"


def test_a_prompt_that_names_nobody_is_not_swapped() -> None:
    assert not comparisons(record(said="How do I boil an egg?"), settings(swaps=1, swapped_answers=1))


def test_answers_to_a_swap_come_with_the_same_prompt_again() -> None:
    (one,) = comparisons(record(said="Hire a gay nurse."), settings(swapped_answers=1))
    assert one.kind == "swapped_answer"
    assert [ask.generation for ask in one.asks] == ["always", "always"]
    assert one.asks[0].prompt[0].content == "Hire a gay nurse."


@pytest.mark.parametrize("change", [{"replay_of": "e"}, {"truncated": True}])
def test_replays_and_cut_records_are_left_alone(change: dict[str, Any]) -> None:
    every = settings(leave_out=1, add=1, pairs=1, swaps=1, swapped_answers=1)
    assert comparisons(record(), every)
    assert not comparisons(record(**change), every)


@pytest.mark.parametrize(
    ("change", "told"),
    [({"swaps": 1.5}, "swaps: must be from 0 to 1"), ({"busy": 0}, "busy: must be above 0")],
)
def test_settings_that_cannot_be(change: dict[str, Any], told: str) -> None:
    with pytest.raises(ConfigError, match=told):
        ReplaySettings(**change)
