"""The console in a real browser: what is seen, without a reload, by keyboard, in both schemes, on a phone."""

import tempfile
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from tests import gateways
from tests.browser import Page, browsing
from tests.servers import scripted
from tests.watched import Told, served, telling, watched

pytestmark = [pytest.mark.slow, pytest.mark.timeout(300)]
HARM = "document.querySelector('[data-key=\"prompt_filter/over_refusal\"]')"
SHOWN = f"{HARM} !== null && document.getElementById('link').dataset.state === 'live'"
CONTRAST = """(() => {
  const canvas = document.createElement('canvas').getContext('2d', {willReadFrequently: true});
  const parse = (colour) => {
    canvas.clearRect(0, 0, 1, 1); canvas.fillStyle = colour; canvas.fillRect(0, 0, 1, 1);
    return [...canvas.getImageData(0, 0, 1, 1).data];
  };
  const light = ([r, g, b]) => {
    const [x, y, z] = [r, g, b].map((v) => (v /= 255) <= 0.04045 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4);
    return 0.2126 * x + 0.7152 * y + 0.0722 * z;
  };
  const behind = (element) => {
    for (let one = element; one; one = one.parentElement) {
      const colour = parse(getComputedStyle(one).backgroundColor);
      if (colour[3] === 255) return colour;
    }
    return [255, 255, 255, 255];
  };
  const found = [];
  const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  while (walker.nextNode()) {
    const element = walker.currentNode.parentElement;
    const style = getComputedStyle(element);
    if (!walker.currentNode.data.trim() || !element.getClientRects().length) continue;
    if (element.closest('.away, .skip, noscript')) continue;
    const colour = parse(element.namespaceURI.endsWith('svg') ? style.fill : style.color);
    const [one, other] = [light(colour), light(behind(element))].sort((a, b) => b - a);
    const where = `${element.getAttribute('class')}: ${walker.currentNode.data}`;
    found.push([(one + 0.05) / (other + 0.05), where]);
  }
  return found;
})()"""


@pytest.fixture(scope="module")
def told() -> Told:
    made = Told()
    made.fold(2000)
    made.alarm("over_refusal", "prompt_filter", "any/latin/short")
    return made


@asynccontextmanager
async def watching(told: Told, folder: Path) -> AsyncIterator[tuple[gateways.Gateway, Page]]:
    with tempfile.TemporaryDirectory() as profile:
        async with watched(folder) as gateway, telling(told, folder), browsing(Path(profile)) as page:
            yield gateway, page


async def test_the_page_shows_changes_and_opens_a_cell_by_keyboard(told: Told, tmp_path: Path) -> None:
    async with watching(told, tmp_path) as (gateway, page):
        await page.open(f"http://{gateway.http}/console")
        await page.until(SHOWN)
        await check_matrix(page)
        await check_news(page, gateway, told)
        await check_keyboard(page)
        assert page.errors == []


async def check_matrix(page: Page) -> None:
    label = await page.see(f"{HARM}.getAttribute('aria-label')")
    assert label.startswith("over refusal under prompt filter: harm, ratio ")
    assert "HARM" in await page.see(f"{HARM}.innerText")
    assert await page.see("document.querySelector('#verdict').innerText") != ""
    headers = await page.see("[...document.querySelectorAll('#effects thead th')].map((th) => th.scope)")
    assert set(headers) == {"col"}
    assert "over_refusal of prompt_filter went up" in await page.see(
        "document.querySelector('#drift').innerText"
    )
    tree = await page.call("Accessibility.getFullAXTree")
    roles = [one["role"]["value"] for one in tree["nodes"] if "role" in one and not one.get("ignored")]
    assert {"table", "columnheader", "rowheader", "status", "button"} <= set(roles)


