"""Passkeys in a real Chromium, with the authenticator of its developer tools: made, used, named, refused, removed."""

import re
from typing import Any

import pytest
from playwright.async_api import CDPSession, Page, expect

from callmissed.foundation.services import Services
from callmissed.identity import sessions
from tests.support.mailbox import newest_code
from tests.support.visitors import new_address

pytestmark = pytest.mark.browser

SECURITY = "/app/account/security"


class Device:
    """The authenticator in the browser: a phone with a fingerprint."""

    def __init__(self, tools: CDPSession, device_id: str) -> None:
        self.tools = tools
        self.id = device_id

    async def keys(self) -> list[dict[str, Any]]:
        """The passkeys in it."""
        held = await self.tools.send("WebAuthn.getCredentials", {"authenticatorId": self.id})
        return held["credentials"]

    async def recognise(self, *, owner: bool) -> None:
        """Whether the next finger on it is its owner's."""
        told = {"authenticatorId": self.id, "isUserVerified": owner}
        await self.tools.send("WebAuthn.setUserVerified", told)


@pytest.fixture
async def device(page: Page) -> Device:
    """A device that answers for the page."""
    page.set_default_timeout(8000)
    tools = await page.context.new_cdp_session(page)
    await tools.send("WebAuthn.enable", {"enableUI": False})
    options = {
        "protocol": "ctap2",
        "transport": "internal",
        "hasResidentKey": True,
        "hasUserVerification": True,
        "isUserVerified": True,
        "automaticPresenceSimulation": True,
    }
    made = await tools.send("WebAuthn.addVirtualAuthenticator", {"options": options})
    return Device(tools, made["authenticatorId"])


@pytest.fixture
def here(live_server: str) -> str:
    """The server under a name: browsers make no passkeys for bare addresses."""
    return live_server.replace("127.0.0.1", "localhost")


async def sign_up(page: Page, services: Services, here: str) -> str:
    """A new person with a workspace: their address."""
    address = new_address()
    await page.goto(f"{here}/sign-in")
    await page.get_by_label("E-mail").fill(address)
    await page.get_by_role("button", name="Send me a code").click()
    await page.wait_for_url(re.compile("/sign-in/code"))
    await page.locator("input[name=code]").fill(await newest_code(services, address))
    await page.get_by_role("button", name="Sign in").click()
    await page.wait_for_url(re.compile("/welcome"))
    await page.get_by_label("Your name").fill("Asha Namuna")
    await page.get_by_label("Your organisation").fill("Namuna Repairs")
    await page.get_by_label("I am 18 or older").check()
    await page.get_by_role("button", name="Open my workspace").click()
    await page.wait_for_url(re.compile(r"\d/app/inbox"))
    return address


async def add_passkey(page: Page, here: str, name: str) -> None:
    """Make a passkey, with the keyboard alone."""
    await page.goto(f"{here}{SECURITY}")
    await page.get_by_role("link", name="Add a passkey").focus()
    await page.keyboard.press("Enter")
    await page.locator("#f-passkey_name").fill(name)
    await page.keyboard.press("Enter")
    await expect(page.get_by_text(name, exact=True)).to_be_visible()


async def sign_out(page: Page) -> None:
    """Leave."""
    await page.locator("details.cm-menu summary", has_text="Your account").click()
    await page.get_by_role("button", name="Sign out").click()
    await page.wait_for_url(re.compile(r"/$"))


async def methods(page: Page, services: Services) -> tuple[str, ...]:
    """How the session in this browser was proven."""
    cookies = {each.get("name"): each.get("value") for each in await page.context.cookies()}
    async with services.db.control() as tx:
        who = await sessions.current(tx, str(cookies["cm_session"]))
    assert who
    return who.methods


async def test_a_passkey_is_made_used_and_removed(page: Page, device: Device, live_services, here) -> None:
    await sign_up(page, live_services, here)
    await add_passkey(page, here, "Work laptop")
    [key] = await device.keys()
    assert key["isResidentCredential"]
    assert key["rpId"] == "localhost"
    assert await methods(page, live_services) == ("code", "passkey")
    await sign_out(page)

    await device.tools.send(
        "WebAuthn.setAutomaticPresenceSimulation", {"authenticatorId": device.id, "enabled": False}
    )
    await page.goto(f"{here}/sign-in?next=/app/keys")
    first = page.locator("#cm-first")
    await expect(first.get_by_role("button", name="Use a passkey")).to_be_visible()
    await device.tools.send(
        "WebAuthn.setAutomaticPresenceSimulation", {"authenticatorId": device.id, "enabled": True}
    )
    await first.get_by_role("button", name="Use a passkey").click()
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
    await page.goto(f"{here}/sign-in")  # the device offers what it still holds by itself
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
