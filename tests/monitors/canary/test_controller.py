"""The controller over a real table and a real file: what survives, who decides, what it leaves alone."""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from gateway.canary_settings import Step
from gateway.errors import InvalidRequestError, RolloutRefusedError
from gateway.rollout import Change, Row
from monitors.canary.controller import LEAD
from monitors.canary.store import NotLeadingError
from tests.monitors.canary.tables import SETTINGS, Killed, World, plan


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    made = World(tmp_path, plan())
    yield made
    made.close()


async def to_the_end(world: World, process: str = "one", harm: float = 1.0, turns: int = 60) -> list[str]:
    """Go on until the run has ended; the decisions. A process that dies is followed by another."""
    controller = world.controller(process)
    for turn in range(turns):
        try:
            await controller.turn()
        except Killed:
            world.deadly.left = None
            world.clock.now += LEAD + 1  # until the dead one's lead is over
            controller = world.controller(f"{process}{turn}")
            continue
        if controller.courses["new"].state.ended:
            break
        world.traffic(controller, 60, harm=harm)
        world.clock.now += 5
    return [logged.transition.decision for logged in controller.history("new") if logged.done]


async def test_a_run_to_its_end(world: World) -> None:
    assert await to_the_end(world) == ["start", "advance", "advance", "promote"]
    assert (world.row.mode, world.row.lease, world.row.share) == ("enforce", None, 1.0)


async def test_harm_ends_it(world: World) -> None:
    decisions = await to_the_end(world, harm=4.0)
    assert decisions[-1] == "roll_back"
    assert (world.row.mode, world.row.weight) == ("canary", 0.0)


@pytest.mark.parametrize("harm", [1.0, 4.0])
async def test_wherever_it_is_killed_another_goes_on(tmp_path: Path, harm: float) -> None:
    whole = World(tmp_path, plan())
    decisions = await to_the_end(whole, harm=harm)
    whole.close()
    for killed in range(8 * len(decisions)):
        folder = tmp_path / str(killed)
        folder.mkdir()
        world = World(folder, plan())
        world.deadly.left = killed
        assert await to_the_end(world, harm=harm) == decisions
        world.deadly.left = None
        assert (world.row.mode, world.row.share) == (whole.row.mode, whole.row.share)
        world.close()


async def test_one_decides_and_the_other_follows(world: World) -> None:
    first, second = world.controller("first"), world.controller("second")
    await first.turn()
    await second.turn()
    assert (first.leading, second.leading) == (True, False)
    assert second.courses["new"].state == first.courses["new"].state
    with pytest.raises(NotLeadingError):
        await second.order("new", "abort", "ana", "why not")
    world.clock.now += LEAD + 1
    await second.turn()
    assert second.leading
    # The first one does not know yet; what it writes is refused, so that it decides nothing.
    first._lead_until = world.clock.now + 1000
    with pytest.raises(NotLeadingError):
        await first.order("new", "abort", "bo", "too late")
    assert len(second.history("new")) == 1


async def test_the_gateway_keeps_another_controller_out(world: World) -> None:
    controller = world.controller("one")
    await controller.turn()
    assert world.row.weight == 0.25
    theirs = Change(
        world.switchboard.rollout.version, "them", "a second installation",
        [("new", Row("canary", "", 0.9, epoch=world.row.epoch))], holder="them", seconds=60,
    )  # fmt: skip
    with pytest.raises(RolloutRefusedError, match="leased to 'us'"):
        await world.switchboard.apply(theirs)
    await world.switchboard.apply(replace(theirs, holder="", seconds=0))
    assert world.row.weight == 0.9, "a person's word counts"


async def test_a_row_that_somebody_changed_is_left_alone(world: World) -> None:
    controller = world.controller("one")
    await controller.turn()
    change = Change(
        world.switchboard.rollout.version, "ana", "stop that", [("new", Row("canary", "", 0.0, epoch=0))]
    )
    await world.switchboard.apply(change)
    for _ in range(50):
        world.clock.now += 10
        await controller.turn()
    assert world.row.weight == 0
    assert controller.courses["new"].state.held == "table"
    await controller.order("new", "resume", "ana", "go on")
    assert world.row.weight == 0.25


async def test_what_fell_with_its_lease_is_put_back_by_who_comes_back(world: World) -> None:
    await world.controller("one").turn()
    assert world.row.weight == 0.25
    world.clock.now += 10_000
    await world.table.read()
    assert world.row.weight == 0, "nobody watched"
    await world.controller("two").turn()
    assert (world.row.weight, world.row.lease is not None) == (0.25, True)


