"""Findings in the operator's console: read by all of the staff, answered for by the privacy officer, in words one can act on."""

import re

import httpx
import pytest
from starlette.types import ASGIApp

from callmissed.app.installation import Installation
from callmissed.foundation.services import Services
from callmissed.privacy import Facts, policy_findings
from tests.support.staff import session_of, staff_member

pytestmark = pytest.mark.database

HTML = {"accept": "text/html"}
REASON = "Counsel has seen it; the text is changed with the next version."


async def browser_of(
    app: ASGIApp, services: Services, installation: Installation, role: str
) -> httpx.AsyncClient:
    headers = HTML | await session_of(services, await staff_member(services, role))
    return httpx.AsyncClient(
        transport=httpx.ASGITransport(app=app), base_url=installation.settings.public_url, headers=headers
    )


def digest_on(page: str, finding: str) -> str:
    [found] = re.findall(
        rf'findings/{finding}" novalidate><input type="hidden" name="digest" value="(\w+)"', page
    )
    return found


async def test_the_privacy_officer_answers_for_a_finding(
    app: ASGIApp, services: Services, installation: Installation
) -> None:
    async with await browser_of(app, services, installation, "privacy") as officer:
        page = (await officer.get("/operator/findings")).text
        digest = digest_on(page, "C2")
        said = {"name": "Meera Namuna", "reason": "too short", "digest": digest}
        short = await officer.post("/operator/findings/C2", data=said)
        assert short.status_code == 422
        assert "Say in a sentence why" in short.text
        assert "too short" in short.text, "what was typed is kept"
        unsigned = await officer.post("/operator/findings/C2", data={**said, "reason": REASON, "name": ""})
        assert "Type your name" in unsigned.text
        old = await officer.post("/operator/findings/C2", data={**said, "reason": REASON, "digest": "0" * 16})
        assert (old.status_code, "has changed since you read it" in old.text) == (409, True)
        done = await officer.post("/operator/findings/C2", data={**said, "reason": REASON})
        assert (done.status_code, done.headers["location"]) == (303, "/operator/findings#C2")
        again = await officer.post("/operator/findings/C2", data={**said, "reason": REASON})
        assert (again.status_code, "Somebody has accepted this finding already" in again.text) == (409, True)
        assert (await officer.post("/operator/findings/C99", data=said)).status_code == 404
        page = (await officer.get("/operator/findings")).text
    assert REASON in page
    assert 'findings/C2" novalidate' not in page


async def test_others_read_and_cannot_answer(
    app: ASGIApp, services: Services, installation: Installation
) -> None:
    found = policy_findings.found_here(services.get(Facts))
    async with await browser_of(app, services, installation, "auditor") as auditor:
        page = (await auditor.get("/operator/findings")).text
        hindi = (await auditor.get("/operator/findings?lang=hi")).text
        refused = await auditor.post("/operator/findings/C1", data={"name": "Meera", "reason": REASON})
    assert refused.status_code == 403
    assert all(f'id="{each.id}"' in page for each in found)
    assert "I answer for it" not in page
    assert "नीति और क़ानून" in hindi
