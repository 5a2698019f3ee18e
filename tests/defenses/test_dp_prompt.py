"""Metric differential privacy: the bound, the ledger, and what becomes of a prompt."""

import asyncio
import re
import subprocess
import sys
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from math import exp, log
from pathlib import Path

import pytest

from defenses.dp_prompt import AGES, EXHAUSTED, DpPrompt, _candidates, distances, probabilities, sensitive
from gateway.chain import Layer
from gateway.engine import Engine, Route
from gateway.errors import ConfigError
from gateway.ledger import DAY, EpsilonLedger
from gateway.metrics import GatewayMetrics
from gateway.types import Exchange, Finding, Finish, Message
from gateway.unit import Units
from tests import contract

PROMPT = "Maria and Anna are Polish. Maria is a 34-year-old Muslim nurse; write to MARIA."
FAITHS = ("buddhist", "christian", "hindu", "jewish", "muslim", "sikh")


def defense(tmp_path: Path, **options: float) -> DpPrompt:
    return DpPrompt(ledger=str(tmp_path / "epsilon.sqlite"), **options)  # type: ignore[arg-type]


async def test_the_contract(tmp_path: Path) -> None:
    await contract.check_defense(defense(tmp_path))
    await contract.check_closes(defense(tmp_path))


@pytest.mark.parametrize("epsilon", [0.5, 3.0, 12.0])
@pytest.mark.parametrize("candidates", [FAITHS, AGES, _candidates("gender", "name")])
def test_no_two_words_differ_by_more_than_their_distance_allows(
    epsilon: float, candidates: tuple[str, ...]
) -> None:
    some = candidates[:: max(len(candidates) // 12, 1)]
    for one in some:
        apart = distances(one, candidates)
        for other in some:
            ratio = probabilities(one, candidates, epsilon) / probabilities(other, candidates, epsilon)
            limit = exp(epsilon * apart[candidates.index(other)])
            assert ratio.max() <= limit * (1 + 1e-9)


def test_the_draws_have_the_chances_and_keep_the_bound(tmp_path: Path) -> None:
    own, draws = defense(tmp_path, epsilon=3.0), 20_000
    seen = {
        word: Counter(own.draw(word, FAITHS) for _ in range(draws)) for word in ("muslim", "jewish", "sikh")
    }
    for word, counts in seen.items():
        chances = probabilities(word, FAITHS, 3.0)
        expected = {one: float(chance) * draws for one, chance in zip(FAITHS, chances, strict=True)}
        chi_square = sum((counts[one] - many) ** 2 / many for one, many in expected.items())
        assert chi_square < 30, (word, counts)  # p < 2e-5 with five degrees of freedom
    for one in seen:
        for other in seen:
            apart = distances(one, FAITHS)[FAITHS.index(other)]
            worst = max(log(seen[one][outcome] / seen[other][outcome]) for outcome in FAITHS)
            assert worst <= 3.0 * apart + 0.15  # noise of so many draws


def test_a_word_without_a_vector_gives_nothing_away() -> None:
    chances = probabilities("Xquenda", FAITHS, 50.0)
    assert max(chances) == pytest.approx(1 / len(FAITHS))


def test_a_large_epsilon_keeps_the_word_and_a_small_one_does_not() -> None:
    place = FAITHS.index("muslim")
    assert probabilities("muslim", FAITHS, 60.0)[place] > 0.99
    assert probabilities("muslim", FAITHS, 0.01)[place] < 0.2


async def test_words_are_drawn_once_and_keep_their_case(tmp_path: Path) -> None:
    upstream = contract.Listed(contract.answer("Dear Maria"))
    asked = contract.exchange(PROMPT)
    deltas = await contract.collect([defense(tmp_path, epsilon=0.01)], upstream, asked)
    assert contract.text_of(deltas) == "Dear Maria", "the answer passes as it is"
    sent = upstream.seen[0].messages[0].content
    first, *_ = sent.split()
    assert sent.endswith(f"write to {first.upper()}.")
    assert sent.count(first) == 2
    found = [(one.label, PROMPT[one.start : one.end]) for one in deltas if isinstance(one, Finding)]
    assert found == [
        ("name", "Maria"), ("name", "Anna"), ("group", "Polish"), ("name", "Maria"), ("age", "34"),
        ("group", "Muslim"), ("name", "MARIA"),
    ]  # fmt: skip
    assert asked.trail.footprint("defense_0").epsilon == pytest.approx(0.01 * 5), "five different words"


async def test_an_exhausted_budget_refuses_and_says_so(tmp_path: Path) -> None:
    own = defense(tmp_path, epsilon=2.0, budget=11.0)
    upstream = contract.Listed(contract.answer("ok"))
    asked = replace(contract.exchange(PROMPT), unit="ab")
    assert contract.text_of(await contract.collect([own], upstream, asked)) == "ok"
    refused = await contract.collect([own], upstream, replace(asked, id="second"))
    [finding] = [delta for delta in refused if isinstance(delta, Finding)]
    assert (finding.label, finding.action) == (EXHAUSTED, "block")
    assert refused[-1] == Finish("content_filter")
    assert upstream.opened == 1, "nothing was sent"
    other = await contract.collect([own], upstream, replace(asked, unit="cd"))
    assert contract.text_of(other) == "ok", "another unit has a budget of its own"
    plain = await contract.collect([own], upstream, replace(contract.exchange("Hello."), unit="ab"))
    assert contract.text_of(plain) == "ok", "what names nobody costs nothing"
    await own.aclose()


def test_the_ledger_is_not_overspent_by_many_at_once(tmp_path: Path) -> None:
    ledger = EpsilonLedger(tmp_path / "l.sqlite", 10.0, 30)
    with ThreadPoolExecutor(8) as pool:
        spent = list(pool.map(lambda _: ledger.spend("unit", 0.25), range(100)))
    assert sum(spent) == 40
    assert ledger.spent("unit") == pytest.approx(10.0)


def test_the_ledger_is_kept_across_restarts_and_processes(tmp_path: Path) -> None:
    file = tmp_path / "l.sqlite"
    script = (
        "import sys; from pathlib import Path; from gateway.ledger import EpsilonLedger\n"
        "ledger = EpsilonLedger(Path(sys.argv[1]), 10.0, 30)\n"
        "print(sum(ledger.spend('unit', 0.5) for _ in range(12)))"
    )
    command = [sys.executable, "-c", script, str(file)]
    running = [subprocess.Popen(command, stdout=subprocess.PIPE, text=True) for _ in range(3)]
    assert sum(int(one.communicate()[0]) for one in running) == 20
    ledger = EpsilonLedger(file, 10.0, 30)
    assert not ledger.spend("unit", 0.5)
    assert ledger.spent("unit") == pytest.approx(10.0)


def test_a_new_period_has_a_new_budget(tmp_path: Path) -> None:
    now = [1000 * DAY]
    ledger = EpsilonLedger(tmp_path / "l.sqlite", 1.0, 10, clock=lambda: now[0])
    assert ledger.spend("unit", 1.0)
    assert not ledger.spend("unit", 0.1)
    now[0] += 10 * DAY
    assert ledger.spend("unit", 1.0)


@pytest.mark.parametrize("name", ["epsilon", "budget", "days"])
@pytest.mark.parametrize("value", [0.0, float("inf"), float("nan")])
def test_senseless_numbers_are_refused(tmp_path: Path, name: str, value: float) -> None:
    with pytest.raises(ConfigError, match=f"{name}: must be above 0 and finite"):
        defense(tmp_path, **{name: value})


async def test_a_ledger_that_cannot_be_used_is_an_error(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("x")
    defense = DpPrompt(ledger=str(tmp_path / "file" / "l.sqlite"))
    with pytest.raises(ConfigError, match="ledger: cannot use"):
        await defense.warm()


def test_other_words_stay() -> None:
    assert sensitive("Black coffee at the White House, chapter 34.") == []


async def test_many_exchanges_of_one_unit_share_its_budget(tmp_path: Path) -> None:
    own = defense(tmp_path, epsilon=1.0, budget=10.0)
    asked = [replace(contract.exchange(PROMPT), unit="ab", id=str(number)) for number in range(6)]
    ended = await asyncio.gather(
        *(contract.collect([own], contract.Listed(contract.answer("ok")), one) for one in asked)
    )
    assert sum(contract.text_of(one) == "ok" for one in ended) == 2
    await own.aclose()


async def test_what_is_spent_is_charged_to_the_unit_and_counted(tmp_path: Path) -> None:
    own = defense(tmp_path, epsilon=1.5)
    layers = [Layer("dp_prompt", own)]
    metrics = GatewayMetrics(layers)
    upstream = contract.Listed(contract.answer("ok"))
    engine = Engine(layers, [Route(("m",), upstream)], Units(("user",), b"key"), metrics, None, 10)
    for user in ("ana", "ana", "ben"):
        asked = Exchange("m", (Message("user", PROMPT),), user=user)
        assert [delta async for delta in engine.serve(asked, {}, "grpc")]
    assert (
        metrics.registry.get_sample_value("crossrisk_epsilon_spent_total", {"defense": "dp_prompt"}) == 22.5
    )
    ana = Units(("user",), b"key").of(Exchange("m", (), user="ana"), {}).hash.hex()
    assert own._account().spent(ana) == pytest.approx(15.0)


async def test_a_word_that_is_drawn_stands_nowhere_any_more(tmp_path: Path) -> None:
    upstream = contract.Listed(contract.answer("ok"))
    said = (
        "Maria is a nurse. Email maria@x.org about maria and MARIA_2, Maria Street 3. She is 34 years old. "
        "Age: 34."
    )
    turns = (
        Message("user", said, name="maria"),
        Message("tool", "row: maria, 34"),
        Message("user", "Mariazell?"),
    )
    await contract.collect([defense(tmp_path, epsilon=0.001)], upstream, Exchange("m", turns))
    sent = " ".join(f"{turn.name} {turn.content}" for turn in upstream.seen[0].messages)
    drawn = upstream.seen[0].messages[0].name
    if drawn != "maria":  # which it may be, as any other
        assert not re.search(r"(?i)(?<![^\W_])maria(?![^\W_])", sent)
    assert sent.lower().count(drawn) >= 6
    assert "Mariazell?" in sent, "another word"


async def test_letters_that_only_match_in_any_case_are_no_way_past_it(tmp_path: Path) -> None:
    upstream = contract.Listed(contract.answer("ok"))
    asked = contract.exchange("Karen met Susan. \u212aaren and \u017fu\u017fan too, KAREN as well.")
    await contract.collect([defense(tmp_path, epsilon=0.001)], upstream, asked)
    sent = upstream.seen[0].messages[0].content
    assert "\u212a" not in sent
    assert "\u017f" not in sent
