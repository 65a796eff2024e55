"""Pictures in the playground in a real browser: words become pictures that are shown, kept, priced before and after, and erased."""

from typing import Any

import pytest
from playwright.async_api import Page, expect

from callmissed.foundation.services import Services
from tests.browser.test_inbox import enter

pytestmark = pytest.mark.browser


@pytest.fixture
async def images(page: Page, live_services: Services, demo: dict[str, Any]) -> Page:
    """The page, opened by the demo's owner."""
    await enter(page.context, live_services, demo)
    await page.goto(f"{demo['base_url']}/app/playground")
    await page.get_by_role("link", name="Pictures").click()
    return page


async def test_pictures_are_made_seen_and_erased(images: Page) -> None:
    shown = images.locator(".pl-picture")
    await expect(images.locator("#pl-none")).to_be_visible()
    await images.get_by_label("What to show").fill("सुबह की चाय")
    await images.get_by_label("How many").fill("2")
    await expect(images.locator("[data-most]")).to_have_text("Costs ₹0.50")
    await images.get_by_role("button", name="Make").click()
    await expect(images.locator(".state")).to_have_text("done", timeout=30_000)
    await expect(shown).to_have_count(2)
    await expect(images.locator(".pl-figures")).to_contain_text("2 pictures")
    await expect(images.locator("#pl-total")).to_have_text("₹0.50")
    picture = shown.first.get_by_role("img", name="सुबह की चाय")
    await expect(picture).to_be_visible()
    assert await picture.evaluate("each => each.decode().then(() => each.naturalWidth)") == 1024
    async with images.expect_download() as saving:
        await shown.first.get_by_role("link", name="Save").click()
    assert (await saving.value).suggested_filename.endswith(".png")
    await images.get_by_role("button", name="curl").click()
    await expect(images.locator(".pl-program")).to_contain_text('"n": 2')
    await shown.first.get_by_role("button", name="Erase").click()
    await expect(shown).to_have_count(1)
    await expect(images.locator("#pl-none")).to_have_count(0)


async def test_what_is_wrong_is_said_on_the_page(images: Page) -> None:
    words = images.get_by_label("What to show")
    await words.fill("x" * 301)
    await expect(images.locator("[data-most]")).to_have_text("This model reads at most 300 characters.")
    await expect(images.get_by_role("button", name="Make")).to_be_disabled()
    await words.fill("茶")
    await images.get_by_role("button", name="Make").click()
    await expect(images.locator(".state")).to_have_text("failed", timeout=30_000)
    await expect(images.locator(".notes")).to_contain_text("no letter for U+8336")
    await expect(images.locator("#pl-total")).to_have_text("₹0.00")
