"""The bias filter: only sentences that name a group are judged, and asking again has an end."""

from collections.abc import AsyncIterator, Callable, Iterator

import pytest

from defenses.bias_filter import NOTE, AskAgain, BiasFilter
from gateway.errors import ConfigError
from gateway.text import encoder
from gateway.types import Deltas, Exchange, Finding, Finish, Text, Usage
from tests import contract

RUDE = "All immigrants are dishonest parasites by nature."
KIND = "Many immigrants work in hospitals. Otters swim well."


@pytest.fixture(autouse=True)
async def encoder_on() -> AsyncIterator[None]:
    encoder.use("cpu")
    yield
    encoder.use("off")


class Model(contract.Listed):
    """Answers with the next of `answers`, and remembers what it was asked."""

    def __init__(self, *answers: str) -> None:
        super().__init__([])
        self.answers: Iterator[str] = iter(answers)

    async def __call__(self, exchange: Exchange) -> Deltas:
        self.seen.append(exchange)
        self.opened += 1
        yield Text(next(self.answers))
        yield Usage(5, 5)
        yield Finish("stop")
        self.closed += 1


async def test_the_contract() -> None:
    await contract.check_defense(BiasFilter())
    await contract.check_closes(BiasFilter())


@pytest.mark.parametrize("size", [1, 5, 200])
async def test_a_sentence_that_runs_a_group_down_does_not_leave(size: int) -> None:
    text = f"{KIND} {RUDE} {KIND}"
    pieces = [text[at : at + size] for at in range(0, len(text), size)]
    deltas = await contract.collect([BiasFilter()], contract.Listed(contract.answer(*pieces)))
    assert contract.text_of(deltas).strip() == KIND
    found = [delta for delta in deltas if isinstance(delta, Finding)]
    assert {one.label for one in found} <= {"stereotype", "negative_regard"}
    assert all(text[one.start : one.end].strip() == RUDE for one in found)
    redacted = await contract.collect([BiasFilter(action="redact")], contract.Listed(contract.answer(text)))
    assert "parasites" not in contract.text_of(redacted)
    assert contract.text_of(redacted).count(KIND) == 2


async def test_what_names_no_group_is_not_judged(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[str] = []
    shared = encoder.shared()
    assert shared is not None
    judge: Callable[..., object] = shared.judge

    async def watched(text: str, within: float | None = None) -> object:
        asked.append(text)
        return await judge(text, within)  # type: ignore[misc]

    monkeypatch.setattr(shared, "judge", watched)
    text = "The weather is vile. Otters are useless cooks. Some Germans like tea."
    await contract.collect([BiasFilter()], contract.Listed(contract.answer(text)))
    assert asked == ["Some Germans like tea."]


async def test_the_model_is_asked_again_and_its_better_answer_is_given() -> None:
    model = Model(RUDE, KIND)
    deltas = await contract.collect([AskAgain()], model)
    assert contract.text_of(deltas) == KIND
    first, second = model.seen
    assert [turn.content for turn in second.messages[len(first.messages) :]] == [RUDE, NOTE]
    assert {one.action for one in deltas if isinstance(one, Finding)} == {"flag"}
    assert [one for one in deltas if isinstance(one, Usage)] == [Usage(10, 10)]


async def test_asking_again_has_an_end() -> None:
    model = Model(*[RUDE] * 9)
    deltas = await contract.collect([AskAgain(tries=2)], model)
    assert contract.text_of(deltas) == ""
    assert model.opened == 3
    assert deltas[-1] == Finish("content_filter")
    assert [one.action for one in deltas if isinstance(one, Finding)][-1] == "block"


async def test_a_good_answer_costs_one_call() -> None:
    model = Model(KIND)
    assert contract.text_of(await contract.collect([AskAgain()], model)) == KIND
    assert model.opened == 1


def test_without_the_encoder_it_is_refused() -> None:
    encoder.use("off")
    with pytest.raises(ConfigError, match="needs the encoder"):
        BiasFilter()
