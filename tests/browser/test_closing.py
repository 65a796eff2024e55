"""Closing a workspace and opening it again, in a real browser: what would be lost, the typed word, the way back, everything as it was."""

import pytest
from playwright.async_api import Page, expect

from callmissed.foundation.services import Services
from tests.support.closing import firm_at_work
from tests.support.doors import answers, enter, sign_in

pytestmark = pytest.mark.browser


async def test_what_is_closed_says_what_is_lost_and_comes_back_whole(
    page: Page, live_server: str, live_services: Services
) -> None:
    firm = await firm_at_work(live_services)
    await enter(page, live_services, firm.owner)
    await page.goto(f"{live_server}/app/account")
    await page.get_by_role("link", name="Close the workspace").click()
    await expect(page.get_by_role("heading", name="What will be erased then")).to_be_visible()
    lost = page.locator(".cm-kv").first
    for name in ("Bots", "Conversations", "Contacts", "API keys", "Teammates"):
        await expect(
            lost.locator("dt", has_text=name).locator("xpath=following-sibling::dd[1]")
        ).to_have_text("1")
    button = page.get_by_role("button", name="Close it")
    await expect(button).to_be_disabled()
    await page.get_by_label("The word to confirm with").fill("erase it")
    await expect(button).to_be_disabled()
    await page.get_by_label("The word to confirm with").fill("ERASE")
    await button.click()
    await expect(page.get_by_role("heading")).to_have_text("Your workspace is closed")
    await answers(live_server, firm.secret, 403)
    await page.goto(f"{live_server}/app/inbox")
    await expect(page).to_have_url(f"{live_server}/closed")

    await page.get_by_role("button", name="Sign out").click()
    await page.goto(f"{live_server}/sign-in")
    await sign_in(page, live_services, firm.email)
    await expect(page).to_have_url(f"{live_server}/closed")
    await expect(page.get_by_text("everything is as it was")).to_be_visible()
    await page.get_by_role("button", name="Open it again").click()
    await expect(page).to_have_url(f"{live_server}/app/inbox")
    await page.goto(f"{live_server}/app/inbox/{firm.conversation_id}")
    await expect(page.locator("#messages")).to_contain_text("When do you open?")
    await page.goto(f"{live_server}/app/bots/{firm.bot_id}")
    await expect(page.get_by_role("heading", name="Sahayak")).to_be_visible()
    await answers(live_server, firm.secret, 200)
    await page.goto(f"{live_server}/app/audit")
    await expect(page.locator(".what", has_text="The workspace was opened again.")).to_be_visible()
    await expect(page.locator(".what", has_text="The workspace was closed")).to_be_visible()
