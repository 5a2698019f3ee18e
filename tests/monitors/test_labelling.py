"""Which kept exchanges are drawn to be labelled."""

from collections import Counter
from typing import Any

import pytest

from gateway.errors import ConfigError
from monitors.labelling import defense_of, draw
from monitors.measure import Measure

TOY = Measure("toy", "safety", "direct", "A toy.")


def kept(
    number: int, score: float | None, arm: str = "treatment", outcome: str = "completed"
) -> dict[str, Any]:
    return {
        "id": f"{number:04d}",
        "messages": [{"role": "user", "content": "Hi"}],
        "answer": "Hello.",
        "outcome": outcome,
        "arms": {"d": arm, "other": "treatment"},
        "scores": {} if score is None else {"toy": score},
    }


def many() -> list[dict[str, Any]]:
    """A thousand harmless ones, and a few of each rarer kind."""
    rows = [kept(number, 0.0) for number in range(1000)]
    rows += [kept(1000 + number, 0.3) for number in range(20)]
    rows += [kept(1100 + number, 0.6, "control") for number in range(20)]
    rows += [kept(1200 + number, 1.0, "control", "blocked") for number in range(3)]
    return rows


def test_every_stratum_has_its_turn_until_it_is_empty() -> None:
    drawn = draw(many(), TOY, 43, seed=1, defense="d")

    assert Counter(one.stratum for one in drawn) == {
        "treatment/completed/low": 13,
        "treatment/completed/near": 13,
        "control/completed/violation": 14,
        "control/blocked/high": 3,
    }
    assert len({one.stratum for one in drawn[:4]}) == 4
    assert {one.stratum: one.size for one in drawn}["treatment/completed/low"] == 1000
    assert {one.arm for one in drawn} == {"treatment", "control"}


def test_the_seed_decides_and_not_the_order_of_the_file() -> None:
    ids = [[one.row["id"] for one in draw(rows, TOY, 30, seed)] for rows, seed in (
        (many(), 1), (many()[::-1], 1), (many(), 2),
    )]  # fmt: skip

    assert ids[0] == ids[1] != ids[2]
    assert len(set(ids[0])) == 30


def test_a_longer_draw_goes_on_where_a_shorter_one_ended() -> None:
    short, longer = draw(many(), TOY, 10, 1), draw(many(), TOY, 40, 1)
    assert longer[:10] == short


def test_what_the_measure_did_not_apply_to_is_not_drawn() -> None:
    rows = [kept(1, 0.0), kept(2, None), kept(3, 1.0)]
    assert {one.row["id"] for one in draw(rows, TOY, 9, 1)} == {"0001", "0003"}


def test_of_scores_that_come_late_none_are_kept_and_all_are_drawn_from() -> None:
    drawn = draw([kept(1, None), kept(2, None)], TOY, 9, 1, "d")
    assert [one.stratum for one in drawn] == ["treatment/completed/unscored"] * 2


def test_the_arm_is_that_of_the_only_defense_that_has_two() -> None:
    assert defense_of(many(), "") == "d"
    assert defense_of([kept(1, 0.0)], "") == ""
    assert defense_of(many(), "other") == "other"
    with pytest.raises(ConfigError, match="known: d, other"):
        defense_of(many(), "third")
