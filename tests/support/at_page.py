"""A person at a real browser: signing up, in and out, with a device that holds passkeys."""

import re
from datetime import timedelta
from typing import Any
from uuid import UUID

from playwright.async_api import CDPSession, Page, expect
from sqlalchemy import update

from callmissed.foundation.services import Services
from callmissed.identity import sessions
from callmissed.identity.models import Session
from tests.support.doors import sign_in
from tests.support.factors import SECURITY
from tests.support.visitors import new_address


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


async def sign_up(page: Page, services: Services, here: str) -> str:
    """A new person with a workspace: their address."""
    address = new_address()
    await page.goto(f"{here}/sign-in")
    await sign_in(page, services, address)
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
    return (await session_in(page, services)).methods


async def come_in(page: Page, services: Services, here: str, address: str) -> None:
    """Come in with a code by mail, up to where that leads."""
    await page.goto(f"{here}/sign-in")
    await sign_in(page, services, address)


async def session_in(page: Page, services: Services) -> sessions.Current:
    """The session this browser holds."""
    cookies = {each.get("name"): each.get("value") for each in await page.context.cookies()}
    async with services.db.control() as tx:
        who = await sessions.current(tx, str(cookies["cm_session"]))
    assert who
    return who


async def grow_old(services: Services, user_id: UUID) -> None:
    """Let it be a while since this person showed who they are. The clock stays: other tests live by it as well."""
    async with services.db.control() as tx:
        earlier = Session.verified_at - timedelta(minutes=20)
        await tx.session.execute(
            update(Session).where(Session.user_id == user_id).values(verified_at=earlier)
        )
