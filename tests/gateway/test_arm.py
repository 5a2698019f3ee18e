"""Who is in which arm: stable, monotone, independent, and as likely as the record says."""

import random
import subprocess
import sys
from collections import Counter

from hypothesis import given
from hypothesis import strategies as st

from gateway.arm import POSITIONS, Chance, Draw, position
from gateway.rollout import Rollout, Row
from tests.rollouts import CRITICAL, canary, chi_square, enforce, evenness, table, unit

SHARES = st.floats(0, 1)
UNITS = st.binary(min_size=16, max_size=16)
SALTS = st.text("abc.-_09", min_size=1, max_size=8)
EPOCHS = st.integers(1, 10**6)
MANY = 20_000


def test_a_unit_stays_where_it_is_from_release_to_release() -> None:
    # Written down: were these to change, every running canary would be dealt anew by an update.
    assert position("leak_filter", 1, bytes(16)) == 344836232375161933
    assert position("leak_filter", 2, bytes(16)) == 6636001620718636209


def test_neither_process_nor_order_matters() -> None:
    units = [unit(number) for number in range(200)]
    program = (
        "from gateway.arm import position\nfrom tests.rollouts import unit\n"
        "print([position('s', 3, unit(number)) for number in range(200)])"
    )
    other = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    shuffled = random.Random(1).sample(units, len(units))
    drawn = {one: position("s", 3, one) for one in shuffled}
    assert other.stdout.strip() == str([drawn[one] for one in units])


@given(SALTS, EPOCHS, UNITS, SHARES, SHARES)
def test_a_larger_share_keeps_everybody(salt: str, epoch: int, who: bytes, one: float, two: float) -> None:
    small, large = sorted((one, two))
    for before, after in [
        (canary(small, salt, epoch), canary(large, salt, epoch)),
        (canary(small, salt, epoch), enforce(0.0, salt, epoch)),
        (canary(min(small, 0.9), salt, epoch), enforce(1 - max(small, 0.9), salt, epoch)),
    ]:
        had, has = (Draw(table(d=row), frozenset("d")).arm(who).on for row in (before, after))
        assert had <= has


@given(SALTS, EPOCHS, UNITS)
def test_the_ends_are_nobody_and_everybody(salt: str, epoch: int, who: bytes) -> None:
    assert not Draw(table(d=canary(0.0, salt, epoch)), frozenset()).arm(who).on
    assert Draw(table(d=canary(1.0, salt, epoch)), frozenset()).arm(who).on == {"d"}
    assert Draw(table(d=enforce(0.0, salt, epoch)), frozenset()).arm(who).on == {"d"}


def test_shares_are_what_the_table_says() -> None:
    draw = Draw(table(a=canary(0.03, "a"), b=enforce(0.2, "b")), frozenset("b"))
    counts = Counter(name for number in range(MANY) for name in draw.arm(unit(number)).on)
    for name, share in (("a", 0.03), ("b", 0.8)):
        expected = MANY * share
        assert (counts[name] - expected) ** 2 / (expected * (1 - share)) < CRITICAL[1], name


def test_positions_are_even() -> None:
    tenths = Counter(position("s", 1, unit(number)) * 10 // POSITIONS for number in range(MANY))
    assert evenness(tenths[tenth] for tenth in range(10)) < CRITICAL[9]


def crossed(one: tuple[str, int], two: tuple[str, int]) -> float:
    counts = [[0] * 10 for _ in range(10)]
    for number in range(MANY):
        row, column = (position(*draw, unit(number)) * 10 // POSITIONS for draw in (one, two))
        counts[row][column] += 1
    return chi_square(counts)


def test_draws_know_nothing_of_each_other() -> None:
    assert crossed(("prompt_filter", 1), ("leak_filter", 1)) < CRITICAL[81]
    assert crossed(("leak_filter", 1), ("leak_filter", 2)) < CRITICAL[81]
    assert crossed(("a", 11), ("a1", 1)) < CRITICAL[81]
    assert crossed(("a", 1), ("a", 1)) > CRITICAL[81], "or this test could not fail"


def test_all_arms_of_three_defenses_occur_as_they_should() -> None:
    draw = Draw(table(**{name: canary(0.5, name) for name in "abc"}), frozenset())
    counts = Counter(draw.arm(unit(number)).on for number in range(MANY))
    assert len(counts) == 8
    assert evenness(counts.values()) < CRITICAL[7]


def test_what_a_route_does_not_let_be_off_is_on_for_all_of_its_users() -> None:
    configured = {"d": enforce(), "new": canary(0.0, "new")}
    applied = {"d": canary(0.0), "new": enforce(0.5, "new")}
    draw, free = (
        Draw(Rollout(configured, applied), names) for names in (frozenset(), frozenset(("d", "new")))
    )
    arms = [draw.arm(unit(number)) for number in range(50)]
    assert all(arm.on == {"d", "new"} for arm in arms)
    assert arms[0].chances == {"d": Chance("enforce", 1.0, 1), "new": Chance("enforce", 1.0, 1)}
    assert {len(free.arm(unit(number)).on) for number in range(50)} == {0, 1}


def test_the_kill_switch_is_stronger_than_the_route() -> None:
    killed = Rollout({"d": enforce()}, {"d": enforce()}, frozenset("d"))
    arm = Draw(killed, frozenset()).arm(unit(1))
    assert not arm.on
    assert arm.chances["d"].weight == 0.0


def test_shadow_and_off_touch_nobody() -> None:
    rows = {"shadow": Row("shadow", "shadow"), "off": Row("off", "off")}
    arm = Draw(table(**rows), frozenset()).arm(unit(1))
    assert not arm.on
    assert {name: chance.mode for name, chance in arm.chances.items()} == {"shadow": "shadow", "off": "off"}


def test_a_given_arm_was_not_drawn() -> None:
    draw = Draw(table(a=enforce(), b=canary(0.5, "b", epoch=4)), frozenset())
    arm = draw.given(frozenset("b"))
    assert arm.on == {"b"}
    assert arm.chances == {"a": Chance("enforce", 0.0, 1), "b": Chance("canary", 1.0, 4)}
