"""The table across restarts, crashes, clocks and processes."""

import asyncio
import contextlib
import json
import shutil
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

from gateway.chain import Layer
from gateway.errors import ConfigError, NotSavedError, RolloutRefusedError, StaleRolloutError
from gateway.rollout import Row
from gateway.rollout_file import RolloutFile
from gateway.switchboard import LOOK, Switchboard
from tests.rollouts import canary, change, enforce, keep, signs

LAYERS = signs(guard=enforce(), new=canary(0.1))
FREE = [frozenset(("guard",))]


class Clock:
    """A monotonic clock that a test sets."""

    def __init__(self) -> None:
        self.now = time.monotonic()

    def __call__(self) -> float:
        return self.now


def board(folder: Path, layers: list[Layer] = LAYERS, **more: Any) -> Switchboard:
    return Switchboard(layers, more.pop("free", FREE), RolloutFile(folder), **more)


def audit(folder: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in (folder / "rollout.audit.jsonl").read_text().splitlines()]


async def test_the_table_outlives_the_process(tmp_path: Path) -> None:
    first = board(tmp_path)
    assert first.rollout.version == 1
    await first.apply(change(1, ("new", keep(canary(0.5))), ("guard", keep(enforce(0.02)))))
    await first.apply(change(2, ("new", Row("canary", "salted", 0.5, epoch=3)), redraw=True))
    await first.switch("guard", True, "bo", "eats order numbers")
    assert board(tmp_path).rollout == first.rollout
    assert first.rollout.killed == {"guard"}
    assert first.rollout.rows["new"] == Row("canary", "salted", 0.5, epoch=3)


async def test_every_change_is_in_the_audit_with_who_and_why(tmp_path: Path) -> None:
    running = board(tmp_path)
    await running.apply(change(1, ("new", keep(canary(0.5)))))
    await running.switch("guard", True, "bo", "eats order numbers")
    with pytest.raises(StaleRolloutError):
        await running.apply(change(1, ("new", keep(canary(0.9)))))
    start, applied, killed = audit(tmp_path)
    assert (start["event"], start["version"]) == ("start", 1)
    assert (applied["event"], applied["version"], applied["actor"], applied["reason"]) == (
        "apply", 2, "ana", "a test",
    )  # fmt: skip
    assert applied["changes"]["new"]["from"]["weight"] == 0.1
    assert applied["changes"]["new"]["to"]["weight"] == 0.5
    assert (killed["event"], killed["version"], killed["actor"]) == ("kill", 3, "bo")
    assert killed["changes"] == {"guard": {"killed": True}}
    assert (tmp_path / "rollout.audit.jsonl").stat().st_mode & 0o777 == 0o600
    assert (tmp_path / "rollout.json").stat().st_mode & 0o777 == 0o600


async def test_of_many_at_once_one_wins(tmp_path: Path) -> None:
    running = board(tmp_path)
    changes = [running.apply(change(1, ("new", keep(canary(n / 100))))) for n in range(20)]
    results = await asyncio.gather(*changes, return_exceptions=True)
    assert sum(isinstance(result, StaleRolloutError) for result in results) == 19
    assert running.rollout.version == 2
    assert board(tmp_path).rollout == running.rollout


@pytest.mark.parametrize("where", ["os.replace", "os.fsync"])
async def test_a_crash_while_it_is_written_leaves_the_old_table(tmp_path: Path, where: str) -> None:
    running = board(tmp_path)
    await running.apply(change(1, ("new", keep(canary(0.5)))))
    program = f"""
import asyncio, os
from pathlib import Path
from tests.gateway.test_switchboard import board
from tests.rollouts import canary, change, keep
running = board(Path({str(tmp_path)!r}))
{where} = lambda *_: os._exit(9)
asyncio.run(running.apply(change(2, ("new", keep(canary(0.9))))))
"""
    crashed = await asyncio.to_thread(subprocess.run, [sys.executable, "-c", program], check=False)
    assert crashed.returncode == 9
    after = board(tmp_path)
    assert after.rollout == running.rollout
    await after.apply(change(2, ("new", keep(canary(0.7)))))
    assert board(tmp_path).rollout.rows["new"].weight == 0.7


