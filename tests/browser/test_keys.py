"""A key's whole life in a real browser, with the keyboard alone; and the proof that is asked for after a while."""

import re

import pytest
from playwright.async_api import Page, expect

from callmissed.foundation.services import Services
from tests.support.at_page import grow_old
from tests.support.doors import answers, enter, seen_focus, tab_to
from tests.support.mailbox import newest_code
from tests.support.people import address, workspace_of_someone

pytestmark = pytest.mark.browser

SECRET = re.compile(r"cm_\w{20,}")


async def put_away(page: Page) -> str:
    """Read the secret that is shown once, copy it, tick the box and go on; what it is."""
    shown = page.locator(".cm-secret")
    await expect(shown).to_be_visible()
    found = SECRET.search(await shown.inner_text())
    assert found
    await expect(page.get_by_role("button", name="Copy the key")).to_be_focused()
    await page.keyboard.press("Enter")
    await expect(page.locator(".cm-toast")).to_contain_text("Copied")
    assert await page.evaluate("navigator.clipboard.readText()") == found[0]
    await page.keyboard.press("Escape")
    await expect(shown, "it does not go before the box is ticked").to_be_visible()
    await expect(page.get_by_label("I have put it in a safe place")).to_be_focused()
    await seen_focus(page)
    await page.keyboard.press("Space")
    await page.keyboard.press("Tab")
    await expect(page.get_by_role("link", name="Done")).to_be_focused()
    await page.keyboard.press("Enter")
    await expect(shown).to_have_count(0)
    await page.wait_for_load_state()
    assert found[0] not in await page.content(), "shown once"
    return found[0]


async def make_one(page: Page, base_url: str) -> str:
    """Open the drawer, leave it, open it again with the letter C, and make a key; its secret."""
    await tab_to(page, page.get_by_role("link", name="New key"))
    await page.keyboard.press("Enter")
    await expect(page.get_by_label("Name")).to_be_focused()
    await page.keyboard.press("Escape")
    await expect(page.locator("#cm-new-key")).to_be_hidden()
    await expect(page).to_have_url(f"{base_url}/app/keys")
    await expect(page.get_by_role("link", name="New key")).to_be_focused()
    await page.keyboard.press("c")
    await expect(page.get_by_label("Name")).to_be_focused()
    await page.keyboard.type("till")
    await tab_to(page, page.get_by_role("button", name="Make key"))
    await page.keyboard.press("Enter")
    return await put_away(page)


async def restrict_to(page: Page, models: str) -> None:
    """Let the key use these models alone, and save."""
    await tab_to(page, page.get_by_role("link", name="Change till"))
    await page.keyboard.press("Enter")
    await tab_to(page, page.get_by_label("Models"))
    await page.keyboard.press("Control+a")
    await page.keyboard.type(models)
    await tab_to(page, page.get_by_role("button", name="Save"))
    await page.keyboard.press("Enter")
    await expect(page.get_by_text("1 model", exact=True)).to_be_visible()


async def rotate(page: Page) -> str:
    """Give the key a new secret, with the overlap that is offered; the new secret."""
    await tab_to(page, page.get_by_role("link", name="Rotate"))
    await page.keyboard.press("Enter")
    await expect(page.get_by_label("The old secret works on for")).to_be_focused()
    await tab_to(page, page.get_by_role("button", name="Make a new secret"))
    await page.keyboard.press("Enter")
    return await put_away(page)


async def revoke(page: Page) -> None:
    """Stop the key; the focus is first on keeping it."""
    await tab_to(page, page.get_by_role("link", name="Change till"))
    await page.keyboard.press("Enter")
    await tab_to(page, page.get_by_role("link", name="Revoke"))
    await page.keyboard.press("Enter")
    await expect(page.get_by_role("link", name="Keep it")).to_be_focused()
    await tab_to(page, page.get_by_role("button", name="Revoke"))
    await page.keyboard.press("Enter")
    await expect(page.get_by_text("revoked", exact=True)).to_be_visible()


async def test_a_key_lives_its_whole_life_without_a_mouse(
    page: Page, live_server: str, live_services: Services
) -> None:
    await enter(page, live_services, await workspace_of_someone(live_services))
    await page.context.grant_permissions(["clipboard-read", "clipboard-write"])
    await page.goto(f"{live_server}/app/keys")
    first = await make_one(page, live_server)
    await answers(live_server, first, 200)
    await restrict_to(page, "elsewhere/*")
    await answers(live_server, first, 403)
    await restrict_to(page, "local/*")
    await answers(live_server, first, 200)
    second = await rotate(page)
    assert second != first
    await expect(page.get_by_text("changing over")).to_be_visible()
    for secret in (first, second):
        await answers(live_server, secret, 200)
    await revoke(page)
    for secret in (first, second):
        await answers(live_server, secret, 401)


async def test_after_a_while_a_new_key_asks_who_is_there_and_forgets_nothing(
    page: Page, live_server: str, live_services: Services
) -> None:
    email = address()
    owner = await workspace_of_someone(live_services, email)
    await enter(page, live_services, owner)
    assert owner.actor.id
    await grow_old(live_services, owner.actor.id)
    await page.goto(f"{live_server}/app/keys?new=1")
    await page.fill("input[name=name]", "kiosk at the gate")
    await page.get_by_role("button", name="Make key").click()
    await expect(page.get_by_role("heading", name="Is it you?")).to_be_visible()
    await page.get_by_role("button", name="Show that it is me").click()
    await expect(page.locator("input[name=prove_code]")).to_be_visible()
    await page.fill("input[name=prove_code]", await newest_code(live_services, email))
    await page.get_by_role("button", name="Go on").click()
    await expect(page.locator(".cm-secret")).to_be_visible()
    await expect(page.get_by_role("cell", name="kiosk at the gate", exact=True)).to_be_attached()
