"""The audit log in a real browser: filtered, taken away as a sheet, and proven by the reader's own browser."""

import csv
import io
from pathlib import Path

import pytest
from playwright.async_api import Page, expect

from callmissed.foundation.audit import seal_all
from callmissed.foundation.services import Services
from callmissed.identity import create_key
from tests.support.doors import enter
from tests.support.people import workspace_of_someone

pytestmark = pytest.mark.browser


async def test_a_line_is_found_taken_away_and_proven(
    page: Page, live_server: str, live_services: Services
) -> None:
    owner = await workspace_of_someone(live_services)
    async with live_services.db.tenant(owner) as tx:
        for name in ("till", "kiosk"):
            await create_key(tx, name, permissions=["llm"])
    await seal_all(live_services.db)
    await enter(page, live_services, owner)
    await page.goto(f"{live_server}/app/audit")
    lines = page.locator(".au-log > details")
    assert await lines.count() > 2
    await page.keyboard.press("/")
    await expect(page.locator("select[name=action]")).to_be_focused()
    await page.locator("select[name=action]").select_option(label="An API key was made.")
    await page.get_by_role("button", name="Show").click()
    await expect(lines).to_have_count(2)
    await expect(lines.first).to_contain_text("Asha Namuna")

    async with page.expect_download() as waiting:
        await page.get_by_role("link", name="CSV").click()
    sheet = await (await waiting.value).path()
    rows = list(csv.DictReader(io.StringIO(Path(sheet).read_text(encoding="utf-8"))))
    assert [row["action"] for row in rows] == ["identity:key:created"] * 2

    await lines.first.locator("summary").click()
    await lines.first.get_by_role("button", name="Prove it").click()
    await expect(lines.first.locator("output")).to_contain_text("the signature match")

    await page.locator("select[name=actor]").select_option(label="Visitors")
    await page.get_by_role("button", name="Show").click()
    await expect(page.get_by_text("Nothing fits")).to_be_visible()
    await page.get_by_role("link", name="Show everything").click()
    await expect(page.locator(".what", has_text="The workspace was founded.")).to_be_visible()
