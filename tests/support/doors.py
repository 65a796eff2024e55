"""Coming in with a real browser: with a session, with a code, by a link in a letter; and calling with a key from outside."""

import asyncio
import time
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager

import httpx
from playwright.async_api import Browser, BrowserContext, Locator, Page, expect

from callmissed.foundation.services import Services
from callmissed.foundation.tenancy import Access
from callmissed.identity import sessions
from tests.support.mailbox import newest_code
from tests.support.signed_in import token_of

TABS = 90
"""More stops than any page has."""


async def hold(context: BrowserContext, base_url: str, token: str) -> None:
    """Give a browser this session."""
    name = sessions.cookie_name(production=False)
    await context.add_cookies([{"name": name, "value": token, "url": base_url}])


async def enter(page: Page, services: Services, access: Access) -> Page:
    """The same page, in a browser where this person has just signed in."""
    await hold(page.context, services.base_url, await token_of(services, access))
    return page


@asynccontextmanager
async def other_browser(browser: Browser) -> AsyncGenerator[Page]:
    """A page in the browser of somebody else."""
    context = await browser.new_context(viewport={"width": 1280, "height": 860}, locale="en-IN")
    yield await context.new_page()
    await context.close()


async def sign_in(page: Page, services: Services, address: str) -> None:
    """From the page that asks for the address, until the code is taken."""
    await page.fill("input[name=email]", address)
    await page.keyboard.press("Enter")
    await expect(page.locator("input[name=code]")).to_be_focused()
    await page.fill("input[name=code]", await newest_code(services, address))
    await page.keyboard.press("Enter")


async def follow_letter(page: Page, base_url: str, address: str, path: str) -> None:
    """Open the newest letter to this address in the outbox, and the link in it that begins with this path."""
    await page.goto(f"{base_url}/outbox")
    row = page.get_by_role("row").filter(has_text=address).first
    letter = await row.get_by_role("link").get_attribute("href")
    await page.goto(f"{base_url}{letter}")
    await page.locator(f"a[href^='{base_url}{path}']").click()


async def tab_to(page: Page, target: Locator) -> None:
    """Press Tab until this has the focus, which has to be seen."""
    handle = await target.element_handle()
    for _ in range(TABS):
        await page.keyboard.press("Tab")
        if await page.evaluate("(wanted) => document.activeElement === wanted", handle):
            break
    await expect(target).to_be_focused()
    await seen_focus(page)


async def seen_focus(page: Page) -> None:
    """What has the focus shows it: an outline of two pixels at least."""
    style, width = await page.evaluate(
        "() => { const s = getComputedStyle(document.activeElement); return [s.outlineStyle, parseFloat(s.outlineWidth)]; }"
    )
    assert style != "none" and width >= 2, (style, width)


async def call(base_url: str, secret: str) -> int:
    """The status of a completion asked for with this key."""
    body = {"model": "local/extractive", "messages": [{"role": "user", "content": "Namaste"}]}
    async with httpx.AsyncClient(base_url=base_url, timeout=20) as program:
        headers = {"authorization": f"Bearer {secret}"}
        return (await program.post("/v1/chat/completions", json=body, headers=headers)).status_code


async def answers(base_url: str, secret: str, status: int) -> None:
    """Calling with this key comes to answer so; a moment may pass until the news is everywhere."""
    began = time.monotonic()
    while (last := await call(base_url, secret)) != status:
        assert time.monotonic() - began < 10, f"still {last}"
        await asyncio.sleep(0.1)
