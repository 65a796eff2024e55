"""Search in the playground over HTTP: what it finds, what it costs, who may, and what strangers wrote shown as words."""

from pathlib import Path
from typing import Any

import pytest
from starlette.types import ASGIApp

from callmissed.foundation.services import Services
from callmissed.identity import ROLES
from callmissed.knowledge import add_text
from tests.rooms.dashboard.conftest import Office
from tests.rooms.dashboard.test_speech import records
from tests.rooms.gateway.searched import vendors
from tests.rooms.gateway.served import serving
from tests.support.people import teammate_of
from tests.support.search_peer import running_search_peer
from tests.support.signed_in import browser_of

PAGE, LOOK = "/app/playground/search", "/app/playground/search/look"


def looked(**more: Any) -> dict[str, Any]:
    return {"query": "What does a sleeper to Pune cost?", "provider": "knowledge", **more}


async def test_own_knowledge_is_found_paid_and_left_in_no_record(office: Office) -> None:
    async with office.services.db.tenant(office.access) as tx:
        source = await add_text(tx, "Fares", "A sleeper from Delhi to Pune costs ₹520 one way.")
    assert "Your own knowledge (not the web)" in await office.page(PAGE)
    found = (await office.browser.post(LOOK, json=looked())).raise_for_status().json()
    assert f'href="/app/knowledge/{source.id}"' in found["html"]
    assert "₹520" in found["html"]
    assert (found["place"], found["in_india"], found["price_micro"]) == ("India", True, 100_000)
    [row] = await records(office)
    assert (row.endpoint, row.unit, row.units, row.price_micro) == ("playground", "search", 1, 100_000)
    page = await office.page(f"/app/requests?request={row.id}")
    assert "1 search" in page
    assert "sleeper" not in page
    nothing = (await office.browser.post(LOOK, json=looked(query="zzyzx"))).json()
    assert "Nothing found" in nothing["html"]


async def test_what_strangers_wrote_is_words_and_a_link_that_tells_nothing(
    office: Office, tmp_path: Path
) -> None:
    async with running_search_peer() as web, serving(office.services, tmp_path, vendors(web)):
        found = (await office.browser.post(LOOK, json=looked(provider="exa"))).json()
    assert "javascript:" not in found["html"]
    assert "<script" not in found["html"]
    assert found["html"].count('rel="noopener noreferrer nofollow"') == 3


async def test_what_cannot_be_looked_for_is_refused_before_it_costs(office: Office) -> None:
    for wrong in ({"query": " "}, {"query": "x" * 2_001}, {"num_results": 21}, {"mode": "x"}, {"kept": 1}):
        assert (await office.browser.post(LOOK, json=looked(**wrong))).status_code == 422, wrong
    assert (await office.browser.post(LOOK, json=looked(provider="bing"))).status_code == 400
    assert (await office.browser.post(LOOK, json=looked(provider="exa"))).status_code == 404
    abroad = {"origin": "https://evil.example", "sec-fetch-site": "cross-site"}
    assert (await office.browser.post(LOOK, json=looked(), headers=abroad)).status_code == 403
    assert not await records(office)


@pytest.mark.parametrize("role", [each for each in ROLES if each != "owner"])
async def test_whoever_may_try_models_searches_and_nobody_else(
    role: str, office: Office, app: ASGIApp, services: Services
) -> None:
    somebody = await teammate_of(services, office.access, role)
    async with browser_of(app, services, somebody) as browser:
        page, reply = await browser.get(PAGE), await browser.post(LOOK, json=looked(query=""))
    may = "playground.use" in ROLES[role]
    assert (page.status_code, reply.status_code) == ((200, 422) if may else (403, 403))
