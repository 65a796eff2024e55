"""The page of the models and the page about places: what they list, what they refuse, and who may decide."""

import csv
import io
import re
import shutil
from collections.abc import AsyncGenerator
from pathlib import Path
from typing import get_args
from uuid import uuid4

import pytest
from starlette.types import ASGIApp

from callmissed.dashboard.shelves import ABILITY_NAMES, PRICES, Choice, place
from callmissed.foundation.i18n import speaking
from callmissed.foundation.services import Services
from callmissed.gateway import Kind, Upstreams, UpstreamSettings
from callmissed.gateway.catalogue import ABILITIES
from callmissed.identity import residency
from tests.rooms.dashboard.conftest import Office
from tests.support.people import teammate_of
from tests.support.signed_in import browser_of

pytestmark = pytest.mark.database

FILE = """
[[upstream]]
name = "rack"
base_url = "http://127.0.0.1:9/v1"
region = "IN"
place = "Pune"
contract = "our own machine"
[[upstream.model]]
id = "rack/quick"
name = "Quick"
price_in = "10"
price_out = "30"
context = 8000
longest_answer = 1000
abilities = ["json"]
deprecated_on = "2026-01-01"
ends_on = "2099-01-31"
successor = "rack/large"
[[upstream.model]]
id = "rack/large"
price_in = "120"
price_out = "300"
context = 128000
longest_answer = 1000
abilities = ["json", "tools"]
[[upstream.model]]
id = "rack/gone"
price_in = "1"
price_out = "1"
context = 8000
longest_answer = 1000
ends_on = "2026-01-31"
successor = "rack/large"
[[upstream]]
name = "states"
base_url = "http://127.0.0.1:9/v1"
region = "US"
contract = "an agreement"
[[upstream.model]]
id = "states/one"
price_in = "5"
price_out = "5"
context = 8000
longest_answer = 1000
"""


@pytest.fixture(params=[False])
async def shop(
    services: Services, tmp_path: Path, request: pytest.FixtureRequest
) -> AsyncGenerator[Upstreams]:
    """Models in India and abroad, one that goes and one that is gone; the parameter is the installation's India-only."""
    file = tmp_path / "upstreams.toml"
    file.write_text(FILE)
    before = services.get(Upstreams)
    made = Upstreams(services.db, UpstreamSettings(file=file, look=False, india_only=request.param))
    await made.start()
    services.put(made)
    yield made
    services.put(before)
    await made.stop()


def ids_of(page: str) -> list[str]:
    """The models of its table, in their order."""
    return re.findall(r'data-row>[^<]*</a>.*?cm-mono">([^<]+)<', page)


def said(page: str) -> str:
    return " ".join(re.sub(r"<[^>]+>", " ", page).split())


VOICE = ["local/espeak"] if shutil.which("espeak-ng") else []
"""Offered where this machine has it."""


async def test_it_lists_all_models_with_prices_and_says_which_cannot_be_asked(office: Office, shop) -> None:
    page = await office.page("/app/models")
    assert ids_of(page) == [
        "rack/quick", "local/extractive", "rack/large", "local/lexical", "local/sphinx", *VOICE, "local/poster",
        "local/knowledge", "rack/gone", "states/one",
    ]  # fmt: skip
    text = said(page)
    assert "ends 31 January 2099" in text
    assert "ended 31 January 2026" in text
    assert "off: outside India" in text
    assert "₹120 .00" in text
    assert 'data-copy="rack/quick"' in page


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ("q=quick", ["rack/quick"]),
        ("q=RACK+large", ["rack/large"]),
        ("ability=tools", ["rack/large"]),
        ("region=US", ["states/one"]),
        ("most=25", ["rack/quick", "local/extractive", "local/lexical", "rack/gone", "states/one"]),
        ("order=longest&q=rack", ["rack/large", "rack/quick", "rack/gone"]),
        ("q=nothing+like+it", []),
    ],
)
async def test_it_finds_by_word_ability_place_and_price(
    query: str, expected: list[str], office: Office, shop
) -> None:
    page = await office.page(f"/app/models?{query}")
    assert ids_of(page) == expected
    assert ("No model fits" in page) is not bool(expected)


@pytest.mark.parametrize("query", ["ability=magic", "most=7", "q=%00", "order=luck", "region=x"])
async def test_what_cannot_be_chosen_is_refused(query: str, office: Office, shop) -> None:
    assert (await office.browser.get(f"/app/models?{query}")).status_code == 422


async def test_one_model_opens_with_a_program_to_copy(office: Office, shop) -> None:
    page = await office.page("/app/models?model=rack/large")
    assert "model=&#34;rack/large&#34;" in page
    assert "our own machine" in page
    assert 'href="/app/playground?model=rack%2Flarge"' in page
    gone = await office.page("/app/models?model=rack/gone")
    assert "Use its successor" in gone
    assert "Ask it from Python" not in gone
    assert "/app/playground?model" not in gone
    assert (await office.browser.get("/app/models?model=nowhere")).status_code == 404


