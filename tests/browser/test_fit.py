"""Every page about people, keys and doors on a narrow screen, in English and in Hindi: nothing cut, nothing sideways, one heading."""

import pytest
from playwright.async_api import Browser, Page

from callmissed.foundation.i18n import COOKIE
from callmissed.foundation.services import Services
from tests.support.bustle import Bustle, busy_workspace
from tests.support.doors import hold

pytestmark = pytest.mark.browser

WIDER = """() => [
  ...(document.documentElement.scrollWidth > innerWidth ? [`page: ${document.documentElement.scrollWidth} px`] : []),
  ...[...document.querySelectorAll('main *, dialog[open] *, .cm-alarm')]
    .filter((each) => each.clientWidth > 4 && each.scrollWidth > each.clientWidth + 2)
    .filter((each) => !each.matches('input, textarea, select, pre, .cm-code, .cm-code *, .cm-cut, .cm-unseen, svg, svg *'))
    .filter((each) => getComputedStyle(each).display !== 'inline' && each.checkVisibility())
    .map((each) => `${each.tagName}.${each.className}: ${each.scrollWidth - each.clientWidth} px`),
]"""
"""What is wider than the place it has. Code may be scrolled; what is cut on purpose says so by its class."""

COVERED = """() => {
  const cells = [...document.querySelectorAll('.is-stack td')].filter((each) => each.getClientRects().length && each.textContent.trim());
  const box = (each) => { const range = document.createRange(); range.selectNodeContents(each); return range.getBoundingClientRect(); };
  const meets = (a, b) => a.left < b.right - 2 && b.left < a.right - 2 && a.top < b.bottom - 2 && b.top < a.bottom - 2;
  return cells.flatMap((one, at) => cells.slice(at + 1)
    .filter((other) => other.parentElement === one.parentElement && meets(box(one), box(other)))
    .map((other) => `${one.textContent.trim()} × ${other.textContent.trim()}`));
}"""
"""Cells of a table whose words lie on one another."""

HEADINGS = "() => [...document.querySelectorAll('h1')].length"


async def wrong_with(page: Page) -> list[str]:
    """What does not fit on the page that is open."""
    found = [*await page.evaluate(WIDER), *await page.evaluate(COVERED)]
    headings = await page.evaluate(HEADINGS)
    return found if headings == 1 else [*found, f"{headings} main headings"]


@pytest.fixture(scope="module")
async def bustle(live_services: Services, live_server: str) -> Bustle:
    """A workspace with something to show everywhere, once for this file."""
    assert live_server
    return await busy_workspace(live_services)


@pytest.mark.parametrize(("language", "theme"), [("en", "light"), ("hi", "dark")])
async def test_nothing_is_cut_or_sideways_on_a_narrow_screen(
    browser: Browser, live_server: str, bustle: Bustle, language: str, theme: str
) -> None:
    wrong: dict[str, list[str]] = {}
    for holder in {holder for holder, _ in bustle.pages.values()}:
        context = await browser.new_context(
            viewport={"width": 390, "height": 844}, color_scheme="dark" if theme == "dark" else "light"
        )
        await context.add_cookies([{"name": COOKIE, "value": language, "url": live_server}])
        if holder in bustle.tokens:
            await hold(context, live_server, bustle.tokens[holder])
        page = await context.new_page()
        for name, (who, path) in bustle.pages.items():
            if who == holder:
                await page.goto(live_server + path)
                assert await page.locator("html").get_attribute("lang") == language, name
                if found := await wrong_with(page):
                    wrong[name] = found
        await context.close()
    assert wrong == {}


async def test_what_does_not_fit_is_found(page: Page, live_server: str, bustle: Bustle) -> None:
    await page.set_viewport_size({"width": 390, "height": 844})
    await hold(page.context, live_server, bustle.tokens["owner"])
    await page.goto(f"{live_server}/app/team")
    assert await wrong_with(page) == []
    await page.evaluate(
        "document.querySelector('td.figure').textContent = 'a'.repeat(80);"
        "document.querySelector('main').append(document.createElement('h1'))"
    )
    found = "; ".join(await wrong_with(page))
    assert "px" in found and "×" in found and "2 main headings" in found
