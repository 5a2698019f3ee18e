"""Writes the pictures of the documentation: `python -m tests.pictures docs/images`."""

import asyncio
import sys
import tempfile
from pathlib import Path

from tests import gateways
from tests.browser import Page, browsing
from tests.watched import Told, telling, watched

CELL = "document.querySelector('[data-key=\"prompt_filter/over_refusal\"]')"


async def draw(folder: Path) -> None:
    """A console with some minutes of history, wide and light, narrow and dark, and one effect in full."""
    with tempfile.TemporaryDirectory() as run, tempfile.TemporaryDirectory() as profile:
        place, told = Path(run), Told()
        async with (
            watched(place) as gateway,
            telling(told, place),
            browsing(Path(profile)) as page,
        ):
            await page.open(f"http://{gateway.http}/console")
            for step in range(12):
                told.fold(200)
                await gateways.post(gateway.chat, gateways.body(f"open sesame, number {step}"))
                await asyncio.sleep(2.2)
            told.alarm("over_refusal", "prompt_filter", "any/latin/short")
            await _show(page, f"http://{gateway.http}/console", 1280, "light")
            await page.picture(folder / "console-light-1280.png", whole=True)
            await page.see(f"{CELL}.click()")
            await page.until("document.querySelector('#told svg.chart') !== null")
            await page.picture(folder / "console-effect-1280.png")
            await _show(page, f"http://{gateway.http}/console", 400, "dark")
            await page.picture(folder / "console-dark-400.png", whole=True)


async def _show(page: Page, url: str, width: int, scheme: str) -> None:
    await page.open(url, width, scheme=scheme)
    await page.until(f"{CELL} !== null && document.querySelector('#drift .alarms') !== null")


if __name__ == "__main__":
    target = Path(sys.argv[1])
    target.mkdir(parents=True, exist_ok=True)
    asyncio.run(draw(target))