def test_every_ability_and_price_can_be_chosen_and_is_named() -> None:
    assert tuple(ABILITY_NAMES) == (*ABILITIES, *(each for each in get_args(Kind) if each != "chat"))
    for ability in ABILITY_NAMES:
        assert Choice.model_validate({"ability": ability}).is_narrowed
    for price in PRICES:
        assert Choice.model_validate({"most": str(price)}).is_narrowed


def test_places_are_named_in_the_readers_language() -> None:
    with speaking("hi"):
        assert place("IN") == "भारत"
    with speaking("en"):
        assert [place(each) for each in ("US", "SG Singapore", "??", "XQ")] == [
            "United States", "Singapore, Singapore", "Place not known", "XQ",
        ]  # fmt: skip


async def test_nothing_has_left_and_the_page_says_so(office: Office, shop) -> None:
    text = said(await office.page("/app/transfers"))
    assert "Content is processed in India only" in text
    assert "Nothing has left India" in text
    assert "states" in text


async def test_an_owner_lets_content_leave_after_reading_where_to_and_takes_it_back(
    office: Office, shop, services: Services
) -> None:
    refused = await office.browser.post("/app/transfers", data={"leave": "on"})
    assert refused.status_code == 422
    assert "Tick that you have read" in refused.text
    assert await kept(office)
    agreed = await office.browser.post("/app/transfers", data={"leave": "on", "agreed": "on"})
    assert agreed.headers["location"] == "/app/transfers?saved=1"
    assert not await kept(office)
    assert "Content may leave India" in await office.page("/app/transfers")
    assert ids_of(await office.page("/app/models"))[0] == "states/one"
    log = said(await office.page("/app/audit"))
    assert "may leave India. Named before: states (US)." in log
    await office.browser.post("/app/transfers", data={})
    assert await kept(office)
    assert "is processed in India only" in said(await office.page("/app/audit"))


async def kept(office: Office) -> bool:
    async with office.services.db.tenant(office.access) as tx:
        return await residency.is_india_only(tx)


@pytest.mark.parametrize("shop", [True], indirect=True)
async def test_where_the_installation_keeps_india_there_is_nothing_to_decide(office: Office, shop) -> None:
    page = await office.page("/app/transfers")
    assert "its operator has decided so" in page
    assert 'name="agreed"' not in page


@pytest.mark.parametrize(
    ("role", "may"), [("admin", True), ("developer", False), ("teammate", False), ("privacy", False)]
)
async def test_owners_and_admins_decide_and_nobody_else(
    role: str, may: bool, office: Office, shop, app: ASGIApp, services: Services
) -> None:
    somebody = await teammate_of(services, office.access, role)
    async with browser_of(app, services, somebody) as browser:
        page = (await browser.get("/app/transfers")).text
        reply = await browser.post("/app/transfers", data={"leave": "on", "agreed": "on"})
    assert ('name="agreed"' in page) is may
    assert (reply.status_code == 303) is may
    assert await kept(office) is not may


async def test_what_left_is_listed_newest_first_with_a_file_and_in_no_other_workspace(
    office: Office, shop, opened
) -> None:
    first = await office.spend(100, upstream="states", region="US", model="states/one", tokens_in=5)
    second = await office.spend(100, model="both", tried="states@US nobody@??")
    await office.spend(100, model="kept-here")
    page = await office.page("/app/transfers")
    assert re.findall(r"request=([0-9a-f-]{36})", page) == [str(second), str(first)]
    assert "then answered in India" in page
    assert "kept-here" not in page
    assert "Place not known" in page
    file = await office.browser.get("/app/transfers/log.csv")
    rows = list(csv.DictReader(io.StringIO(file.content.decode("utf-8-sig"))))
    assert [(row["model"], row["sent_to"], row["regions"]) for row in rows] == [
        ("both", "states, nobody", "US, ??"), ("states/one", "states", "US"),
    ]  # fmt: skip
    other = await opened()
    assert "Nothing has left India" in await other.page("/app/transfers")
    assert len((await other.browser.get("/app/transfers/log.csv")).text.splitlines()) == 1


async def test_pages_of_the_log_go_on_where_they_stopped(office: Office, shop) -> None:
    made = [await office.spend(1, upstream="states", region="US") for _ in range(52)]
    page = await office.page("/app/transfers")
    assert page.count("request=") == 50
    [older] = re.findall(r"/app/transfers\?before=([0-9a-f-]{36})", page)
    rest = await office.page(f"/app/transfers?before={older}")
    assert re.findall(r"request=([0-9a-f-]{36})", rest) == [str(made[1]), str(made[0])]
    assert (await office.browser.get(f"/app/transfers?before={uuid4()}")).status_code == 200
