"""How one version of the table follows another, and what is refused."""

from dataclasses import replace
from typing import Any

import pytest

from gateway.errors import InvalidRequestError, RolloutRefusedError, StaleRolloutError
from gateway.rollout import Change, Rollout, Row, changed, expired, renewed, switched
from tests.rollouts import canary, change, enforce, keep, table

FREE = frozenset(("guard", "new"))
START = table(guard=enforce(salt="guard"), new=canary(0.1, "new"), gone=Row("off", "gone"))
NAN = float("nan")


def apply(
    rollout: Rollout, *rows: tuple[str, Row], may_be_off: frozenset[str] = FREE, **more: Any
) -> Rollout:
    return changed(rollout, change(rollout.version, *rows, **more), may_be_off, now=100.0)


def test_rows_that_are_not_named_stay() -> None:
    after = apply(START, ("new", keep(canary(0.25))))
    assert after.version == START.version + 1
    assert after.rows == {**START.rows, "new": canary(0.25, "new")}
    assert after.configured == START.configured


def test_a_version_that_nobody_has_any_more_is_told_the_present_one() -> None:
    with pytest.raises(StaleRolloutError, match="expected_version is 7, the version in force 1"):
        changed(START, change(7, ("new", canary(0.5))), FREE, 0.0)


@pytest.mark.parametrize(
    ("row", "told"),
    [
        (canary(1.01), r"rows\[0\].weight"),
        (canary(-0.01), r"rows\[0\].weight"),
        (canary(NAN), r"rows\[0\].weight"),
        (replace(enforce(), weight=0.5), r"rows\[0\].weight"),
        (enforce(1.0), r"rows\[0\].holdback"),
        (enforce(NAN), r"rows\[0\].holdback"),
        (replace(canary(0.5), holdback=0.1), r"rows\[0\].holdback"),
        (canary(0.5, "a b"), r"rows\[0\].salt"),
        (canary(0.5, "a" * 65), r"rows\[0\].salt"),
    ],
)
def test_a_wrong_value_is_told_with_its_field(row: Row, told: str) -> None:
    with pytest.raises(InvalidRequestError, match=told):
        apply(START, ("new", row))


@pytest.mark.parametrize(
    ("wrong", "told"),
    [
        ({"rows": []}, "nothing to change"),
        ({"rows": [("nobody", canary(0.5))]}, r"rows\[0\].defense: there is no defense 'nobody'"),
        ({"rows": [("new", canary(0.5)), ("new", canary(0.6))]}, "twice"),
        ({"rows": [("new", canary(0.5))], "reset": ["new"]}, "twice"),
        ({"reset": ["nobody"]}, r"reset\[0\]"),
        ({"actor": " "}, "actor"),
        ({"reason": ""}, "reason"),
        ({"reason": "two\nlines"}, "reason"),
        ({"reason": "x" * 501}, "reason"),
        ({"holder": "", "seconds": 5.0}, "lease.holder"),
        ({"holder": "c", "seconds": -1.0}, "lease.seconds"),
        ({"holder": "c", "seconds": 1e9}, "lease.seconds"),
        ({"holder": "c", "seconds": NAN}, "lease.seconds"),
    ],
)
def test_a_wrong_change_is_told_with_its_field(wrong: dict[str, Any], told: str) -> None:
    good: dict[str, Any] = {"expected": 1, "actor": "ana", "reason": "a test", "rows": []}
    if "rows" not in wrong and "reset" not in wrong:
        good["rows"] = [("new", keep(canary(0.5)))]
    with pytest.raises(InvalidRequestError, match=told):
        changed(START, Change(**{**good, **wrong}), FREE, 0.0)


@pytest.mark.parametrize("row", [canary(0.9), enforce(0.01), Row("shadow", ""), Row("off", "")])
def test_an_enforced_defense_is_taken_from_nobody_without_permission(row: Row) -> None:
    with pytest.raises(RolloutRefusedError, match=r"may_be_off: \[guard\]"):
        apply(START, ("guard", keep(row)), may_be_off=frozenset(("new",)))
    assert apply(START, ("guard", keep(row))).rows["guard"].says(row)


