"""Names: found as spans, by kind, sentence by sentence, and never at the event loop's expense."""

import asyncio
import subprocess
import sys
import time
from importlib.util import find_spec

import pytest

from defenses.name_filter import NameFilter
from gateway.chain import Layer, chain
from gateway.errors import ConfigError
from gateway.types import Deltas, Exchange, Finish, Message, Text
from tests import contract

needs_model = pytest.mark.skipif(find_spec("spacy") is None, reason="needs the extra [ner]")
EXCHANGE = Exchange(model="", messages=(Message("user", "Who was it?"),))
SAID = "Yesterday Maria Lindqvist flew to Stockholm. She works for Microsoft and likes otters. "


async def found(detector: NameFilter, text: str) -> list[tuple[str, str]]:
    return [(one.label, text[one.start : one.end]) for one in await detector.detect(text, EXCHANGE)]


@needs_model
async def test_names_by_kind() -> None:
    assert await found(NameFilter(), SAID) == [("person", "Maria Lindqvist"), ("place", "Stockholm")]
    assert await found(NameFilter(kinds=("organisation",)), SAID) == [("organisation", "Microsoft")]
    assert await found(NameFilter(allow=("maria *",)), SAID) == [("place", "Stockholm")]
    assert await found(NameFilter(), "The river otter sleeps by day and hunts at dusk.") == []
    scores = await NameFilter().judge("We met Barack Obama in Paris.", "", EXCHANGE)
    assert set(scores) == {"person", "place"}


@needs_model
async def test_it_is_a_defense_like_every_other() -> None:
    await contract.check_defense(NameFilter())
    await contract.check_closes(NameFilter())
    cuts = [[edge] for edge in range(0, len(SAID), 3)]
    await contract.check_cutting(NameFilter(), SAID, cuts)


@needs_model
async def test_an_answer_leaves_sentence_by_sentence_without_its_names() -> None:
    async def upstream(exchange: Exchange) -> Deltas:
        for at in range(0, len(SAID), 5):
            yield Text(SAID[at : at + 5])
        yield Finish("stop")

    deltas = chain([Layer("names", NameFilter())], upstream)(EXCHANGE)
    pieces = [delta.text async for delta in deltas if isinstance(delta, Text) and delta.text]
    assert len(pieces) > 1
    said = "".join(pieces)
    assert "Maria" not in said
    assert "Stockholm" not in said
    assert said.endswith("She works for Microsoft and likes otters. ")


@needs_model
async def test_the_event_loop_goes_on_while_names_are_read() -> None:
    detector = NameFilter()
    await detector.detect(SAID, EXCHANGE)
    longest, last = 0.0, time.perf_counter()
    reading = asyncio.create_task(detector.detect(SAID * 40, EXCHANGE))
    while not reading.done():
        await asyncio.sleep(0.001)
        longest, last = max(longest, time.perf_counter() - last), time.perf_counter()
    assert len(reading.result()) == 80
    assert longest < 0.25


@needs_model
def test_what_does_not_exist_is_refused() -> None:
    with pytest.raises(ConfigError, match="kinds: unknown 'name'; known: organisation, person, place"):
        NameFilter(kinds=("name",))
    with pytest.raises(ConfigError, match="model: there is no spaCy pipeline 'en_core_none'"):
        NameFilter(model="en_core_none")


def test_without_the_extra_the_remedy_is_named() -> None:
    code = (
        "import sys; sys.modules['spacy'] = None\n"
        "from defenses.name_filter import NameFilter\n"
        "from gateway.errors import ConfigError\n"
        "try: NameFilter()\n"
        "except ConfigError as error: print(error)"
    )
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert "pip install 'crossrisk-gateway[ner]'" in run.stdout