@pytest.mark.parametrize(
    "damage",
    [
        lambda text: "{",
        lambda text: text[: len(text) // 2],
        lambda text: text.replace("0.1", "1.5"),
        lambda text: text.replace('"version"', '"verzion"'),
        lambda text: text.replace('"canary"', '"sometimes"'),
        lambda text: text.replace('"killed": []', '"killed": [7]'),
    ],
)
def test_a_damaged_table_is_not_guessed_at(tmp_path: Path, damage: Any) -> None:
    board(tmp_path)
    path = tmp_path / "rollout.json"
    broken = damage(path.read_text())
    assert broken != path.read_text()
    path.write_text(broken)
    with pytest.raises(
        ConfigError, match=r"rollout\.json: the saved rollout is unreadable; mend or remove it"
    ):
        board(tmp_path)


async def test_what_cannot_be_saved_is_not_applied_but_a_kill_is(tmp_path: Path) -> None:
    folder = tmp_path / "run"
    folder.mkdir()
    running = board(folder)
    shutil.rmtree(folder)
    with pytest.raises(NotSavedError, match="version 2 cannot be saved"):
        await running.apply(change(1, ("new", keep(canary(0.5)))))
    assert running.rollout.version == 1
    with pytest.raises(NotSavedError, match="holds in this process"):
        await running.switch("guard", True, "bo", "burns")
    assert running.rollout.killed == {"guard"}


async def test_a_caller_that_leaves_does_not_part_file_and_table(tmp_path: Path) -> None:
    running = board(tmp_path)
    for weight in range(1, 30):
        leaving = asyncio.create_task(
            running.apply(change(running.rollout.version, ("new", keep(canary(weight / 100)))))
        )
        await asyncio.sleep(0.0002 * (weight % 7))
        leaving.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await leaving
        await running.switch("guard", bool(weight % 2), "bo", "waits for the change before it")
        assert board(tmp_path).rollout == running.rollout


async def test_a_lease_runs_out_without_its_holder(tmp_path: Path) -> None:
    clock = Clock()
    running = board(tmp_path, grace=5.0, clock=clock)
    await running.apply(change(1, ("new", keep(canary(0.5))), holder="controller", seconds=10.0))
    watching = asyncio.create_task(running.run())
    try:
        clock.now += 14.9
        await asyncio.sleep(2 * LOOK)
        assert running.rollout.rows["new"].weight == 0.5
        await running.renew("controller", 10.0)
        clock.now += 14.9
        await asyncio.sleep(2 * LOOK)
        assert running.rollout.rows["new"].weight == 0.5
        clock.now += 0.2
        await asyncio.sleep(2 * LOOK)
        assert running.rollout.rows["new"] == Row("canary", "new", 0.0)
        assert running.rollout.version == 3
        assert running.expired == {"new": 1}
    finally:
        watching.cancel()
    assert board(tmp_path).rollout == running.rollout
    assert (audit(tmp_path)[-1]["event"], audit(tmp_path)[-1]["actor"]) == ("expire", "gateway")
    with pytest.raises(RolloutRefusedError):
        await running.renew("controller", 10.0)


async def test_a_lease_that_ran_out_while_the_gateway_was_away(tmp_path: Path) -> None:
    running = board(tmp_path, grace=0.0)
    await running.apply(change(1, ("new", keep(canary(0.5))), holder="controller", seconds=0.2))
    assert board(tmp_path, grace=60.0).rollout.rows["new"].weight == 0.5
    await asyncio.sleep(0.25)
    later = board(tmp_path, grace=0.0)
    assert (later.rollout.rows["new"].weight, later.rollout.version) == (0.0, 3)


async def test_a_clock_set_back_lends_nobody_time(tmp_path: Path) -> None:
    running = board(tmp_path)
    await running.apply(change(1, ("new", keep(canary(0.5))), holder="controller", seconds=10.0))
    path = tmp_path / "rollout.json"
    saved = json.loads(path.read_text())
    saved["rows"]["new"]["lease"]["ends"] += 86_400
    path.write_text(json.dumps(saved))
    lease = board(tmp_path).rollout.rows["new"].lease
    assert lease is not None
    assert lease.until <= time.monotonic() + 10.0


async def test_the_last_word_wins_between_file_and_table(tmp_path: Path) -> None:
    running = board(tmp_path)
    applied = change(
        1, ("new", Row("canary", "salted", 0.5, epoch=2)), ("guard", keep(enforce(0.02))), redraw=True
    )
    await running.apply(applied)
    again = board(tmp_path, signs(guard=enforce(), new=canary(0.2)))
    assert again.rollout.rows["new"] == Row("canary", "salted", 0.2, epoch=2), "the draw is kept"
    assert again.rollout.rows["guard"].holdback == 0.02, "its entry has not changed"
    assert again.rollout.version == 3
    assert audit(tmp_path)[-1]["event"] == "configure"
    assert board(tmp_path, signs(guard=enforce(), new=canary(0.2))).rollout == again.rollout


async def test_a_permission_that_is_withdrawn_holds_from_the_start(tmp_path: Path) -> None:
    running = board(tmp_path)
    await running.apply(change(1, ("guard", keep(canary(0.5)))))
    after = board(tmp_path, free=[frozenset()])
    assert after.rollout.rows["guard"] == enforce(salt="guard")
    assert after.rollout.version == 3


async def test_a_kill_switch_outlives_a_defense_that_comes_and_goes(tmp_path: Path) -> None:
    await board(tmp_path).switch("guard", True, "bo", "burns")
    board(tmp_path, signs(new=canary(0.1)))
    assert board(tmp_path).rollout.killed == {"guard"}


async def test_others_follow_the_file(tmp_path: Path) -> None:
    running = board(tmp_path)
    other = board(tmp_path, follows=True)
    following = asyncio.create_task(other.run())
    try:
        for weight in (0.2, 0.4, 0.6):
            version = running.rollout.version
            await running.apply(change(version, ("new", keep(canary(weight))), holder="c", seconds=60.0))
            await asyncio.sleep(2 * LOOK)
            assert other.rollout.version == running.rollout.version
            assert other.rollout.share("new") == weight
        (tmp_path / "rollout.json").write_text("{")
        await asyncio.sleep(2 * LOOK)
        assert other.rollout.share("new") == 0.6, "a broken file changes nothing"
        await running.switch("new", True, "bo", "burns")
        await asyncio.sleep(2 * LOOK)
        assert other.rollout.killed == {"new"}
    finally:
        following.cancel()


async def test_those_who_follow_let_leases_run_out_by_themselves(tmp_path: Path) -> None:
    clock = Clock()
    running = board(tmp_path, grace=0.0)
    await running.apply(change(1, ("new", keep(canary(0.5))), holder="c", seconds=10.0))
    other = board(tmp_path, grace=0.0, follows=True, clock=clock)
    following = asyncio.create_task(other.run())
    clock.now += 11.0
    await asyncio.sleep(2 * LOOK)
    following.cancel()
    assert (other.rollout.share("new"), other.rollout.version) == (0.0, 3)
    assert len(audit(tmp_path)) == 2, "only the owner writes"
