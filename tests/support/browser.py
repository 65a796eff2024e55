"""A real Chromium, headless and closed to the outside, for the tests of pages."""

import os
import shutil
from collections.abc import AsyncGenerator

import pytest
from playwright.async_api import Browser, Page, async_playwright, expect

QUIET = (
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--use-fake-device-for-media-stream",  # a microphone that beeps once a second
)
CANDIDATES = ("chromium", "chromium-browser", "google-chrome")


def executable() -> str:
    """The browser `make test` found, or one on the PATH. Fails with the cure."""
    found = os.environ.get("CALLMISSED_TEST_BROWSER") or next(
        filter(None, map(shutil.which, CANDIDATES)), None
    )
    assert found, "no Chromium: run scripts/ensure_browser"
    return found


expect.set_options(timeout=20_000)  # a busy machine is slow, not wrong


@pytest.fixture(scope="session")
async def browser() -> AsyncGenerator[Browser]:
    """One browser per test process."""
    async with async_playwright() as playwright:
        started = await playwright.chromium.launch(executable_path=executable(), args=list(QUIET))
        yield started
        await started.close()


@pytest.fixture
async def page(browser: Browser) -> AsyncGenerator[Page]:
    """A page in a profile of its own. Fails the test when the page logs an error or asks another origin for anything."""
    context = await browser.new_context(viewport={"width": 1280, "height": 860}, locale="en-IN")
    opened = await context.new_page()
    wrong: list[str] = []
    opened.on("pageerror", lambda error: wrong.append(f"script error: {error}"))
    opened.on(
        "console", lambda said: wrong.append(said.text) if "Content Security Policy" in said.text else None
    )
    opened.on("request", lambda asked: wrong.append(f"asked {asked.url}") if not local(asked.url) else None)
    yield opened
    await context.close()
    assert not wrong, wrong


def local(url: str) -> bool:
    """Whether an address is this machine's, or carries its own content."""
    return url.startswith(("http://127.0.0.1", "http://localhost", "data:", "blob:", "about:"))
