"""The comparison of leaks, for this gateway alone; the others are not installed for a test."""

import pytest

from benchmarks import leaks


@pytest.mark.slow
async def test_nothing_gets_out_of_this_gateway() -> None:
    results = await leaks.measure(["crossrisk"])
    bare = results.pop("no guard")
    assert set(results) == {"CrossRisk, redact", "CrossRisk, block"}
    for case, got in zip(leaks.CASES, bare, strict=True):
        assert got is not None
        if case.secret:
            assert leaks.leaked(got.text, leaks.SECRETS[case.secret]) == len(leaks.SECRETS[case.secret])
    for delivered in results.values():
        for case, got in zip(leaks.CASES, delivered, strict=True):
            assert got is not None
            if case.secret:
                assert leaks.leaked(got.text, leaks.SECRETS[case.secret], leaks.Case("", "", 1).text) == 0, (
                    case
                )
            else:
                assert leaks.expected(case.channel, got.text), case
    assert "not carried" not in leaks.table({"no guard": bare, **results})
