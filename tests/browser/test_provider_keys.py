"""Provider keys in a real browser: brought with the keyboard alone, refused, accepted, taken out; and everything fits on a narrow screen."""

from collections.abc import AsyncGenerator
from pathlib import Path

import pytest
from playwright.async_api import Browser, Page, expect

from callmissed.foundation.i18n import COOKIE
from callmissed.foundation.services import Services
from callmissed.foundation.tenancy import Access
from tests.browser.test_fit import wrong_with
from tests.rooms.gateway.own import HIS, OPERATORS, WRONG, taking
from tests.rooms.gateway.served import serving
from tests.support.doors import enter, hold, seen_focus, tab_to
from tests.support.people import workspace_of_someone
from tests.support.signed_in import token_of
from tests.support.supplier import Supplier, running_supplier

pytestmark = pytest.mark.browser

HOME = "/app/keys/providers"


@pytest.fixture
async def supplier(live_services: Services, tmp_path: Path) -> AsyncGenerator[Supplier]:
    """Three suppliers that take keys: on the platform's account too, on the workspace's alone, and abroad."""
    async with running_supplier(OPERATORS, HIS) as made:
        parts = (
            taking("openai", made.base_url, "may", models=("gpt", "vectors")),
            taking("sarvam", made.base_url, "must", key="", contract=""),
            taking("anthropic", made.base_url, "may", region="US", kind="anthropic"),
        )
        async with serving(live_services, tmp_path, *parts, india_only=False):
            yield made


async def bring(page: Page, name: str, secret: str) -> None:
    """Fill the drawer of a supplier with the keyboard, and save."""
    row = page.get_by_role("row", name=name)
    await tab_to(page, row.get_by_role("link", name="Bring a key"))
    await seen_focus(page)
    await page.keyboard.press("Enter")
    await expect(page.get_by_label("Key", exact=True)).to_be_focused()
    await page.keyboard.type(secret)
    await page.get_by_label("Contract", exact=True).fill("Enterprise agreement 7")
    await page.get_by_label("Dated").fill("2026-03-01")
    await page.get_by_label("This contract excludes").check()
    await tab_to(page, page.get_by_role("button", name="Check and save"))
    await page.keyboard.press("Enter")


async def test_a_key_is_brought_and_taken_out_again(
    page: Page, live_server: str, live_services: Services, supplier: Supplier
) -> None:
    await enter(page, live_services, await workspace_of_someone(live_services))
    await page.goto(f"{live_server}/app/keys")
    await page.get_by_role("link", name="Provider keys").click()
    await bring(page, "openai", WRONG)
    await expect(page.get_by_text("The supplier does not accept this key")).to_be_visible()
    await expect(page.get_by_label("Contract", exact=True)).to_have_value("Enterprise agreement 7")
    await expect(page.get_by_label("Key", exact=True)).to_have_value("")
    await page.get_by_label("Key", exact=True).fill(HIS)
    await page.get_by_role("button", name="Check and save").click()
    await expect(page.get_by_text("The supplier accepts the key.")).to_be_visible()
    await expect(page.get_by_text(f"••••{HIS[-4:]}")).to_be_visible()
    assert HIS not in await page.content()
    supplier.customers = {OPERATORS}
    await page.get_by_role("button", name="Check").click()
    await expect(page.get_by_text("refused since")).to_be_visible()
    await page.get_by_role("link", name="Take out openai").click()
    await expect(page.get_by_role("link", name="Keep it")).to_be_focused()
    await page.get_by_role("button", name="Take it out").click()
    await expect(page.get_by_text(f"••••{HIS[-4:]}")).to_have_count(0)


async def with_keys(services: Services, live_server: str, browser: Browser) -> Access:
    """A workspace with a key that is accepted and one that is refused."""
    access = await workspace_of_someone(services)
    context = await browser.new_context()
    await hold(context, live_server, await token_of(services, access))
    page = await context.new_page()
    for name in ("openai", "sarvam"):
        await page.goto(live_server + HOME)
        await bring(page, name, HIS)
        await expect(page.get_by_text("The supplier accepts the key.")).to_be_visible()
    await context.close()
    return access


@pytest.mark.parametrize(("language", "theme"), [("en", "light"), ("hi", "dark")])
async def test_it_fits_on_a_narrow_screen(
    browser: Browser, live_server: str, live_services: Services, supplier: Supplier, language: str, theme: str
) -> None:
    access = await with_keys(live_services, live_server, browser)
    context = await browser.new_context(
        viewport={"width": 390, "height": 844}, color_scheme="dark" if theme == "dark" else "light"
    )
    await context.add_cookies([{"name": COOKIE, "value": language, "url": live_server}])
    await hold(context, live_server, await token_of(live_services, access))
    page = await context.new_page()
    found: dict[str, list[str]] = {}
    for path in (HOME, f"{HOME}/bring?upstream=openai", f"{HOME}/bring?upstream=anthropic"):
        await page.goto(live_server + path)
        if wrong := await wrong_with(page):
            found[path] = wrong
    await context.close()
    assert found == {}