async def test_a_kill_switch_keeps_it_where_it_is(world: World) -> None:
    controller = world.controller("one")
    await controller.turn()
    await world.switchboard.switch("new", True, "ana", "fire")
    for _ in range(100):
        world.clock.now += 50
        await controller.turn()
    state = controller.courses["new"].state
    assert (state.held, state.stage, state.weight) == ("kill_switch", "step", 0.25)


async def test_silence_under_traffic_holds_and_then_ends_it(world: World) -> None:
    controller = world.controller("one")
    await controller.turn()
    world.traffic(controller, 30)
    await controller.turn()
    assert world.row.weight == 0.25
    seen = []
    for _ in range(50):
        world.table.offered += 10
        world.clock.now += 20
        await controller.turn()
        seen.append(controller.courses["new"].state)
    assert not any(state.weight > 0.25 for state in seen)
    assert {state.stage for state in seen} == {"step", "invalid"}
    assert world.row.weight == 0


async def test_without_traffic_there_is_no_alarm(world: World) -> None:
    controller = world.controller("one")
    for _ in range(20):
        await controller.turn()
        world.clock.now += 40
    assert controller.courses["new"].state.held == ""


async def test_what_was_rolled_back_needs_an_override(world: World) -> None:
    controller = world.controller("one")
    await controller.turn()
    await controller.order("new", "abort", "ana", "no")
    for _ in range(20):
        world.clock.now += 100
        await controller.turn()
    assert controller.courses["new"].state.stage == "rolled_back", "nothing begins by itself"
    with pytest.raises(RolloutRefusedError, match="was rolled back in run 1"):
        await controller.order("new", "start", "ana", "again")
    assert len(controller._store.runs()) == 1
    await controller.order("new", "start", "ana", "again", override=True)
    assert (world.row.weight, world.row.epoch) == (0.25, 3)


async def test_another_configuration_begins_anew_after_its_cool_down(world: World) -> None:
    controller = world.controller("one")
    await controller.turn()
    await controller.order("new", "abort", "ana", "no")
    world.clock.now += LEAD + 1
    other = world.controller("two", plan(digest="d2"))
    await other.turn()
    assert other.courses["new"].state.stage == "draft", "it cools down"
    world.clock.now += SETTINGS.cool_down
    await other.turn()
    assert (other.courses["new"].state.stage, other.courses["new"].opened.digest) == ("step", "d2")


async def test_a_configuration_that_changed_midway_starts_over_from_nothing(world: World) -> None:
    first = world.controller("one")
    await first.turn()
    world.traffic(first, 100)
    world.clock.now += LEAD + 1
    other = world.controller("two", plan(digest="d2"))
    await other.turn()
    assert world.row.weight == 0, "the new one must not begin where the old one was"
    await other.turn()
    assert other.courses["new"].state.stage == "step"
    assert all(not one.treated for one in other.courses["new"].facts.readings), "its evidence begins anew"


async def test_a_ramp_that_changed_midway_starts_over(world: World) -> None:
    first = world.controller("one")
    await first.turn()
    world.clock.now += LEAD + 1
    steps = (Step(weight=0.9, margin=2.0),)
    other = world.controller("two", plan(replace(SETTINGS, steps=steps)))
    await other.turn()
    assert (other.courses["new"].state.stage, world.row.weight) == ("invalid", 0.0)


async def test_orders_that_mean_nothing_are_refused(world: World) -> None:
    controller = world.controller("one")
    await controller.turn()
    with pytest.raises(InvalidRequestError, match="known: new"):
        await controller.order("old", "abort", "ana", "x")
    with pytest.raises(RolloutRefusedError, match="step already"):
        await controller.order("new", "start", "ana", "x", override=True)
    with pytest.raises(RolloutRefusedError, match="not paused"):
        await controller.order("new", "resume", "ana", "x")
    await controller.order("new", "pause", "ana", "x")
    with pytest.raises(RolloutRefusedError, match="already"):
        await controller.order("new", "pause", "ana", "x")
    world.traffic(controller, 400)
    world.clock.now += 500
    await controller.turn()
    assert controller.courses["new"].state.weight == 0.25, "a pause keeps the weight"
    await controller.order("new", "resume", "ana", "x")
    await controller.order("new", "promote", "ana", "x")
    assert world.row.share == 1
    await controller.order("new", "promote", "ana", "x")
    with pytest.raises(RolloutRefusedError, match="start it"):
        await controller.order("new", "abort", "ana", "x")


async def test_nothing_that_was_decided_can_be_changed(world: World) -> None:
    await world.controller("one").turn()
    for statement in ("DELETE FROM log", "UPDATE log SET actor = 'me'", "DELETE FROM runs"):
        with pytest.raises(Exception, match="stays as it is"):
            world.stores[0]._base.execute(statement)
