"""The inbox in a real browser, with a visitor in another: seen at once, taken over, answered, handed back."""

from collections.abc import AsyncGenerator
from typing import Any

import pytest
from playwright.async_api import Browser, BrowserContext, Page, expect

from callmissed.foundation import directory
from callmissed.foundation.services import Services
from callmissed.identity import accounts, sessions

pytestmark = pytest.mark.browser


@pytest.fixture
async def signed_in(page: Page, live_services: Services, demo: dict[str, Any]) -> Page:
    """The demo's owner, signed in."""
    await enter(page.context, live_services, demo)
    return page


async def enter(context: BrowserContext, live_services: Services, demo: dict[str, Any]) -> None:
    async with live_services.db.control() as tx:
        owner = await accounts.account_for(tx, demo["owner_email"], "en")
        entry = await directory.find(tx, sessions.WORKS_IN, str(owner.id))
        assert entry
        token = await sessions.open_session(tx, owner.id, entry.tenant_id, "a test")
    name = sessions.cookie_name(production=False)
    await context.add_cookies([{"name": name, "value": token, "url": demo["base_url"]}])


@pytest.fixture
async def visitor(browser: Browser, demo: dict[str, Any]) -> AsyncGenerator[Page]:
    """A visitor in a browser of their own."""
    context = await browser.new_context(viewport={"width": 400, "height": 680}, locale="en-IN")
    opened = await context.new_page()
    await opened.goto(f"{demo['base_url']}/widget/{demo['widget_id']}/frame")
    yield opened
    await context.close()


async def write(visitor: Page, text: str) -> None:
    await visitor.fill("#text", text)
    await visitor.keyboard.press("Enter")


async def test_a_conversation_is_seen_taken_over_answered_and_handed_back(
    signed_in: Page, visitor: Page, demo: dict[str, Any]
) -> None:
    await signed_in.goto(f"{demo['base_url']}/app/inbox?view=with_bot")
    await expect(signed_in.locator("#list")).to_be_visible()
    await write(visitor, "How much does an AC service cost, roughly?")
    line = signed_in.locator(".cm-convo").first
    await expect(line).to_be_visible()
    await expect(visitor.locator("#log .is-bot")).to_have_count(2)
    await line.click()
    await expect(signed_in.locator("#messages")).to_contain_text("AC service cost, roughly?")
    await expect(signed_in.locator("#messages .cm-source").first).to_be_visible()

    await write(visitor, "I want to talk to a person")
    await expect(signed_in.locator("#messages")).to_contain_text("wants a person")
    await signed_in.keyboard.press("r")
    await expect(signed_in.locator("#answer")).to_be_focused()
    await expect(visitor.get_by_text("A person has joined.")).to_be_visible()
    await signed_in.fill("#answer", "Namaste, this is Anjali.")
    await signed_in.keyboard.press("Control+Enter")
    await expect(visitor.locator("#log .is-person")).to_contain_text("Namaste, this is Anjali.")
    await expect(signed_in.locator("#answer")).to_have_value("")

    await write(visitor, "What is the warranty on a repair?")
    await expect(signed_in.locator("#messages")).to_contain_text("What is the warranty on a repair?")
    await expect(visitor.locator("#log .is-bot")).to_have_count(2)  # the bot is silent

    await signed_in.get_by_role("heading", name="Inbox").click()
    await signed_in.keyboard.press("b")
    await expect(visitor.get_by_text("The assistant answers again.")).to_be_visible()
    await expect(visitor.locator("#log .is-bot")).to_have_count(3)
    await expect(signed_in.locator("#messages")).to_contain_text("You gave it back to the bot")

    await signed_in.keyboard.press("e")
    await expect(signed_in.locator("#compose")).to_contain_text("Resolved.")
    await expect(visitor.get_by_text("Marked as settled.")).to_be_visible()


