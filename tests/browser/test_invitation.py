"""Being asked into a workspace, with real browsers: the letter's link, a stranger who comes in, and a thief who does not."""

import re

import pytest
from playwright.async_api import Browser, Page, expect

from callmissed.foundation.services import Services
from callmissed.foundation.tenancy import Access
from callmissed.identity import accounts
from tests.support.doors import enter, follow_letter, other_browser, sign_in
from tests.support.people import address, link_to, workspace_of_someone

pytestmark = pytest.mark.browser


async def invited(page: Page, services: Services, email: str, role: str) -> Access:
    """An owner asks somebody in, in their browser."""
    owner = await workspace_of_someone(services)
    await enter(page, services, owner)
    await page.goto(f"{services.base_url}/app/team")
    await page.get_by_role("link", name="Invite").click()
    await expect(page.get_by_label("E-mail")).to_be_focused()
    await page.fill("#cm-invite input[name=email]", email)
    await page.locator("#cm-invite select[name=role]").select_option(role)
    await page.get_by_role("button", name="Send the invitation").click()
    await expect(page.locator(".cm-toast")).to_contain_text("on its way")
    await expect(page.get_by_role("cell", name=email)).to_be_visible()
    return owner


async def test_a_stranger_follows_the_letter_signs_in_and_lands_with_the_role(
    page: Page, browser: Browser, live_server: str, live_services: Services
) -> None:
    email = address()
    await invited(page, live_services, email, "developer")
    async with other_browser(browser) as stranger:
        await follow_letter(stranger, live_server, email, "/app/invitation/")
        await expect(stranger.get_by_role("heading")).to_contain_text("You are asked into Namuna Repairs")
        await expect(stranger.get_by_text("Asha Namuna")).to_have_count(0)
        await stranger.get_by_role("link", name="Sign in, or sign up").click()
        await sign_in(stranger, live_services, email)
        await expect(stranger.get_by_role("heading")).to_contain_text("Asha Namuna asks you into")
        await expect(stranger.get_by_text("You would work there as: Developer.")).to_be_visible()
        await stranger.get_by_role("button", name="Come in").click()
        await expect(stranger.get_by_role("alert")).to_be_visible()
        await stranger.fill("input[name=full_name]", "Ravi Namuna")
        await stranger.get_by_text("I am 18 or older").click()
        await stranger.get_by_role("button", name="Come in").click()
        await expect(stranger).to_have_url(f"{live_server}/app/inbox")
        side = stranger.get_by_role("navigation", name="Workspace")
        await expect(side.get_by_text("Developer")).to_be_visible()
        await expect(side.get_by_role("link", name="API keys")).to_be_visible()
        for closed in ("Wallet", "Audit log"):
            await expect(side.get_by_role("link", name=closed)).to_have_count(0)
        await stranger.goto(f"{live_server}/app/audit")
        await expect(stranger.get_by_role("heading")).to_have_text("This door is closed to you.")
        await stranger.get_by_role("link", name="To your workspace").click()
        await expect(stranger).to_have_url(f"{live_server}/app/inbox")
    await page.goto(f"{live_server}/app/team")
    row = page.get_by_role("row").filter(has_text="Ravi Namuna")
    await expect(row).to_contain_text("Developer")


async def test_a_stolen_link_opens_nothing_to_another_address(
    page: Page, browser: Browser, live_server: str, live_services: Services
) -> None:
    email = address()
    await invited(page, live_services, email, "admin")
    link = f"{live_server}/app/invitation/{await link_to(live_services, email)}"
    thief = await workspace_of_someone(live_services)
    async with other_browser(browser) as stolen:
        await enter(stolen, live_services, thief)
        await stolen.goto(link)
        await expect(stolen.get_by_text("This invitation was sent to i•••@namuna.example")).to_be_visible()
        await expect(stolen.get_by_text("Asha Namuna")).to_have_count(0)
        assert email not in await stolen.content()
        await expect(stolen.get_by_role("button", name="Come in")).to_have_count(0)
        refused = await stolen.request.post(link, form={"full_name": "T", "adult": "on"})
        assert refused.status == 403
        await stolen.get_by_role("button", name="Sign out, to sign in with that address").click()
        await expect(stolen).to_have_url(f"{live_server}/")
    await page.goto(f"{live_server}/app/team")
    assert thief.actor.id
    async with live_services.db.control() as tx:
        stranger = (await accounts.profile(tx, thief.actor.id)).email
    await expect(page.get_by_role("row").filter(has_text=stranger)).to_have_count(0)
    await page.get_by_role("link", name="Invitations").click()
    await page.get_by_role("button", name="Withdraw").click()
    await expect(page.get_by_text("Nobody is invited")).to_be_visible()
    async with other_browser(browser) as late:
        await late.goto(link)
        await expect(late.get_by_role("alert")).to_have_text(
            re.compile(r"withdrawn|not work|over", re.IGNORECASE)
        )
