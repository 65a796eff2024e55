"""Pictures in the playground over HTTP: what is made is shown, kept and paid, erased when its maker likes, and nobody else's business."""

from typing import Any

import pytest
from starlette.types import ASGIApp

from callmissed.billing import UsageFilter, Used, requests, usage_span
from callmissed.foundation.services import Services
from callmissed.gateway import pictures
from callmissed.gateway.images import Picture
from callmissed.identity import ROLES
from tests.rooms.dashboard.conftest import Office
from tests.support.people import teammate_of, workspace_of_someone
from tests.support.picture_peer import png
from tests.support.signed_in import browser_of

HOME = "/app/playground/images"
MAKE = f"{HOME}/make"
WORDS = 'Chai & "biscuits"'


def wished(**more: Any) -> dict[str, Any]:
    return {"model": "local/poster", "prompt": WORDS, "size": "512x512", "n": 2, **more}


async def records(office: Office) -> tuple[Used, ...]:
    async with office.services.db.tenant(office.access) as tx:
        return await requests(tx, UsageFilter(*usage_span(1)), 10)


async def made(office: Office) -> list[str]:
    async with office.services.db.tenant(office.access) as tx:
        return [each.name for each in await pictures.recent(tx, 10, tried=True)]


async def test_what_is_made_is_shown_kept_paid_and_erased(office: Office) -> None:
    assert "No pictures yet" in await office.page(HOME)
    answer = (await office.browser.post(MAKE, json=wished())).raise_for_status().json()
    assert (answer["place"], answer["in_india"], answer["price_micro"]) == ("India", True, 500_000)
    assert "2 pictures" in answer["html"]
    assert "Chai &amp; &#34;biscuits&#34;" in answer["pictures"]
    names = await made(office)
    assert all(name in answer["pictures"] for name in names)
    [record] = await records(office)
    assert (record.endpoint, record.unit, record.units, record.price_micro) == (
        "playground",
        "image",
        2,
        500_000,
    )
    page = await office.page(HOME)
    assert page.count("<figure") == 2
    assert "No pictures yet" not in page
    assert "picture" in await office.page(f"/app/requests?request={record.id}")
    seen = await office.browser.get(f"{HOME}/{names[0]}")
    assert (seen.content[:4], seen.headers["content-type"], seen.headers["cache-control"]) == (
        b"\x89PNG", "image/png", "no-store",
    )  # fmt: skip
    assert (await office.browser.post(f"{HOME}/{names[0]}/erase")).status_code == 303
    assert (await office.browser.post(f"{HOME}/{names[0]}/erase")).status_code == 404
    assert (await office.browser.get(f"{HOME}/{names[0]}")).status_code == 404
    assert await made(office) == names[1:]


async def test_what_cannot_be_made_is_refused_before_it_costs(office: Office) -> None:
    for wrong in (
        {"prompt": " "},
        {"prompt": "x" * 2_001},
        {"size": "9x9"},
        {"n": 5},
        {"seed": -1},
        {"steps": 3},
    ):
        assert (await office.browser.post(MAKE, json=wished(**wrong))).status_code == 422, wrong
    assert (await office.browser.post(MAKE, json=wished(model="local/extractive"))).status_code == 400
    refused = await office.browser.post(
        MAKE, json=wished(prompt="茶"), headers={"accept": "application/json"}
    )
    assert (refused.status_code, refused.json()["code"]) == (400, "prompt_unfit")
    assert not any(row.price_micro for row in await records(office))


async def test_the_page_shows_what_was_made_here_and_not_what_programs_made(
    office: Office, services: Services
) -> None:
    elsewhere = await workspace_of_someone(services)
    made_by = [Picture(png(), "image/png")]
    async with services.db.tenant(office.access) as tx:
        [theirs] = await pictures.keep(
            tx, office.access.tenant_id, office.access.tenant_id, "m", "Program", made_by
        )
    async with services.db.tenant(elsewhere) as tx:
        [strange] = await pictures.keep(tx, None, elsewhere.tenant_id, "m", "Stranger", made_by)
    page = await office.page(HOME)
    assert "Program" not in page
    assert "Stranger" not in page
    for each in (theirs, strange):
        there = f"{HOME}/{pictures.picture_name(each)}"
        assert (await office.browser.get(there)).status_code == 404
        assert (await office.browser.post(f"{there}/erase")).status_code == 404


@pytest.mark.parametrize("role", [each for each in ROLES if each != "owner"])
async def test_whoever_may_try_models_does_and_nobody_else(
    role: str, office: Office, app: ASGIApp, services: Services
) -> None:
    somebody = await teammate_of(services, office.access, role)
    async with browser_of(app, services, somebody) as browser:
        replies = [await browser.get(HOME), await browser.post(MAKE, json=wished(prompt=""))]
    may = "playground.use" in ROLES[role]
    assert [each.status_code for each in replies] == ([200, 422] if may else [403, 403])


async def test_another_website_has_nothing_made(office: Office) -> None:
    abroad = {"origin": "https://evil.example", "sec-fetch-site": "cross-site"}
    assert (await office.browser.post(MAKE, json=wished(), headers=abroad)).status_code == 403
    assert not await records(office)