async def test_typed_words_survive_news_and_errors(
    signed_in: Page, visitor: Page, demo: dict[str, Any]
) -> None:
    await visitor.get_by_role("button", name="Talk to a person").click()
    await expect(visitor.get_by_text("A person has been asked to join.")).to_be_visible()
    await write(visitor, "Parrot 7719")
    await expect(visitor.locator("#log .is-mine")).to_have_count(1)
    await signed_in.goto(f"{demo['base_url']}/app/inbox")
    await signed_in.locator(".cm-convo", has_text="Parrot 7719").click()
    await signed_in.get_by_role("button", name="Take over").click()
    await signed_in.fill("#answer", "Half a sentence")
    await write(visitor, "Are you there?")
    await expect(signed_in.locator("#messages")).to_contain_text("Are you there?")
    await expect(signed_in.locator("#answer")).to_have_value("Half a sentence")
    await signed_in.context.set_offline(True)
    await signed_in.get_by_role("button", name="Send").click()
    await expect(signed_in.locator("#wrong")).to_be_visible()
    await expect(signed_in.locator("#answer")).to_have_value("Half a sentence")
    await signed_in.context.set_offline(False)
    await signed_in.get_by_role("button", name="Send").click()
    await expect(visitor.locator("#log .is-person")).to_have_count(1)


async def test_narrow_the_list_and_the_thread_are_pages_of_their_own(
    signed_in: Page, visitor: Page, demo: dict[str, Any]
) -> None:
    await visitor.get_by_role("button", name="Talk to a person").click()
    await expect(visitor.get_by_text("A person has been asked to join.")).to_be_visible()
    await signed_in.set_viewport_size({"width": 390, "height": 800})
    await signed_in.goto(f"{demo['base_url']}/app/inbox")
    await expect(signed_in.locator("#work")).to_be_hidden()
    await signed_in.locator(".cm-convo").first.click()
    await expect(signed_in.locator("#list")).to_be_hidden()
    await expect(signed_in.locator("#messages")).to_be_visible()
    assert await signed_in.evaluate("document.documentElement.scrollWidth <= innerWidth")
    await signed_in.get_by_role("link", name="Back to the list").click()
    await expect(signed_in.locator("#list")).to_be_visible()


async def test_knowledge_is_added_refused_shown_and_removed(signed_in: Page, demo: dict[str, Any]) -> None:
    await signed_in.goto(f"{demo['base_url']}/app/knowledge")
    await signed_in.set_input_files(
        "#f-file",
        files=[{"name": "broken.pdf", "mimeType": "application/pdf", "buffer": b"%PDF-1.7 nothing"}],
    )
    await signed_in.get_by_role("button", name="Upload").click()
    await expect(signed_in.locator("#upload-wrong")).to_contain_text("PDF")
    text = "# Parking\n\nThere is free parking behind the workshop for 12 scooters."
    await signed_in.set_input_files(
        "#f-file", files=[{"name": "parking.md", "mimeType": "text/markdown", "buffer": text.encode()}]
    )
    await signed_in.get_by_role("button", name="Upload").click()
    await expect(signed_in.locator("tr[aria-selected=true]")).to_contain_text("parking")
    await signed_in.get_by_role("link", name="parking").click()
    await expect(signed_in.locator(".kn-passages")).to_contain_text("12 scooters")
    await signed_in.get_by_text("Remove", exact=True).click()
    await signed_in.get_by_role("button", name="Remove this source").click()
    await expect(signed_in.get_by_role("heading", name="Knowledge")).to_be_visible()
    assert await signed_in.get_by_role("link", name="parking").count() == 0


async def test_a_bot_is_changed_and_tried_on_its_page(signed_in: Page, demo: dict[str, Any]) -> None:
    await signed_in.goto(f"{demo['base_url']}/app/bots/{demo['bot_id']}")
    await expect(signed_in.get_by_text(f"/widget/{demo['widget_id']}.js")).to_be_visible()
    await signed_in.fill("#f-origins", "not a website")
    await signed_in.get_by_role("button", name="Save").click()
    await expect(signed_in.get_by_role("alert")).to_contain_text("https://example.in")
    await expect(signed_in.locator("#f-origins")).to_have_value("not\na\nwebsite")
    await signed_in.fill("#f-origins", "")
    await signed_in.get_by_role("button", name="Save").click()
    await expect(signed_in.get_by_text("Saved.")).to_be_visible()
    await expect(signed_in.frame_locator("iframe").locator("#text")).to_be_visible()
