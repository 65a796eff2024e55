""" "This wasn't me", with real browsers: the letter's link says what will happen, the button does it, and its owner chooses what works again."""

import re

import pytest
from playwright.async_api import Browser, Page, expect

from callmissed.foundation.services import Services
from callmissed.identity import create_key
from tests.support.doors import answers, call, enter, follow_letter, other_browser, sign_in
from tests.support.people import address, workspace_of_someone

pytestmark = pytest.mark.browser


async def test_one_button_stops_everything_and_its_owner_chooses_what_works_again(
    page: Page, browser: Browser, live_server: str, live_services: Services
) -> None:
    email = address()
    owner = await workspace_of_someone(live_services, email)
    async with live_services.db.tenant(owner) as tx:
        shop = await create_key(tx, "shop", permissions=["llm"])
        spy = await create_key(tx, "spy", permissions=["llm"])
    await enter(page, live_services, owner)
    await page.goto(f"{live_server}/app/keys")
    await expect(page.get_by_text("spy", exact=True)).to_be_visible()

    async with other_browser(browser) as mine:
        await follow_letter(mine, live_server, email, "/not-me/")
        link = mine.url
        await expect(mine.get_by_role("heading")).to_have_text("This wasn't you?")
        await expect(mine.get_by_role("listitem").first).to_have_text("One browser is signed out.")
        for said in ("A new", "keys you made stop working", "is taken back", "choose what works again"):
            await expect(mine.get_by_text(said).first).to_be_visible()
        assert await call(live_server, spy.secret) == 200, "reading the page changes nothing"
        await page.reload()
        await expect(page.get_by_role("heading", name="API keys")).to_be_visible()

        await mine.get_by_role("button", name="It wasn't me: stop everything").click()
        await expect(mine.get_by_role("heading")).to_have_text("Everything is stopped")
        for key in (shop, spy):
            await answers(live_server, key.secret, 401)
        await page.reload()
        await expect(page).to_have_url(re.compile("/sign-in"))

        await mine.goto(link)
        await expect(mine.get_by_text("This link does not work")).to_be_visible()
        await mine.get_by_role("link", name="Sign in").click()
        await sign_in(mine, live_services, email)
        await expect(mine).to_have_url(f"{live_server}/restore")
        await mine.goto(f"{live_server}/app/keys")
        await expect(mine).to_have_url(re.compile("/restore|/sign-in"))
        await mine.goto(f"{live_server}/restore")
        await mine.get_by_label("shop").check()
        await mine.get_by_role("button", name="Open my account").click()
        await expect(mine).to_have_url(f"{live_server}/app/inbox")
        await answers(live_server, shop.secret, 200)
        assert await call(live_server, spy.secret) == 401
        await mine.goto(f"{live_server}/app/keys")
        await expect(mine.get_by_role("row").filter(has_text="spy")).to_contain_text("revoked")
        await expect(mine.get_by_role("row").filter(has_text="shop")).not_to_contain_text("revoked")
