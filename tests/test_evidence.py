"""Evidence end to end: a real gateway, real monitors that ask it for replays, a real Prometheus text."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from gateway.commands.demo import Samples, scrape, total
from tests import gateways
from tests.servers import Addresses, counted, running, scripted

SCRIPT = [
    {"match": "Keep what you are told", "text": "I keep it to myself."},
    {"match": ".*", "text": "Write to ada@example.org today."},
]
DEFENSES = [
    {"use": "defenses.prompt_filter:PromptFilter", "phrases": ["gay agenda"]},
    {"use": "defenses.privacy_reminder:PrivacyReminder", "text": "Keep what you are told."},
    {"use": "defenses.leak_filter:LeakFilter"},
]
EVERYTHING = {"leave_out": 1, "swaps": 1, "swapped_answers": 1, "per_second": 1000, "tokens_per_second": 1e6}


@asynccontextmanager
async def serving(folder: Path, **sections: Any) -> AsyncIterator[tuple[gateways.Gateway, str, Addresses]]:
    """A gateway, the address of its monitors' metrics, and its model."""
    async with scripted(SCRIPT) as model:
        upstream = gateways.openai_upstream(model.http)
        path = gateways.write_config(folder, [upstream], **sections)
        options = ("--config", str(path), "--ready-json", "--with-parent")
        async with (
            running("gateway", "monitors", *options) as watching,
            running("gateway", "gateway", *options) as ready,
        ):
            gateway = gateways.Gateway(
                ready["grpc"], ready["http"], ready["metrics"], ready["control"], folder
            )
            yield gateway, f"http://{watching['monitor_metrics']}/metrics", model


async def until(url: str, name: str, least: float, **labels: str) -> Samples:
    """Scrape until the samples that fit add up to `least`."""
    async with asyncio.timeout(60):
        while True:
            samples = await scrape(url)
            if total(samples, name, **labels) >= least:
                return samples
            await asyncio.sleep(0.1)


@pytest.mark.slow
async def test_leaving_a_defense_out_shows_what_it_did(tmp_path: Path) -> None:
    defenses = [DEFENSES[0], DEFENSES[2]]
    leak = {"measure": "new_personal_data", "defense": "leak_filter"}
    async with serving(tmp_path, defenses=defenses, replay=EVERYTHING) as (gateway, metrics, model):
        for number in range(30):
            await gateways.post(gateway.chat, gateways.body(f"Whom do I ask, number {number}?"))
        samples = await until(metrics, "crossrisk_replay_compared_total", 30, kind="leave_out")
        samples = await until(metrics, "crossrisk_effect_replayed_pairs", 10, **leak)
        before = await counted(model, started=30)
        assert before["started"] == 30, "the answers were known, so the model was not asked again"
    assert total(samples, "crossrisk_replay_pairs_total", change="better", **leak) > 0
    assert total(samples, "crossrisk_replay_pairs_total", change="worse", **leak) == 0
    other = {"measure": "new_personal_data", "defense": "prompt_filter"}
    assert total(samples, "crossrisk_replay_pairs_total", change="same", **other) > 0
    assert total(samples, "crossrisk_replay_pairs_total", change="better", **other) == 0
    assert total(samples, "crossrisk_records_total") == 30, "a replay is no traffic"
    assert total(samples, "crossrisk_effect_ratio_bound", bound="upper", **leak) < 1


@pytest.mark.slow
async def test_a_verdict_that_hangs_on_the_group_is_found(tmp_path: Path) -> None:
    async with serving(tmp_path, defenses=DEFENSES, replay=EVERYTHING) as (gateway, metrics, _):
        for number in range(8):
            await gateways.post(gateway.chat, gateways.body(f"Is there a gay agenda, part {number}?"))
        samples = await until(metrics, "crossrisk_replay_compared_total", 8, kind="swap")
        samples = await until(metrics, "crossrisk_replay_compared_total", 8, kind="swapped_answer")
    filtered = {"defense": "prompt_filter", "attribute": "sexual_orientation"}
    assert total(samples, "crossrisk_swap_verdicts_total", change="better", **filtered) == 8
    assert total(samples, "crossrisk_swap_verdicts_total", change="same", defense="leak_filter") == 8
    refused = total(samples, "crossrisk_swap_gap_sum_total", measure="refusal", pair="swap")
    assert refused == 8, "the prompt that names the group is turned away, the other is not"
    assert total(samples, "crossrisk_swap_gap_sum_total", measure="refusal", pair="rerun") == 0


@pytest.mark.slow
async def test_the_budget_holds_and_traffic_comes_first(tmp_path: Path) -> None:
    spare = {**EVERYTHING, "per_second": 1, "swaps": 0, "swapped_answers": 0}
    async with serving(tmp_path, defenses=DEFENSES, replay=spare) as (gateway, metrics, model):
        started = asyncio.get_running_loop().time()
        for number in range(20):
            await gateways.post(gateway.chat, gateways.body(f"Hello, number {number}."))
        await until(metrics, "crossrisk_replay_compared_total", 3, kind="leave_out")
        seconds = asyncio.get_running_loop().time() - started
        mine = await gateway.samples()
        assert total(mine, "crossrisk_replays_total", outcome="done") <= seconds + 2
        assert total(mine, "crossrisk_exchanges_total", outcome="completed") == 20
        assert (await counted(model, started=20))["started"] >= 20


@pytest.mark.slow
async def test_the_evidence_survives_a_restart_of_the_monitors(tmp_path: Path) -> None:
    replay = {**EVERYTHING, "swaps": 0, "swapped_answers": 0}
    async with scripted(SCRIPT) as model:
        upstream = gateways.openai_upstream(model.http)
        path = gateways.write_config(tmp_path, [upstream], defenses=[DEFENSES[2]], replay=replay)
        options = ("--config", str(path), "--ready-json", "--with-parent")
        async with running("gateway", "gateway", *options) as ready:
            pairs = {}
            for life in range(2):
                async with running("gateway", "monitors", *options) as watching:
                    url = f"http://{watching['monitor_metrics']}/metrics"
                    for number in range(5 * (1 - life)):
                        chat = f"http://{ready['http']}/v1/chat/completions"
                        await gateways.post(chat, gateways.body(f"Hello, number {number}."))
                    samples = await until(
                        url, "crossrisk_effect_replayed_pairs", 5, measure="new_personal_data"
                    )
                    pairs[life] = total(
                        samples, "crossrisk_effect_replayed_pairs", measure="new_personal_data"
                    )
    assert pairs == {0: 5, 1: 5}
