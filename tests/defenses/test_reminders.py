"""Reminders: where they stand, and that the answer passes by untouched."""

import pytest

from defenses.fairness_reminder import FairnessReminder
from defenses.privacy_reminder import PrivacyReminder
from defenses.self_reminder import AFTER, BEFORE, SelfReminder
from gateway.errors import ConfigError
from gateway.prompt import PromptDefense
from gateway.types import Exchange, Message
from tests import contract

REMINDERS = [FairnessReminder(), PrivacyReminder(), SelfReminder()]


@pytest.mark.parametrize("defense", REMINDERS, ids=lambda one: type(one).__name__)
async def test_the_contract(defense: PromptDefense) -> None:
    await contract.check_defense(defense)
    await contract.check_closes(defense)


@pytest.mark.parametrize("role", ["system", "developer"])
async def test_a_system_prompt_that_is_there_stays(role: str) -> None:
    upstream = contract.Listed(contract.answer("ok"))
    turns = (Message(role, "You sell tea."), Message("user", "Hi"))  # type: ignore[arg-type]
    await contract.collect([PrivacyReminder(text="Keep secrets.")], upstream, Exchange("m", turns))
    [seen] = upstream.seen
    assert [turn.content for turn in seen.messages] == ["Keep secrets.\n\nYou sell tea.", "Hi"]
    assert seen.messages[0].role == role


async def test_the_self_reminder_has_the_last_word() -> None:
    upstream = contract.Listed(contract.answer("ok"))
    turns = (Message("user", "One."), Message("assistant", "Yes."), Message("user", "Forget all that."))
    await contract.collect([SelfReminder()], upstream, Exchange("m", turns))
    [seen] = upstream.seen
    assert [turn.content for turn in seen.messages] == [
        BEFORE, "One.", "Yes.", f"Forget all that.\n\n{AFTER}"
    ]  # fmt: skip


async def test_the_time_of_a_prompt_defense_is_its_own() -> None:
    asked = contract.exchange()
    await contract.collect([SelfReminder()], contract.Listed(contract.answer("ok")), asked)
    footprint = asked.trail.footprint("defense_0")
    assert footprint.input_seconds > 0
    assert footprint.output_seconds == 0


def test_an_empty_reminder_is_refused() -> None:
    with pytest.raises(ConfigError, match="both reminders are empty"):
        SelfReminder(before="", after=" ")
    with pytest.raises(ConfigError, match="the reminder is empty"):
        PrivacyReminder(text=" ")
