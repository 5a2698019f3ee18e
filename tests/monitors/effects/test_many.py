import itertools
import math

from hypothesis import given, settings
from hypothesis import strategies as st

from monitors.effects.many import e_bh, e_holm

EVALUES = st.dictionaries(st.integers(0, 30), st.floats(-5, 12), max_size=8)


def test_by_hand() -> None:
    logs = {name: math.log(value) for name, value in {"a": 81, "b": 59, "c": 41, "d": 2}.items()}
    assert e_holm(logs) == {"a"}  # 80 is reached, 60 is not, so 40 no longer counts
    assert e_bh(logs) == {"a", "b", "c"}  # the third needs only 80 / 3
    assert e_holm({}) == e_bh({}) == frozenset()


@settings(max_examples=60, deadline=None)
@given(EVALUES)
def test_holm_is_closed_testing_by_the_plainest_rule(logs: dict[int, float]) -> None:
    # A name is rejected when every set it belongs to has a member beyond that set's Bonferroni bound.
    names = list(logs)
    expected = set()
    for name in names:
        sets = (
            (name, *others)
            for size in range(len(names))
            for others in itertools.combinations([other for other in names if other != name], size)
        )
        if all(max(logs[member] for member in chosen) >= math.log(len(chosen) / 0.05) for chosen in sets):
            expected.add(name)
    assert e_holm(logs) == expected


@settings(max_examples=60, deadline=None)
@given(EVALUES)
def test_what_is_decided_is_also_shown(logs: dict[int, float]) -> None:
    assert e_holm(logs) <= e_bh(logs)
