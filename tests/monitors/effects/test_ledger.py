from collections.abc import Sequence

import msgspec
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from monitors.effects.ledger import COLUMNS, MAX_ROWS, SCALE, Column, Ledger, LedgerState, Row

MEASURES = ("leak", "tone")
ROWS = st.builds(
    Row,
    st.sampled_from([("a",), ("b",)]),
    st.sampled_from([(0.1,), (0.5,)]),
    st.sampled_from(["en", "de"]),
    st.integers(0, 1),
)
ENTRIES = st.lists(st.tuples(ROWS, st.integers(0, 2 * COLUMNS - 1), st.integers(0, SCALE**2)), max_size=6)


def ledger(entries: Sequence[tuple[Row, int, int]]) -> Ledger:
    made = Ledger(MEASURES)
    for row, place, amount in entries:
        amounts = np.zeros(2 * COLUMNS, np.int32)
        amounts[place] = amount
        found = made.row(row)
        assert found is not None
        made.add([found], amounts)
        made.add_pair(row.defenses, place % 2, place % 4)
    return made


def merged(*parts: Sequence[tuple[Row, int, int]]) -> Ledger:
    total = Ledger(MEASURES)
    for part in parts:
        total.merge(ledger(part))
    return total


@settings(max_examples=50, deadline=None)
@given(ENTRIES, ENTRIES, ENTRIES)
def test_merging_is_counting_in_any_order(
    first: list[tuple[Row, int, int]],
    second: list[tuple[Row, int, int]],
    third: list[tuple[Row, int, int]],
) -> None:
    whole = ledger([*first, *second, *third])
    assert merged(first, second, third) == merged(third, first, second) == whole
    left = ledger(first)
    left.merge(merged(second, third))
    assert left == whole


@settings(max_examples=50, deadline=None)
@given(ENTRIES)
def test_a_ledger_survives_being_written_down(entries: list[tuple[Row, int, int]]) -> None:
    before = ledger(entries)
    for codec in (msgspec.json, msgspec.msgpack):
        again = Ledger.from_state(codec.decode(codec.encode(before.state()), type=LedgerState))
        assert again == before


def test_sums_outgrow_what_one_addition_may_be() -> None:
    made, amounts = Ledger(MEASURES), np.full(2 * COLUMNS, SCALE**2, np.int32)
    place = made.row(Row(("a",), (0.1,), "en", 1))
    assert place is not None
    for _ in range(5000):
        made.add([place], amounts)
    assert made.counts(("a",)).column(Column.YY, 1)[0].tolist() == [5000 * SCALE**2]


def test_strata_are_added_up_or_read_one_by_one() -> None:
    rows = [Row(("a",), (0.1,), stratum, 1) for stratum in ("en", "de")]
    made = ledger([(rows[0], Column.UNITS, 3), (rows[1], Column.UNITS, 4)])
    assert made.counts(("a",)).column(Column.UNITS, 1)[0].tolist() == [7]
    assert made.counts(("a",), "de").column(Column.UNITS, 1)[0].tolist() == [4]
    assert made.strata(("a",)) == ["de", "en"]


def test_ledgers_of_other_measures_do_not_merge() -> None:
    with pytest.raises(ValueError, match="do not add up"):
        Ledger(MEASURES).merge(Ledger(["other", "tone"]))


def test_rows_are_bounded() -> None:
    made = Ledger(["leak"])
    for place in range(MAX_ROWS):
        made.row(Row(("a",), (0.5,), str(place), 0))
    assert made.row(Row(("a",), (0.5,), "another", 0)) is None
    assert made.row(Row(("a",), (0.5,), "7", 0)) is not None
    assert made.left_out == 1
