"""What the browser tests of the ways in share."""

import pytest
from playwright.async_api import Page

from tests.support.at_page import Device


@pytest.fixture
async def device(page: Page) -> Device:
    """A device that answers for the page."""
    page.set_default_timeout(20_000)
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
