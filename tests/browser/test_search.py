"""Search in the playground in a real browser: a question becomes a list with its price, and the code follows what is typed."""

from typing import Any

import pytest
from playwright.async_api import Page, expect

from callmissed.foundation.services import Services
from tests.browser.test_inbox import enter

pytestmark = pytest.mark.browser


async def test_a_question_becomes_a_list_with_its_price(
    page: Page, live_services: Services, demo: dict[str, Any]
) -> None:
    await enter(page.context, live_services, demo)
    await page.goto(f"{demo['base_url']}/app/playground")
    await page.get_by_role("link", name="Search", exact=True).click()
    await expect(page.locator("[data-hint]")).to_have_text("For a search: ₹0.10")
    await expect(page.locator("[data-found]")).to_contain_text("Nothing searched yet")
    await page.locator("#look [name=query]").fill('What does the "Gold" plan\'s visit cost?')
    await page.get_by_role("button", name="Search", exact=True).click()
    await expect(page.locator(".state")).to_have_text("done")
    await expect(page.locator(".pl-found li").first).to_be_visible()
    await expect(page.locator("#pl-total")).to_have_text("₹0.1000")
    await expect(page.locator(".pl-program")).to_contain_text('"query": "What does the \\"Gold\\"')
    await page.get_by_role("button", name="curl").click()
    await expect(page.locator(".pl-program")).to_contain_text("plan'\\''s visit")
    await page.locator("#look [name=query]").fill("zzyzx")
    await page.get_by_role("button", name="Search", exact=True).click()
    await expect(page.locator("[data-found]")).to_contain_text("Nothing found")