async def check_news(page: Page, gateway: gateways.Gateway, told: Told) -> None:
    """What happens later is seen without a reload, and a cell that has the focus keeps it."""
    await page.see(f"window.mine = 1; {HARM}.focus()")
    before = told.evidence.folded
    told.fold(30)
    await gateways.post(gateway.chat, gateways.body("open sesame", user="one of those with the filter on 2"))
    await page.until(f"document.querySelector('#health').innerText.includes('{before + 30:,}')")
    assert await page.see("window.mine") == 1
    assert await page.see(f"document.activeElement === {HARM}")


async def check_keyboard(page: Page) -> None:
    await page.see("document.activeElement.blur(); document.body.focus(); window.scrollTo(0, 0)")
    for _ in range(40):
        await page.press("Tab")
        if await page.see(f"document.activeElement === {HARM}"):
            break
    outline = await page.see(f"getComputedStyle({HARM}).outlineStyle + getComputedStyle({HARM}).outlineWidth")
    assert outline == "solid3px", "the focus is seen"
    await page.press("Enter")
    await page.until("document.querySelector('#told table') !== null")
    shown = await page.see("document.querySelector('dialog[open]').innerText")
    for words in ("Is it harm? Settled.", "Strata", "any/latin/short", "with the defense", "Over time"):
        assert words in shown
    await page.until("document.querySelector('#told svg.chart') !== null")
    await page.press("Escape")
    await page.until("document.querySelector('dialog[open]') === null")
    assert await page.see(f"document.activeElement === {HARM}"), "the focus is back where it was"


async def test_text_is_legible_in_both_schemes_and_nothing_is_cut_off(told: Told, tmp_path: Path) -> None:
    async with watching(told, tmp_path) as (gateway, page):
        for width, scheme in ((1280, "light"), (1280, "dark"), (400, "light"), (400, "dark")):
            await page.open(f"http://{gateway.http}/console", width, scheme=scheme)
            await page.until(SHOWN)
            await page.until("document.querySelector('#health dl') !== null")
            assert await page.see("document.documentElement.scrollWidth") <= width
            await page.see(f"{HARM}.click()")
            await page.until("document.querySelector('#told table') !== null")
            assert await page.see("(d => d.scrollWidth <= d.clientWidth)(document.querySelector('dialog'))")
            found: list[list[Any]] = await page.see(CONTRAST)
            assert len(found) > 100
            worst = min(found, key=lambda one: float(one[0]))
            assert worst[0] >= 4.5, (width, scheme, worst)
        assert page.errors == []


async def test_the_page_survives_a_restart_of_the_gateway_and_of_the_monitors(
    told: Told, tmp_path: Path
) -> None:
    async with AsyncExitStack() as stack:
        model = await stack.enter_async_context(scripted())
        profile = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        page = await stack.enter_async_context(browsing(profile))
        upstream = gateways.openai_upstream(model.http, may_be_off=["leak_filter"])
        chosen: dict[str, Any] = {}
        for life in range(2):
            async with served(tmp_path, upstream, gateway=chosen) as gateway:
                chosen["http"] = gateway.http
                if life == 0:
                    async with telling(told, tmp_path):
                        await page.open(f"http://{gateway.http}/console")
                        await page.until(SHOWN)
                        await page.see("window.mine = 1")
                    await page.until(
                        "document.querySelector('#health').innerText.includes('no answer since')"
                    )
                    assert await page.see(f"{HARM} !== null"), "what was known is still shown"
                else:
                    async with telling(told, tmp_path):
                        await page.until("document.querySelector('#link').dataset.state === 'live'")
                        await page.until("document.querySelector('#health').innerText.includes('answering')")
                        await page.until(SHOWN)
                        assert await page.see("window.mine") == 1, "it was not loaded anew"
            await page.until("document.querySelector('#link').dataset.state === 'stale'")
            assert "no word from the gateway since" in await page.see(
                "document.querySelector('#link').innerText"
            )
        refused = [
            one for one in page.errors if "ERR_CONNECTION_REFUSED" not in one and "ERR_INCOMPLETE" not in one
        ]
        assert refused == [], "but for the connections that nobody took"
