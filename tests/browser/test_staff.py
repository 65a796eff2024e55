"""The operator's staff ask to look, with real browsers: the tenant says yes, sees each row that was read, and ends it."""

from uuid import UUID

import pytest
from playwright.async_api import Browser, Page, expect

from callmissed.foundation.services import Services
from callmissed.identity import sessions
from tests.support.closing import firm_at_work
from tests.support.doors import enter, hold, other_browser
from tests.support.staff import REASON, staff_member

pytestmark = pytest.mark.browser


async def ask_to_look(staff: Page, base_url: str, tenant_id: UUID) -> None:
    """Ask in the console to see a workspace's bots; a reason that says nothing is refused first."""
    await staff.goto(f"{base_url}/operator/access")
    await staff.get_by_role("link", name="Ask a workspace").click()
    await staff.get_by_label("Workspace", exact=True).select_option(str(tenant_id))
    await staff.get_by_label("What you need to see").select_option(label="Bots")
    await staff.get_by_label("Why", exact=True).fill("Too short")
    await staff.get_by_role("button", name="Send the request").click()
    await expect(staff.get_by_label("Why", exact=True)).to_have_attribute("aria-invalid", "true")
    await staff.get_by_label("Why", exact=True).fill(REASON)
    await staff.get_by_role("button", name="Send the request").click()


async def test_staff_ask_the_tenant_allows_and_its_log_shows_what_was_read(
    page: Page, browser: Browser, live_server: str, live_services: Services
) -> None:
    firm = await firm_at_work(live_services)
    support = await staff_member(live_services, "support")
    await enter(page, live_services, firm.owner)
    async with live_services.db.control() as tx:
        token = await sessions.open_session(tx, support, None, "Firefox/140.0")
    async with other_browser(browser) as staff:
        await hold(staff.context, live_server, token)
        await ask_to_look(staff, live_server, firm.tenant_id)
        mine = staff.locator(".op-request").first
        await expect(mine).to_contain_text("waits for an answer")
        await expect(mine.get_by_role("link", name="Look")).to_have_count(0)

        await page.goto(f"{live_server}/app/staff-access")
        await expect(page.get_by_text(REASON)).to_be_visible()
        await page.get_by_role("button", name="Let them look for 30 minutes").click()
        await expect(page.get_by_text("open now")).to_be_visible()

        await staff.reload()
        await mine.get_by_role("link", name="Look").click()
        await expect(staff.get_by_role("heading", name="Sahayak")).to_be_visible()
        await expect(staff.get_by_text("When do you open?")).to_have_count(0)
        look = staff.url

        await page.reload()
        await expect(page.get_by_text("read one of the bots")).to_be_visible()
        await page.goto(f"{live_server}/app/audit")
        await page.locator("select[name=actor]").select_option(label="Operator's staff")
        await page.get_by_role("button", name="Show").click()
        await expect(
            page.locator(".what", has_text="The operator's staff read a row: bot.").first
        ).to_be_visible()
        await expect(page.locator(".who", has_text="staff-").first).to_be_visible()
        await expect(page.locator(".who", has_text="Asha Namuna")).to_have_count(0)

        await page.goto(f"{live_server}/app/staff-access")
        await page.get_by_role("button", name="End it now").click()
        await expect(page.locator(".cm-tag", has_text="ended")).to_be_visible()
        refused = await staff.goto(look)
        assert refused and refused.status in {403, 404, 410}
        await expect(staff.get_by_role("heading", name="Sahayak")).to_have_count(0)
