"""Speech in the playground over HTTP: what is said and heard, what it costs, who may, and that nothing of it is kept."""

import base64
import shutil
from typing import Any

import pytest
from starlette.types import ASGIApp

from callmissed.billing import UsageFilter, Used, requests, usage_span
from callmissed.foundation.services import Services
from callmissed.identity import ROLES
from tests.rooms.dashboard.conftest import Office
from tests.support.people import teammate_of
from tests.support.recordings import compressed, recording
from tests.support.signed_in import browser_of

SAY, HEAR = "/app/playground/speech/say", "/app/playground/speech/hear"
WORDS = "Please book an appointment for Monday."
speaks = pytest.mark.skipif(shutil.which("espeak-ng") is None, reason="espeak-ng is not on this machine")


def said(**more: Any) -> dict[str, Any]:
    return {"model": "local/espeak", "input": WORDS, "language": "en", **more}


def form(sound: bytes, **more: str) -> dict[str, Any]:
    return {
        "data": {"model": "local/sphinx", **more},
        "files": {"file": ("a.wav", sound)},
        "headers": {"accept": "application/json"},
    }


async def records(office: Office) -> tuple[Used, ...]:
    async with office.services.db.tenant(office.access) as tx:
        return await requests(tx, UsageFilter(*usage_span(1)), 10)


@speaks
async def test_what_is_said_can_be_heard_and_both_are_paid(office: Office) -> None:
    spoken = (await office.browser.post(SAY, json=said())).raise_for_status().json()
    sound = base64.b64decode(spoken["sound"]["base64"])
    assert (spoken["sound"]["type"], sound[:4]) == ("audio/wav", b"RIFF")
    assert (spoken["place"], spoken["in_india"]) == ("India", True)
    assert f"{len(WORDS)} characters" in spoken["html"]
    heard = (await office.browser.post(HEAR, **form(sound, prompt=WORDS))).raise_for_status().json()
    assert heard["heard"]["text"] == "please book an appointment for monday"
    hearing, speaking = await records(office)
    assert (speaking.endpoint, speaking.unit, speaking.units) == ("playground", "character", len(WORDS))
    assert speaking.price_micro == spoken["price_micro"] > 0
    assert (hearing.endpoint, hearing.unit, hearing.price_micro) == (
        "playground",
        "second",
        heard["price_micro"],
    )
    page = await office.page(f"/app/requests?request={hearing.id}")
    assert "second" in page
    assert "an hour" in page
    assert WORDS not in page


async def test_what_cannot_be_spoken_or_heard_is_refused_before_it_costs(office: Office) -> None:
    for wrong in (
        {"input": " "},
        {"input": "x" * 2_001},
        {"language": "fr"},
        {"voice": "a b"},
        {"speed": 3},
        {"kept": True},
    ):
        assert (await office.browser.post(SAY, json=said(**wrong))).status_code == 422, wrong
    assert (await office.browser.post(SAY, json=said(model="local/extractive"))).status_code == 400
    assert (await office.browser.post(HEAR, **form(b"no sound"))).json()["code"] == "recording_unreadable"
    assert (await office.browser.post(HEAR, **form(compressed(100)))).json()[
        "code"
    ] == "unsupported_parameter"
    assert (await office.browser.post(HEAR, **form(recording(121)))).json()["code"] == "recording_too_long"
    assert not any(row.price_micro for row in await records(office))


@pytest.mark.parametrize("role", [each for each in ROLES if each != "owner"])
async def test_whoever_may_try_models_does_and_nobody_else(
    role: str, office: Office, app: ASGIApp, services: Services
) -> None:
    somebody = await teammate_of(services, office.access, role)
    async with browser_of(app, services, somebody) as browser:
        page = await browser.get("/app/playground/speech")
        replies = [await browser.post(SAY, json=said(input="")), await browser.post(HEAR, **form(b""))]
    may = "playground.use" in ROLES[role]
    assert page.status_code == (200 if may else 403)
    assert [each.status_code for each in replies] == ([422, 400] if may else [403, 403])


async def test_another_website_asks_nothing(office: Office) -> None:
    abroad = {"origin": "https://evil.example", "sec-fetch-site": "cross-site"}
    assert (await office.browser.post(SAY, json=said(), headers=abroad)).status_code == 403
    sent: dict[str, Any] = {**form(recording()), "headers": abroad}
    assert (await office.browser.post(HEAR, **sent)).status_code == 403
    assert not await records(office)
