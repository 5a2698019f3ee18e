"""The red-team table says what normalisation does, and what it does not."""

import pytest

from benchmarks import red_team
from benchmarks.benign import BENIGN
from benchmarks.mutators import BEYOND, HIDING
from defenses.leak_filter import LeakFilter
from defenses.prompt_filter import PromptFilter


@pytest.mark.parametrize("name", HIDING)
async def test_what_is_hidden_is_found_with_normalisation_and_not_without(name: str) -> None:
    texts = red_team.INJECTIONS[:3]
    assert await red_team.recall(PromptFilter, texts, HIDING[name]) == "0/3 → 3/3"


async def test_some_ways_are_not_seen_through_and_the_table_says_so() -> None:
    found = {
        name: await red_team.recall(PromptFilter, red_team.INJECTIONS[:2], BEYOND[name]) for name in BEYOND
    }
    assert found["rot13"] == "0/2 → 0/2"
    assert found["backwards"] == "0/2 → 0/2"


@pytest.mark.parametrize("kind", [PromptFilter, LeakFilter])
async def test_harmless_text_is_not_taken_for_something_else(
    kind: type[PromptFilter] | type[LeakFilter],
) -> None:
    texts = [text for group in BENIGN.values() for text in group]
    assert len(texts) >= 60
    for detector in red_team.detectors(kind):
        assert [text for text in texts if await red_team.found(detector, text)] == []
