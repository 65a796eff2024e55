"""Usage, requests and wallet in a real browser: a paid call appears by itself, opens, is walked through, and the wallet has fallen."""

import re
from collections.abc import AsyncGenerator
from typing import Any

import openai
import pytest
from playwright.async_api import Page, expect

from callmissed.foundation.services import Services
from tests.browser.test_inbox import enter

pytestmark = pytest.mark.browser


@pytest.fixture
async def signed_in(page: Page, live_services: Services, demo: dict[str, Any]) -> Page:
    """The demo's owner, signed in."""
    await enter(page.context, live_services, demo)
    return page


@pytest.fixture
async def api(demo: dict[str, Any]) -> AsyncGenerator[openai.AsyncOpenAI]:
    """The demo's own program."""
    async with openai.AsyncOpenAI(base_url=f"{demo['base_url']}/v1", api_key=demo["api_key"]) as client:
        yield client


async def ask(api: openai.AsyncOpenAI, times: int = 1) -> int:
    """Paid calls. Returns the tokens the last one read."""
    read = 0
    for _ in range(times):
        said: Any = [{"role": "user", "content": "How much is an AC service? " * 40}]
        reply = await api.chat.completions.create(model="local/extractive", messages=said)
        assert reply.usage
        read = reply.usage.prompt_tokens
    return read


async def no_sideways(page: Page) -> None:
    assert await page.evaluate("document.documentElement.scrollWidth - innerWidth") <= 0


async def test_a_paid_call_appears_opens_and_is_walked_through(
    signed_in: Page, api: openai.AsyncOpenAI, demo: dict[str, Any]
) -> None:
    await ask(api, 2)
    await signed_in.goto(f"{demo['base_url']}/app/usage")
    await expect(signed_in.locator("[data-chart] canvas").first).to_be_visible()
    await signed_in.get_by_role("link", name="All requests").click()
    rows = signed_in.locator("#requests tbody tr")
    before = await rows.count()
    await expect(signed_in.locator("#live")).to_be_visible()
    read = await ask(api)
    await expect(rows).to_have_count(before + 1, timeout=15_000)  # nobody reloaded the page

    await rows.first.locator("td").nth(4).click()
    drawer = signed_in.locator("#cm-request")
    await expect(drawer).to_be_visible()
    await expect(drawer).to_contain_text(f"{read} tokens in × ₹20.00 / 10 lakh")
    await expect(drawer.locator(".cm-waterfall")).to_be_visible()
    await expect(signed_in).to_have_url(re.compile(r"request="))
    first = signed_in.url
    await signed_in.keyboard.press("ArrowDown")
    await expect(rows.nth(1)).to_have_attribute("aria-selected", "true")
    assert signed_in.url != first
    await signed_in.keyboard.press("ArrowUp")
    await expect(signed_in).to_have_url(first)
    await signed_in.keyboard.press("Escape")
    await expect(drawer).to_be_hidden()
    await expect(signed_in).not_to_have_url(re.compile(r"request="))
    await expect(rows.first.locator("a")).to_be_focused()
    await signed_in.go_back()
    await expect(drawer).to_be_visible()
    await signed_in.reload()
    await expect(drawer).to_be_visible()


async def test_the_wallet_falls_with_a_call(
    signed_in: Page, api: openai.AsyncOpenAI, demo: dict[str, Any]
) -> None:
    async def balance() -> float:
        await signed_in.goto(f"{demo['base_url']}/app/wallet")
        said = await signed_in.locator(".cm-bigmoney").inner_text()
        return float(said.replace("₹", "").replace(",", ""))

    before = await balance()
    await ask(api, 3)
    assert await balance() < before
    await expect(signed_in.locator("[data-chart] canvas").first).to_be_visible()
    await expect(signed_in.locator("#ledger")).to_contain_text("The balance equals the sum of all")
    await signed_in.get_by_role("link", name="Top-ups").click()
    await expect(signed_in.locator("#ledger tbody")).to_contain_text("Credit from the operator")
    await expect(signed_in.locator("#ledger tbody")).not_to_contain_text("Usage")


async def test_figures_chart_and_shares_follow_by_themselves(
    signed_in: Page, api: openai.AsyncOpenAI, demo: dict[str, Any]
) -> None:
    await ask(api)
    await signed_in.goto(f"{demo['base_url']}/app/usage?days=1")
    await signed_in.get_by_role("link", name="By key").click()
    # By its name: with one call more it may cost more than the row above it.
    count = signed_in.locator("#shares tbody tr").filter(has_text="Demo").locator("td").nth(1)
    drawn = signed_in.locator("[data-chart]")
    before, chart = int(await count.inner_text()), await drawn.get_attribute("data-chart")
    assert before and chart
    await ask(api)
    await expect(count).to_have_text(str(before + 1), use_inner_text=True, timeout=15_000)
    await expect(drawn).not_to_have_attribute("data-chart", chart)


async def test_narrow_in_hindi_and_without_script(
    signed_in: Page, api: openai.AsyncOpenAI, demo: dict[str, Any]
) -> None:
    await ask(api)
    await signed_in.set_viewport_size({"width": 390, "height": 844})
    for path in ("usage", "requests", "wallet"):
        await signed_in.goto(f"{demo['base_url']}/app/{path}?lang=hi")
        await no_sideways(signed_in)
    await expect(signed_in.get_by_role("heading", name="बही")).to_be_visible()
    await signed_in.goto(f"{demo['base_url']}/app/requests?lang=hi")
    for chip in await signed_in.locator("summary.cm-chip").all():
        await chip.click()
        await no_sideways(signed_in)
    await signed_in.get_by_role("heading", level=1).click()  # what is open is closed
    await signed_in.locator("#requests tbody tr").first.click()
    await expect(signed_in.locator("#cm-request")).to_contain_text("समय कहाँ गया")
    await no_sideways(signed_in)

    browser = signed_in.context.browser
    assert browser
    plain = await browser.new_context(
        java_script_enabled=False, storage_state=await signed_in.context.storage_state()
    )
    page = await plain.new_page()
    await page.goto(f"{demo['base_url']}/app/requests?lang=en")
    await page.locator("summary.cm-chip", has_text="Model").click()
    await page.locator(".us-filters").get_by_role("link", name="local/extractive").click()
    await expect(page).to_have_url(re.compile(r"model=local"))
    await page.locator("summary.cm-chip", has_text="Day").click()
    await page.locator(".us-day").get_by_role("button", name="Show").click()
    await expect(page).to_have_url(re.compile(r"model=local.*&day=20"))
    await page.locator("#requests tbody tr a").first.click()
    await expect(page.locator("#cm-request")).to_contain_text("What it cost")
    await plain.close()
