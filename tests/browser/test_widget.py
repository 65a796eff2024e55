"""The chat widget in a real browser: asked, answered with its source, declined, a person called, the line cut and mended."""

import asyncio
import re
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from typing import Any

import pytest
from playwright.async_api import Browser, Page, expect

pytestmark = pytest.mark.browser

NEW = {"locale": "en-IN", "viewport": {"width": 400, "height": 680}}


@pytest.fixture
async def chat(page: Page, demo: dict[str, Any]) -> Page:
    """The widget's frame on its own, as a visitor sees it for the first time."""
    await page.set_viewport_size(NEW["viewport"])
    await page.goto(f"{demo['base_url']}/widget/{demo['widget_id']}/frame")
    return page


async def ask(chat: Page, text: str) -> None:
    await chat.fill("#text", text)
    await chat.keyboard.press("Enter")


async def test_it_says_what_it_is_before_anything_else(chat: Page) -> None:
    await expect(
        chat.get_by_text("You are talking to an AI assistant. A person can join any time.")
    ).to_be_visible()
    await expect(chat.get_by_text("Kept until you or")).to_be_visible()
    assert await chat.context.cookies() == []


async def test_a_question_is_answered_with_its_source(chat: Page) -> None:
    await ask(chat, "How much does an AC service cost?")
    answer = chat.locator("#log .is-bot").nth(1)
    await expect(answer).to_contain_text("₹")
    await chat.locator(".cm-source").first.click()
    await expect(chat.locator("#source")).to_be_visible()
    marked = await chat.locator("#source mark").first.inner_text()
    assert marked in await answer.locator(".bubble").inner_text()
    await chat.keyboard.press("Escape")
    await expect(chat.locator("#source")).to_be_hidden()


async def test_what_it_does_not_know_it_says(chat: Page) -> None:
    await ask(chat, "Who won the cricket world cup in 1983?")
    await expect(chat.locator("#log .is-bot").nth(1)).to_contain_text("don't know")
    assert await chat.locator(".cm-source").count() == 0
    await expect(chat.get_by_role("button", name="Talk to a person")).to_be_visible()


async def test_a_person_is_called_and_the_assistant_goes_on(chat: Page) -> None:
    await chat.get_by_role("button", name="Talk to a person").click()
    await expect(chat.get_by_text("A person has been asked to join.")).to_be_visible()
    await expect(chat.get_by_role("button", name="Talk to a person")).to_be_hidden()
    await ask(chat, "Are you open on Sunday?")
    await expect(chat.locator("#log .is-mine")).to_have_count(1)
    await chat.get_by_role("button", name="Go on with the assistant").click()
    await expect(chat.get_by_text("The assistant answers again.")).to_be_visible()
    await expect(chat.locator("#log .is-bot").nth(1)).to_contain_text(re.compile("Sunday", re.IGNORECASE))


async def test_words_that_ask_for_a_person_bring_one(chat: Page) -> None:
    await ask(chat, "किसी इंसान से बात कराइए")
    await expect(chat.get_by_text("A person has been asked to join.")).to_be_visible()


async def test_the_thread_is_there_again_after_a_reload(chat: Page) -> None:
    await ask(chat, "Are you open on Sunday?")
    await expect(chat.locator("#log .is-bot")).to_have_count(2)
    before = await chat.locator("#log").inner_text()
    await chat.reload()
    await expect(chat.locator("#log .is-bot")).to_have_count(2)
    assert await chat.locator("#log").inner_text() == before


async def test_a_lost_line_keeps_the_words_and_mends_itself(chat: Page) -> None:
    await ask(chat, "Are you open on Sunday?")
    await expect(chat.locator("#log .is-bot")).to_have_count(2)
    await chat.context.set_offline(True)
    await ask(chat, "What is the warranty on a repair?")
    await expect(chat.locator("#wrong")).to_contain_text("Not sent")
    await expect(chat.locator("#text")).to_have_value("What is the warranty on a repair?")
    await expect(chat.locator("#log .is-mine")).to_have_count(1)
    await chat.context.set_offline(False)
    await chat.locator("#text").press("Enter")
    await expect(chat.locator("#log .is-bot")).to_have_count(3)
    await expect(chat.locator("#log .is-mine")).to_have_count(2)