def test_a_new_defense_needs_permission_only_to_be_held_back() -> None:
    for row in (canary(0.0), canary(0.5), Row("shadow", ""), enforce()):
        assert apply(START, ("new", keep(row)), may_be_off=frozenset()).rows["new"].says(row)
    with pytest.raises(RolloutRefusedError, match="no route lets new be off"):
        apply(START, ("new", keep(enforce(0.05))), may_be_off=frozenset())


def test_what_the_configuration_has_off_stays_off() -> None:
    with pytest.raises(RolloutRefusedError, match="mode: shadow"):
        apply(START, ("gone", canary(0.5)))


def test_a_draw_that_users_notice_is_kept() -> None:
    for draw in ({"salt": "other"}, {"epoch": 2}):
        anew = ("new", replace(canary(0.1, "new"), **draw))
        with pytest.raises(RolloutRefusedError, match="redraw"):
            apply(START, anew)
        assert apply(START, anew, redraw=True).rows["new"] == anew[1]
    shadow = apply(START, ("new", Row("shadow", "")))
    assert apply(shadow, ("new", Row("shadow", "", epoch=2))).rows["new"].epoch == 2
    with pytest.raises(InvalidRequestError, match="epoch: must not be lower than 1"):
        apply(START, ("new", Row("canary", "new", 0.1, epoch=-1)))


def test_reset_goes_back_to_the_configuration_and_keeps_the_draw() -> None:
    moved = apply(START, ("new", Row("canary", "other", 0.7, epoch=5)), redraw=True)
    assert apply(moved, reset=["new"]).rows["new"] == Row("canary", "other", 0.1, epoch=5)


def test_a_lease_is_of_canaries_and_falls_after_its_grace() -> None:
    rows = ("new", keep(canary(0.5))), ("guard", keep(enforce(0.1)))
    leased = apply(START, *rows, holder="controller", seconds=10.0)
    assert leased.rows["guard"].lease is None
    assert expired(leased, 100.0 + 10.0 + 5.0, grace=5.0) is leased
    after = expired(leased, 100.0 + 10.0 + 5.1, grace=5.0)
    assert after.rows == {**leased.rows, "new": canary(0.0, "new")}
    assert after.version == leased.version + 1
    assert expired(after, 1e9, grace=5.0) is after
    assert expired(START, 1e9, grace=0.0) is START, "nobody has to watch what the configuration says"


def test_only_the_holder_renews() -> None:
    leased = apply(START, ("new", keep(canary(0.5))), holder="controller", seconds=10.0)
    with pytest.raises(RolloutRefusedError, match="'another' holds no lease"):
        renewed(leased, "another", 10.0, 105.0)
    renewal = renewed(leased, "controller", 20.0, 105.0)
    assert (renewal.defenses, renewal.rollout.version) == (["new"], leased.version)
    assert expired(renewal.rollout, 124.0, grace=0.0) is renewal.rollout
    fallen = expired(renewal.rollout, 126.0, grace=0.0)
    with pytest.raises(RolloutRefusedError, match="ran out"):
        renewed(fallen, "controller", 10.0, 127.0)


def test_a_change_without_a_lease_ends_it() -> None:
    leased = apply(START, ("new", keep(canary(0.5))), holder="controller", seconds=10.0)
    taken = apply(leased, ("new", keep(canary(0.4))))
    assert expired(taken, 1e9, grace=0.0) is taken


def test_the_kill_switch_leaves_the_rows_alone() -> None:
    killed = switched(START, "guard", True)
    assert (killed.share("guard"), killed.rows, killed.version) == (0.0, START.rows, 2)
    assert switched(killed, "guard", False).share("guard") == 1.0
    with pytest.raises(InvalidRequestError, match="defense: there is no defense 'nobody'"):
        switched(START, "nobody", True)
