"""`crossrisk report`: one file that stands alone, and says what it covers."""

import asyncio
import re
import sys
import time
from html.parser import HTMLParser
from pathlib import Path

import pytest

from gateway.console.hub import TIMELINE
from gateway.console.markup import EMPTY
from gateway.console.timeline import Timeline
from tests.watched import Told, telling


class Outline(HTMLParser):
    """What a document opens and asks for."""

    def __init__(self, document: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.tags: set[str] = set()
        self.ids: set[str] = set()
        self.links: list[str] = []
        self.feed(document)

    def handle_starttag(self, tag: str, attributes: list[tuple[str, str | None]]) -> None:
        self.tags.add(tag)
        if tag not in EMPTY:
            self.open.append(tag)
        for name, value in attributes:
            if name in ("src", "href"):
                self.links.append(value or "")
            if name == "id":
                self.ids.add(value or "")

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag


async def crossrisk(*arguments: str, folder: Path) -> tuple[int, str, str]:
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "gateway", "report", "--run", str(folder), *arguments),
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    out, problems = await process.communicate()
    assert process.returncode is not None
    return process.returncode, out.decode(), problems.decode()


async def test_a_report_stands_alone_and_fails_on_harm(tmp_path: Path) -> None:
    tmp_path.chmod(0o700)
    told = Told()
    told.fold(2000)
    told.alarm("over_refusal", "prompt_filter", "any/latin/short")
    timeline, now = Timeline(), time.time()
    for step in range(10):
        timeline.add(now - 1000 + step * 100, {"prompt_filter/over_refusal": (2.0 + step / 10, 1.2, 4.0)})
    timeline.save(tmp_path / TIMELINE)
    async with telling(told, tmp_path):
        code, document, _ = await crossrisk("--last", "10min", "--output", "-", folder=tmp_path)
        file = tmp_path / "ticket.html"
        code_of_file, said, _ = await crossrisk("--output", str(file), folder=tmp_path)
    assert (code, code_of_file, said.strip()) == (1, 1, str(file))
    outline = Outline(document)
    assert outline.open == []
    assert not outline.tags & {"script", "link", "img", "iframe", "button"}
    assert {link.removeprefix("#") for link in outline.links} <= outline.ids
    assert "effect-prompt_filter/over_refusal" in outline.ids
    for words in (
        "proven harm", "▲ HARM", "The gateway did not answer.", "over_refusal of prompt_filter went up",
        "Is it harm?", "any/latin/long", "have no beginning in that time",
    ):  # fmt: skip
        assert words in document, words
    shorter, longer = (len(re.findall(r'class="line"', one)) for one in (document, file.read_text()))
    assert shorter == longer == 1
    assert "Ratio over time: 2.5 at" in document, "the last ten minutes begin there"
    assert "Ratio over time: 2 at" in file.read_text()


@pytest.mark.parametrize(("arguments", "words"), [(("--last", "soon"), "90min"), ((), "no monitors run in")])
async def test_a_report_that_cannot_be_says_why(
    tmp_path: Path, arguments: tuple[str, ...], words: str
) -> None:
    code, _, problems = await crossrisk(*arguments, folder=tmp_path)
    assert code == 2
    assert words in problems
