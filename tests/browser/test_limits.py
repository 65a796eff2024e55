"""Limits and budgets in a real browser: reached by its tab, read with the keyboard, and left to where limits are changed."""

from typing import Any

import pytest
from playwright.async_api import Page, expect

from callmissed.foundation.services import Services
from tests.browser.test_inbox import enter
from tests.support.doors import seen_focus, tab_to

pytestmark = pytest.mark.browser


async def test_limits_are_read_and_changed_with_the_keyboard(
    page: Page, live_services: Services, demo: dict[str, Any]
) -> None:
    await enter(page.context, live_services, demo)
    await page.goto(f"{demo['base_url']}/app/keys")
    await page.get_by_role("link", name="Limits and budgets").click()
    await expect(page.get_by_role("heading", name="Each key")).to_be_visible()
    refusal = page.locator(".ke-told").first
    await expect(refusal.locator("pre")).to_be_hidden()
    await tab_to(page, refusal.locator("summary"))
    await seen_focus(page)
    await page.keyboard.press("Enter")
    await expect(refusal.locator("pre")).to_contain_text("Retry-After: 3")
    await page.locator(".ke-limits").get_by_role("link", name="Change").first.click()
    await expect(page.locator("#cm-new-key")).to_be_visible()
    await expect(page.get_by_label("Budget a month, in ₹")).to_be_visible()