async def test_too_many_characters_are_counted_beside_the_field(chat: Page) -> None:
    await chat.fill("#text", "x" * 4001)
    await expect(chat.locator("#wrong")).to_have_text("Up to 4,000 characters. You have written 4,001.")
    await chat.keyboard.press("Enter")
    await expect(chat.locator("#log .is-mine")).to_have_count(0)
    assert len(await chat.input_value("#text")) == 4001


async def test_markup_in_a_message_stays_text(chat: Page) -> None:
    await ask(chat, "<img src=x onerror=alert(1)><b>bold</b>")
    await expect(chat.locator("#log .is-mine")).to_contain_text("<b>bold</b>")
    assert await chat.locator("#log img, #log .bubble b").count() == 0


async def test_erasing_the_chat_ends_it(chat: Page) -> None:
    await ask(chat, "Are you open on Sunday?")
    await expect(chat.locator("#log .is-bot")).to_have_count(2)
    await chat.get_by_role("button", name="Your data").click()
    await chat.get_by_role("button", name="Erase this chat").click()
    await expect(chat.get_by_text("Your chat has been erased.")).to_be_visible()
    await expect(chat.locator("#log .is-mine")).to_have_count(0)
    await chat.reload()
    await expect(chat.locator("#log > *")).to_have_count(1)


async def test_it_speaks_hindi(chat: Page) -> None:
    await chat.get_by_role("link", name="हिन्दी").click()
    await expect(chat.locator("html")).to_have_attribute("lang", "hi")
    await expect(chat.get_by_text("आप AI सहायक से बात कर रहे हैं")).to_be_visible()
    await ask(chat, "क्या आप रविवार को खुले हैं?")
    await expect(chat.locator("#log .is-bot").nth(1)).to_contain_text("रविवार")


async def test_it_works_inside_another_page_behind_a_button(page: Page, demo: dict[str, Any]) -> None:
    await page.goto(f"{demo['base_url']}/demo")
    await page.get_by_role("button", name="Open the chat").click()
    frame = page.frame_locator("iframe")
    await frame.locator("#text").fill("Are you open on Sunday?")
    await frame.locator("#text").press("Enter")
    await expect(frame.locator("#log .is-bot").nth(1)).to_contain_text(re.compile("Sunday", re.IGNORECASE))
    await frame.get_by_role("button", name="Close the chat").click()
    await expect(page.locator("iframe")).to_be_hidden()
    await expect(page.get_by_role("button", name="Open the chat")).to_be_focused()


async def test_another_website_may_show_it(browser: Browser, demo: dict[str, Any]) -> None:
    """A page of another origin (localhost is not 127.0.0.1 to a browser), with a policy of its own."""
    body = f'<html lang="en"><h1>A shop</h1><script src="{demo["base_url"]}/widget/{demo["widget_id"]}.js" async></script>'
    context = await browser.new_context(**NEW)
    page = await context.new_page()
    async with other_website(body) as address:
        await page.goto(address)
        await page.get_by_role("button", name="Open the chat").click()
        frame = page.frame_locator("iframe")
        await frame.locator("#text").fill("Are you open on Sunday?")
        await frame.locator("#text").press("Enter")
        await expect(frame.locator("#log .is-bot")).to_have_count(2)
        assert await context.cookies() == []
        await context.close()


@asynccontextmanager
async def other_website(body: str) -> AsyncGenerator[str]:
    """Somebody else's web server with one page: a real one, because a browser asks where a page came from before it may
    load anything from this machine (Private Network Access)."""

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        head = f"HTTP/1.1 200 OK\r\ncontent-type: text/html\r\ncontent-length: {len(body)}\r\nconnection: close\r\n\r\n"
        writer.write((head + body).encode())
        await writer.drain()
        writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    async with server:
        yield f"http://shop.localhost:{server.sockets[0].getsockname()[1]}/"


@pytest.mark.parametrize("size", [(320, 560), (400, 640), (1280, 860)])
async def test_nothing_is_cut_or_goes_sideways(chat: Page, size: tuple[int, int]) -> None:
    await chat.set_viewport_size({"width": size[0], "height": size[1]})
    await ask(chat, "How much does an AC service cost?")
    await expect(chat.locator("#log .is-bot")).to_have_count(2)
    assert await chat.evaluate("document.documentElement.scrollWidth <= innerWidth")
    await expect(chat.locator("#text")).to_be_in_viewport()
    await expect(chat.locator("#log .is-bot").nth(1)).to_be_in_viewport()
