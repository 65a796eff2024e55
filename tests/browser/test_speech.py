"""Speech in the playground in a real browser: words become sound, the microphone's sound becomes words, and both show their price."""

import shutil
from pathlib import Path
from typing import Any

import pytest
from playwright.async_api import Page, expect

from callmissed.foundation.services import Services
from callmissed.gateway.upstreams import Wording
from callmissed.gateway.upstreams.local_speech import LocalSpeech
from tests.browser.test_inbox import enter

pytestmark = [
    pytest.mark.browser,
    pytest.mark.skipif(shutil.which("espeak-ng") is None, reason="espeak-ng is not on this machine"),
]
WORDS = "Please book an appointment for Monday."


@pytest.fixture
async def speech(page: Page, live_services: Services, demo: dict[str, Any]) -> Page:
    """The page, opened by the demo's owner, with a microphone that gives a tone."""
    await page.context.grant_permissions(["microphone"])
    await enter(page.context, live_services, demo)
    await page.goto(f"{demo['base_url']}/app/playground")
    await page.get_by_role("link", name="Speech").click()
    return page


async def test_words_are_spoken_and_a_file_is_written_down(speech: Page, tmp_path: Path) -> None:
    await speech.get_by_label("What to say").fill(WORDS)
    await expect(speech.locator("#say [data-most]")).to_have_text("About ₹0.0076")
    await speech.get_by_role("button", name="Speak", exact=True).click()
    said = speech.locator(".cm-card", has=speech.locator("#say"))
    await expect(said.locator(".state")).to_have_text("done")
    await expect(said.locator(".pl-figures")).to_contain_text("38 characters")
    player = said.locator(".pl-result audio")
    await expect(player).to_be_visible()
    assert await player.evaluate(
        "each => new Promise(then => { if (each.duration > 1) then(true); else each.onloadedmetadata = () => then(each.duration > 1); })"
    )
    await expect(speech.locator("#pl-total")).to_have_text("₹0.0076")
    file = tmp_path / "call.wav"
    spoken = await LocalSpeech().speak(Wording("espeak", WORDS, "en"))
    file.write_bytes(b"".join([piece async for piece in spoken.pieces]))
    await speech.get_by_label("What is expected").fill(WORDS)
    await speech.locator("[name=file]").set_input_files(file)
    heard = speech.locator(".cm-card", has=speech.locator("#hear"))
    await speech.get_by_role("button", name="Write it down").click()
    await expect(heard.locator(".state")).to_have_text("done", timeout=30_000)
    await expect(heard.locator(".said")).to_have_text("please book an appointment for monday")
    await expect(heard.locator(".pl-program")).to_contain_text('prompt="Please book')
    await heard.get_by_role("button", name="curl").click()
    await expect(heard.locator(".pl-program")).to_contain_text("-F file=@call.wav")
    await expect(said.locator(".pl-program")).to_contain_text("/v1/audio/speech")


async def test_the_microphone_is_heard_and_stops(speech: Page) -> None:
    heard = speech.locator(".cm-card", has=speech.locator("#hear"))
    await expect(heard.get_by_role("button", name="Write it down")).to_be_disabled()
    record = heard.locator("[data-record]")
    await record.click()
    await expect(record).to_contain_text("1 s")
    await record.click()
    await expect(heard.locator("[data-chosen]")).to_contain_text("recording of")
    await heard.get_by_role("button", name="Write it down").click()
    await expect(heard.locator(".state")).to_have_text("done", timeout=30_000)
    await expect(heard.locator(".pl-figures")).to_contain_text("second")


async def test_what_is_refused_says_why(speech: Page, tmp_path: Path) -> None:
    heard = speech.locator(".cm-card", has=speech.locator("#hear"))
    file = tmp_path / "note.wav"
    file.write_bytes(b"no sound at all")
    await heard.locator("[name=file]").set_input_files(file)
    await heard.get_by_role("button", name="Write it down").click()
    await expect(heard.locator(".notes")).to_contain_text("no recording that can be read")
    await heard.locator("[name=language]").select_option("hi")
    await expect(heard.locator(".state")).to_have_text("failed")
