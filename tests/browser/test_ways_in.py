"""The ways in, as people walk them in a real Chromium: an app, recovery codes, a provider, a rule of the workspace, a proof."""

import re

import pytest
from playwright.async_api import Page, expect

from callmissed.identity import ways_in
from tests.support.at_page import (
    Device,
    add_passkey,
    come_in,
    grow_old,
    methods,
    session_in,
    sign_out,
    sign_up,
)
from tests.support.factors import SECURITY, Phone
from tests.support.mailbox import newest_code
from tests.support.providers import SECRET, honest_provider
from tests.support.visitors import new_address

pytestmark = pytest.mark.browser


async def add_app(page: Page, here: str) -> tuple[Phone, list[str]]:
    """Set up an app: the phone, and the recovery codes that are shown once."""
    await page.goto(f"{here}{SECURITY}")
    await page.get_by_role("link", name="Add an app").click()
    await page.locator("#f-app_name").fill("My phone")
    await page.get_by_role("button", name="Go on").click()
    await expect(page.get_by_role("img", name="The picture to scan with the app")).to_be_visible()
    phone = Phone((await page.locator(".cm-secret").inner_text()).strip())
    await page.locator("input[name=code]").fill(phone.shows())
    await page.get_by_role("button", name="Put it to use").click()
    await expect(page.get_by_role("dialog")).to_contain_text("Your recovery codes")
    recovery = await page.locator(".ac-codes span").all_inner_texts()
    assert len(recovery) == 10
    await page.get_by_label("I have put them in a safe place").check()
    await page.get_by_role("link", name="Done").click()
    await expect(page.get_by_text("10 of 10 left")).to_be_visible()
    phone.off_seconds = 30  # the next code: this half minute's is used
    return phone, recovery


async def test_with_an_app_there_is_a_second_step_and_paper_stands_in_for_it(
    page: Page, live_services, live_server
) -> None:
    address = await sign_up(page, live_services, live_server)
    phone, recovery = await add_app(page, live_server)
    await sign_out(page)
    await come_in(page, live_services, live_server, address)
    await expect(page.get_by_role("heading", name="One more step")).to_be_visible()
    await page.locator("input[name=code]").fill("000000")
    await page.get_by_role("button", name="Sign in", exact=True).click()
    await expect(page.get_by_role("alert")).to_contain_text("not the code that your app shows")
    await page.locator("input[name=code]").fill(phone.shows())
    await page.get_by_role("button", name="Sign in", exact=True).click()
    await page.wait_for_url(re.compile(r"\d/app/inbox"))
    assert await methods(page, live_services) == ("code", "totp")
    await sign_out(page)
    await come_in(page, live_services, live_server, address)
    await page.get_by_role("link", name="The device is lost").click()
    await page.get_by_label("Recovery code").fill(recovery[3].lower())
    await page.get_by_role("button", name="Sign in", exact=True).click()
    await page.wait_for_url(re.compile(r"\d/app/inbox"))
    await page.goto(f"{live_server}{SECURITY}")
    await expect(page.get_by_text("9 of 10 left")).to_be_visible()


async def test_through_a_provider_the_address_is_proven_once(page: Page, live_services, live_server) -> None:
    back = f"{live_server}/sign-in/with/honest/back"
    async with honest_provider(back) as honest:
        settings = ways_in.ProviderSettings("honest", "Honest", honest.issuer, "callmissed", SECRET)
        live_services.get(ways_in.Providers).offer(settings)
        address = new_address()
        await honest.seat(sub="asha-1", email=address, email_verified=True, name="Asha Kulkarni")
        await page.goto(f"{live_server}/sign-in?next=/app/keys")
        await page.get_by_role("link", name="Go on with Honest").click()
        await page.wait_for_url(re.compile("/sign-in/code"))
        await page.locator("input[name=code]").fill(await newest_code(live_services, address))
        await page.get_by_role("button", name="Sign in", exact=True).click()
        await page.wait_for_url(re.compile("/welcome"))
        await page.get_by_label("Your name").fill("Asha Kulkarni")
        await page.get_by_label("Your organisation").fill("Namuna Repairs")
        await page.get_by_label("I am 18 or older").check()
        await page.get_by_role("button", name="Open my workspace").click()
        await page.wait_for_url(re.compile("/app/keys"))
        await sign_out(page)
        await page.goto(f"{live_server}/sign-in")
        await page.get_by_role("link", name="Go on with Honest").click()
        await page.wait_for_url(re.compile("/app/inbox"))
        assert await methods(page, live_services) == ("oidc",)
        await page.goto(f"{live_server}{SECURITY}")
        await page.get_by_role("button", name="Unlink").click()
        await expect(page.get_by_role("link", name="Link", exact=True)).to_be_visible()


async def test_a_workspace_that_asks_for_more_leads_to_it_and_on(
    page: Page, device: Device, live_services, here
) -> None:
    await sign_up(page, live_services, here)
    await page.goto(f"{here}/app/sign-in-rules")
    await page.get_by_label("Every member needs a passkey or a second step").check()
    await page.get_by_role("button", name="Save").click()
    await page.goto(f"{here}/app/keys")
    await expect(page.get_by_role("heading", name="One thing before you go on")).to_be_visible()
    await add_passkey(page, here, "Phone")
    await page.goto(f"{here}/app/keys")
    await expect(page.get_by_role("heading", name="One thing before you go on")).to_have_count(0)
    assert await methods(page, live_services) == ("code", "passkey")


async def test_a_finger_is_proof_enough_and_what_was_typed_goes_on(
    page: Page, device: Device, live_services, here
) -> None:
    await sign_up(page, live_services, here)
    await add_passkey(page, here, "Phone")
    await grow_old(live_services, (await session_in(page, live_services)).user_id)
    await page.goto(f"{here}/app/keys?new=1")
    await page.get_by_label("Name").first.fill("Website")
    await page.get_by_role("button", name="Make key").click()
    await expect(page.get_by_role("heading", name="Is it you?")).to_be_visible()
    await page.get_by_role("button", name="Show that it is me").click()
    await page.get_by_role("button", name="Use your passkey").click()
    await expect(page.get_by_text("cm_", exact=False).first).to_be_visible()
    await expect(page.get_by_text("Website").first).to_be_visible()
