"""Signing up, out and in again in a real browser: an address, the code from the outbox, who you are, and you are inside."""

import re

import pytest
from playwright.async_api import Page, expect

from callmissed.foundation.ids import uuid7

pytestmark = pytest.mark.browser


async def ask_for_code(page: Page, base_url: str, address: str) -> str:
    """Ask for a code on the page of signing in, and read it from the outbox in another tab."""
    await page.goto(f"{base_url}/sign-in")
    await page.fill("input[name=email]", address)
    await page.keyboard.press("Enter")
    await expect(page.locator("input[name=code]")).to_be_focused()
    outbox = await page.context.new_page()
    await outbox.goto(f"{base_url}/outbox")
    letter = outbox.get_by_role("link", name=re.compile("code", re.IGNORECASE)).first
    await expect(letter).to_be_visible()
    text = await outbox.locator("body").inner_text()
    await outbox.close()
    found = re.search(r"\b(\d{3}) ?(\d{3})\b", text)
    assert found
    return "".join(found.groups())


async def test_a_wrong_code_is_told_and_the_right_one_lets_in(page: Page, live_server: str) -> None:
    code = await ask_for_code(page, live_server, f"p{uuid7().hex}@namuna.example")
    await page.fill("input[name=code]", "000000" if code != "000000" else "111111")
    await page.keyboard.press("Enter")
    await expect(page.get_by_role("alert")).to_contain_text("not the code")
    await page.fill("input[name=code]", code)
    await page.keyboard.press("Enter")
    await expect(page.get_by_role("heading", name="Welcome")).to_be_visible()
    await page.fill("input[name=full_name]", "Asha Namuna")
    await page.fill("input[name=organisation]", "Namuna Repairs")
    await page.get_by_text("I am 18 or older").click()
    await page.get_by_role("button", name="Open my workspace").click()
    await expect(page).to_have_url(re.compile("/app/"))
    [cookie] = [each for each in await page.context.cookies() if each.get("name") == "cm_session"]
    assert (cookie.get("httpOnly"), cookie.get("sameSite")) == (True, "Lax")


@pytest.mark.parametrize("width", [390, 1280])
async def test_the_page_fits_speaks_hindi_and_loads_nothing_from_elsewhere(
    page: Page, live_server: str, width: int
) -> None:
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url))
    await page.set_viewport_size({"width": width, "height": 844})
    await page.goto(f"{live_server}/sign-in?lang=hi")
    await expect(page.locator("html")).to_have_attribute("lang", "hi")
    assert await page.evaluate("document.documentElement.scrollWidth <= innerWidth")
    assert [url for url in asked if not url.startswith((live_server, "data:"))] == []
