"""The variant: who is asked in the end, and what the client reads."""

from defenses.variant import Variant
from gateway.chain import Layer
from gateway.engine import Engine, Route
from gateway.metrics import GatewayMetrics
from gateway.types import Exchange, Message
from gateway.unit import Units
from tests import contract


async def answer(engine: Engine, model: str) -> str:
    exchange = Exchange(model, (Message("user", "Hi"),))
    return contract.text_of([delta async for delta in engine.serve(exchange, {}, "http")])


def engine(*layers: Layer) -> tuple[Engine, contract.Listed, contract.Listed]:
    plain, tuned = contract.Listed(contract.answer("plain")), contract.Listed(contract.answer("tuned"))
    routes = [Route(("small",), plain), Route(("tuned",), tuned)]
    return Engine(layers, routes, Units((), b""), GatewayMetrics(layers), None, 10), plain, tuned


async def test_another_upstream_answers_where_it_serves_the_variant() -> None:
    served, plain, tuned = engine(Layer("variant", Variant(model="tuned", risk="safety")))
    assert await answer(served, "small") == "tuned"
    assert (plain.opened, tuned.opened) == (0, 1)
    await served.switchboard.switch("variant", True, "a test", "to see the other")
    assert await answer(served, "small") == "plain"


async def test_an_adapter_is_asked_of_the_upstream_that_was_meant() -> None:
    defense = Variant(model="small-dpo", risk="safety", parameters={"temperature": 0})
    served, plain, tuned = engine(Layer("variant", defense))
    assert await answer(served, "small") == "plain"
    assert tuned.opened == 0
    assert plain.seen[0].model == "small-dpo"
    assert plain.seen[0].parameters == {"temperature": 0}


async def test_the_contract() -> None:
    await contract.check_defense(Variant(model="other", risk="privacy"))
    await contract.check_closes(Variant(model="other", risk="privacy"))
