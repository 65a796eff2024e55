"""Holds and the sealed store in the operator's console: two people for each release, and nothing of what is inside."""

import json
from datetime import timedelta
from uuid import UUID

import httpx
import pytest
from starlette.types import ASGIApp

from callmissed.app.installation import Installation
from callmissed.foundation import clock
from callmissed.foundation.ids import uuid7
from callmissed.foundation.services import Services
from callmissed.identity import Registration
from callmissed.privacy import legal_holds, sealed_store
from tests.support.staff import session_of, staff_member

pytestmark = pytest.mark.database

HTML = {"accept": "text/html"}


async def browser_of(
    app: ASGIApp, services: Services, installation: Installation, role: str
) -> httpx.AsyncClient:
    headers = HTML | await session_of(services, await staff_member(services, role))
    return httpx.AsyncClient(
        transport=httpx.ASGITransport(app=app), base_url=installation.settings.public_url, headers=headers
    )


async def hold_about(services: Services, person: UUID) -> UUID:
    async with services.db.control() as tx:
        [found] = [each.id for each in await legal_holds.listed(tx) if each.person_id == person]
    return found


async def test_a_hold_is_placed_renewed_and_released_by_two(
    app: ASGIApp, services: Services, installation: Installation
) -> None:
    person, last = uuid7(), clock.today() + timedelta(days=60)
    typed = {
        "authority": "court", "ordered_by": "City Civil Court, Pune", "reference": "", "reason": "dispute",
        "person_id": str(person), "expires_on": str(last), "gagged": "on",
    }  # fmt: skip
    async with (
        await browser_of(app, services, installation, "privacy") as one,
        await browser_of(app, services, installation, "security") as other,
    ):
        assert 'name="reference"' in (await one.get("/operator/holds?new=1")).text
        short = await one.post("/operator/holds", data=typed)
        assert (short.status_code, "Write the number of the order" in short.text) == (422, True)
        assert str(person) in short.text, "what was typed is kept"
        nobody = await one.post("/operator/holds", data={**typed, "person_id": "Meera"})
        assert (nobody.status_code, "This is no id of a person" in nobody.text) == (422, True)
        placed = await one.post("/operator/holds", data={**typed, "reference": "CS 214/2026"})
        assert placed.status_code == 303
        hold = await hold_about(services, person)
        page = (await one.get("/operator/holds")).text
        assert "CS 214/2026" in page
        assert "nobody may be told" in page
        again = {"expires_on": str(last + timedelta(days=30))}
        assert (await one.post(f"/operator/holds/{hold}/renew", data=again)).status_code == 303
        assert (await one.post(f"/operator/holds/{hold}/ask")).status_code == 303
        assert f"holds/{hold}/release" not in (await one.get("/operator/holds")).text
        assert (await one.post(f"/operator/holds/{hold}/release")).status_code == 409
        assert f"holds/{hold}/release" in (await other.get("/operator/holds")).text
        assert (await other.post(f"/operator/holds/{hold}/release")).status_code == 303
        assert "Released by" in (await other.get("/operator/holds")).text


async def test_a_sealed_record_is_handed_out_by_two_and_shown_to_nobody(
    app: ASGIApp, services: Services, installation: Installation
) -> None:
    subject = uuid7()
    given = Registration("account", subject, clock.now(), {"email": "meera@namuna.example"})
    async with services.db.control() as tx:
        assert await services.get(sealed_store.Escrow).seal(tx, given)
    record = sealed_store.record_id(services.vault, "account", subject)
    order = {"ordered_by": "District Court, Pune", "reference": "CC 81/2026"}
    async with (
        await browser_of(app, services, installation, "privacy") as one,
        await browser_of(app, services, installation, "security") as other,
        await browser_of(app, services, installation, "auditor") as auditor,
    ):
        page = (await auditor.get("/operator/sealed")).text
        assert "rule 3(1)(h)" in page
        assert "keep nothing from whoever runs it" in page, (
            "these custodians are for demonstration, and it says so"
        )
        assert "Hand out" not in page.replace("Handed out", "")
        assert "meera@namuna" not in page
        drawer = (await one.get(f"/operator/sealed?ask={record}")).text
        assert f'action="/operator/sealed/{record}"' in drawer
        empty = await one.post(f"/operator/sealed/{record}", data={**order, "reference": ""})
        assert (empty.status_code, "Without an order nothing is handed out" in empty.text) == (422, True)
        assert (await one.post(f"/operator/sealed/{record}", data=order)).status_code == 303
        async with services.db.control() as tx:
            [release] = [each.id for each in await sealed_store.releases(tx) if each.record_id == record]
        assert (await one.get(f"/operator/releases/{release}/file")).status_code == 409
        assert (await one.post(f"/operator/releases/{release}/agree")).status_code == 409
        assert (await other.post(f"/operator/releases/{release}/agree")).status_code == 303
        file = await one.get(f"/operator/releases/{release}/file")
        assert json.loads(file.text)["reference"] == "CC 81/2026"
        assert "meera@namuna" not in file.text
