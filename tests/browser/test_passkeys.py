"""Passkeys in a real Chromium, with the authenticator of its developer tools: made, used, named, refused, removed."""

import re

import pytest
from playwright.async_api import Page, expect

from tests.support.at_page import Device, add_passkey, methods, sign_out, sign_up
from tests.support.factors import SECURITY

pytestmark = pytest.mark.browser


async def test_a_passkey_is_made_used_and_removed(page: Page, device: Device, live_services, here) -> None:
    await sign_up(page, live_services, here)
    await add_passkey(page, here, "Work laptop")
    [key] = await device.keys()
    assert key["isResidentCredential"]
    assert key["rpId"] == "localhost"
    assert await methods(page, live_services) == ("code", "passkey")
    await sign_out(page)

    # In a browser that offers nothing by itself there is the button.
    await page.add_init_script("PublicKeyCredential.isConditionalMediationAvailable = async () => false;")
    await page.goto(f"{here}/sign-in?next=/app/keys")
    await page.locator("#cm-first").get_by_role("button", name="Use a passkey").click()
    await page.wait_for_url(f"{here}/app/keys")
    assert await methods(page, live_services) == ("passkey",)
    assert (await device.keys())[0]["signCount"] > key["signCount"]

    await page.goto(f"{here}{SECURITY}")
    await page.get_by_role("link", name="Rename").click()
    await page.get_by_role("dialog").get_by_role("textbox").fill("Old laptop")
    await page.get_by_role("button", name="Save").click()
    await expect(page.get_by_text("Old laptop", exact=True)).to_be_visible()
    await page.get_by_role("link", name="Remove").click()
    await page.get_by_role("button", name="Remove").click()
    await expect(page.get_by_text("Old laptop")).to_have_count(0)
    await sign_out(page)
    await page.goto(f"{here}/sign-in")
    await page.get_by_role("button", name="Use a passkey").click()  # the device still holds it
    await expect(page.get_by_text("This passkey could not be used here")).to_be_visible()


async def test_the_email_field_offers_a_passkey_by_itself(
    page: Page, device: Device, live_services, here
) -> None:
    await sign_up(page, live_services, here)
    await add_passkey(page, here, "Phone")
    await sign_out(page)
    await page.goto(f"{here}/sign-in")  # conditional: the device answers without anything being pressed
    await page.wait_for_url(re.compile(r"\d/app/inbox"))
    assert await methods(page, live_services) == ("passkey",)


async def test_without_its_owners_finger_a_passkey_is_worth_nothing(
    page: Page, device: Device, live_services, here
) -> None:
    await sign_up(page, live_services, here)
    await device.recognise(owner=False)
    await page.goto(f"{here}{SECURITY}/new/passkey")
    await page.locator("#f-passkey_name").fill("Phone")
    await page.get_by_role("button", name="Make it").click()
    await expect(page.get_by_text("No passkey was made")).to_be_visible()
    assert await device.keys() == []


async def test_a_copied_passkey_is_noticed(page: Page, device: Device, live_services, here) -> None:
    await sign_up(page, live_services, here)
    await add_passkey(page, here, "Phone")
    [key] = await device.keys()
    await sign_out(page)
    await page.goto(f"{here}/sign-in")
    await page.wait_for_url(re.compile(r"\d/app/inbox"))
    await sign_out(page)
    # The copy still counts from where it was taken.
    await device.tools.send("WebAuthn.clearCredentials", {"authenticatorId": device.id})
    await device.tools.send(
        "WebAuthn.addCredential", {"authenticatorId": device.id, "credential": {**key, "signCount": 0}}
    )
    await page.goto(f"{here}/sign-in")
    await expect(page.get_by_text("there may be a copy of it")).to_be_visible()


async def test_by_number_the_page_says_where_passkeys_work(page: Page, live_services, live_server) -> None:
    await sign_up(page, live_services, live_server)
    await page.goto(f"{live_server}{SECURITY}/new/passkey")
    link = page.locator("dialog a", has_text="http://localhost:")
    await expect(link).to_have_attribute("href", live_server.replace("127.0.0.1", "localhost") + SECURITY)
