"""POST /v1/search against the gateway as it is served, and every vendor in its own words behind it."""

from collections.abc import AsyncGenerator
from datetime import date
from pathlib import Path
from typing import Any

import httpx
import pytest

from callmissed.foundation.services import Services
from callmissed.gateway import provider_keys
from callmissed.knowledge import add_text
from tests.rooms.gateway.conftest import OpenShop, Shop
from tests.rooms.gateway.searched import PATHS, vendors
from tests.rooms.gateway.served import serving
from tests.support.search_peer import SearchPeer, running_search_peer

RUPEE = 1_000_000
WEB = ["google", "exa", "serper", "firecrawl", "searxng"]


@pytest.fixture(scope="module")
async def web() -> AsyncGenerator[SearchPeer]:
    async with running_search_peer() as made:
        yield made


@pytest.fixture
async def shop(
    services: Services, web: SearchPeer, tmp_path: Path, open_shop: OpenShop
) -> AsyncGenerator[Shop]:
    """A shop while every vendor is there."""
    async with serving(services, tmp_path, vendors(web)):
        yield await open_shop(permissions=["search", "llm"])


async def ask(base_url: str, shop: Shop, path: str = "/v1/search", **body: Any) -> httpx.Response:
    """One request of the shop's key."""
    headers = {"authorization": f"Bearer {shop.key}", **body.pop("headers", {})}
    async with httpx.AsyncClient(timeout=20) as client:
        return await client.post(f"{base_url}{path}", json=body, headers=headers)


@pytest.mark.parametrize("provider", WEB)
async def test_every_vendor_is_asked_in_its_own_words_and_paid_by_the_search(
    provider: str, shop: Shop, base_url: str, web: SearchPeer
) -> None:
    answer = await ask(base_url, shop, query="Delhi to Pune", provider=provider, num_results=4)
    assert answer.status_code == 200, answer.text
    found = answer.json()
    # What is no address of the web is left out; the private one is shown, as it was found, and never fetched.
    assert [each["url"] for each in found["results"]] == [
        "https://rail.example.in/fares", "http://169.254.169.254/latest/meta-data", "https://news.example.com/trains",
    ]  # fmt: skip
    assert found["results"][0]["title"] == "Fares Delhi & Pune"
    assert found["results"][2]["title"] == "news.example.com"
    assert "<" not in str(found["results"])
    assert "\x00" not in found["results"][0]["snippet"]
    assert found["answer"] == ("₹520" if provider in ("serper", "searxng") else None)
    assert (found["provider"], found["credits_used"], found["balance"]) == (provider, "1", "9")
    assert answer.headers["cm-cost-inr"] == "1.000000"
    assert answer.headers["cm-usage-id"] == found["request_id"]
    assert web.asked[-1].path == PATHS[provider][1]
    [row] = await shop.rows()
    assert (row["endpoint"], row["model"], row["unit"], row["units"], row["price_micro"]) == (
        "search", f"search/{provider}", "search", 1, RUPEE,
    )  # fmt: skip
    assert await shop.adds_up()


ASKED: dict[str, dict[str, Any]] = {
    "google": {
        "cx": "engine-7", "q": "Pune (site:in.gov OR site:rail.example.in) -site:news.example.com", "num": "7", "gl": "in",
        "hl": "hi", "sort": "date:r:20260101:20261130",
    },
    "exa": {
        "query": "Pune", "type": "auto", "numResults": 7, "includeDomains": ["in.gov", "rail.example.in"],
        "excludeDomains": ["news.example.com"], "startPublishedDate": "2026-01-01T00:00:00.000Z",
        "endPublishedDate": "2026-11-30T23:59:59.999Z", "userLocation": "IN", "contents": {"highlights": {"maxCharacters": 600}},
    },
    "serper": {
        "q": "Pune (site:in.gov OR site:rail.example.in) -site:news.example.com", "num": 7, "gl": "in", "hl": "hi",
        "tbs": "cdr:1,cd_min:01/01/2026,cd_max:11/30/2026",
    },
    "firecrawl": {
        "query": "Pune (site:in.gov OR site:rail.example.in) -site:news.example.com", "limit": 7, "sources": ["web"],
        "tbs": "cdr:1,cd_min:01/01/2026,cd_max:11/30/2026", "country": "IN",
    },
    "searxng": {
        "q": "Pune (site:in.gov OR site:rail.example.in) -site:news.example.com", "format": "json", "language": "hi",
    },
}  # fmt: skip
"""What each is sent for the same wishes."""
WITHOUT = {
    "exa": ["hl"],
    "firecrawl": ["hl"],
    "searxng": ["gl", "start_published_date", "end_published_date"],
}


@pytest.mark.parametrize("provider", WEB)
async def test_wishes_are_passed_on_and_those_it_cannot_have_are_refused_before_they_cost(
    provider: str, shop: Shop, base_url: str, web: SearchPeer
) -> None:
    wishes: dict[str, Any] = {
        "query": "Pune", "provider": provider, "num_results": 7, "gl": "in", "hl": "hi", "start_published_date": "2026-01-01",
        "end_published_date": "2026-11-30", "include_domains": ["IN.gov", "rail.example.in"], "exclude_domains": ["news.example.com"],
    }  # fmt: skip
    before = len(web.asked)
    for name in WITHOUT.get(provider, ()):
        refused = await ask(base_url, shop, query="x", provider=provider, **{name: wishes.pop(name)})
        assert refused.status_code == 400, refused.text
        assert (refused.json()["error"]["code"], refused.json()["error"]["param"]) == (
            "unsupported_parameter",
            name,
        )
    assert len(web.asked) == before
    found = (await ask(base_url, shop, **wishes)).json()
    assert [each["url"] for each in found["results"]] == ["https://rail.example.in/fares"]
    assert web.asked[-1].members == ASKED[provider]
    assert [row["price_micro"] for row in await shop.rows() if row["status"] == "ok"] == [RUPEE]
    assert await shop.adds_up()


@pytest.mark.parametrize(
    ("provider", "recent", "member", "sent"),
    [
        ("google", "qdr:w2", "dateRestrict", "w2"),
        ("google", "qdr:m", "dateRestrict", "m1"),
        ("serper", "qdr:d", "tbs", "qdr:d"),
        ("firecrawl", "qdr:y", "tbs", "qdr:y"),
        ("searxng", "qdr:w", "time_range", "week"),
    ],
)
async def test_how_old_a_page_may_be(
    provider: str, recent: str, member: str, sent: str, shop: Shop, base_url: str, web: SearchPeer
) -> None:
    assert (await ask(base_url, shop, query="x", provider=provider, tbs=recent)).status_code == 200
    assert web.asked[-1].members[member] == sent


@pytest.mark.parametrize(("provider", "begins"), [("exa", "The page: Sleeper"), ("firecrawl", "# Sleeper")])
async def test_the_text_of_pages_comes_where_it_is_asked_for(
    provider: str, begins: str, shop: Shop, base_url: str
) -> None:
    bare = (await ask(base_url, shop, query="x", provider=provider)).json()
    assert {each["content"] for each in bare["results"]} == {None}
    full = (await ask(base_url, shop, query="x", provider=provider, include_content=True)).json()
    assert full["results"][0]["content"].startswith(begins)
    long = (await ask(base_url, shop, query="long", provider=provider, include_content=True)).json()
    assert len(long["results"][0]["content"]) == 20_000
    assert len(long["results"][0]["title"]) == 300
    assert len(long["results"][0]["snippet"]) <= 600


@pytest.mark.parametrize("provider", WEB)
@pytest.mark.parametrize(
    ("query", "code"),
    [
        ("fails", "upstream_broken"),
        ("garbage", "upstream_broken"),
        ("huge", "upstream_broken"),
        ("slow", "upstream_slow"),
    ],
)
async def test_what_fails_costs_nothing(
    provider: str, query: str, code: str, shop: Shop, base_url: str
) -> None:
    answer = await ask(base_url, shop, query=query, provider=provider)
    assert answer.json()["error"]["code"] == code
    [row] = await shop.rows()
    assert (row["status"], row["price_micro"]) == ("failed", 0)
    assert (await shop.purse()).held_micro == 0
    assert await shop.adds_up()


async def test_nothing_found_is_an_answer(shop: Shop, base_url: str) -> None:
    for provider in WEB:
        found = (await ask(base_url, shop, query="nothing", provider=provider)).json()
        assert found["results"] == []
    assert (await shop.purse()).balance_micro == 5 * RUPEE


@pytest.mark.parametrize(
    ("body", "param"),
    [
        ({"query": ""}, "query"),
        ({"query": " \n"}, "query"),
        ({"query": "x" * 2001}, "query"),
        ({"query": "x", "provider": "bing"}, "provider"),
        ({"query": "x", "num_results": 51}, "num_results"),
        ({"query": "x", "num_results": 0}, "num_results"),
        ({"query": "x", "provider": "google", "num_results": 11}, "num_results"),
        ({"query": "x", "mode": "longer"}, "mode"),
        ({"query": "x", "include_domains": ["a.in OR site:b.in"]}, "include_domains[0]"),
        ({"query": "x", "exclude_domains": ["x.in\r\nhost: evil"]}, "exclude_domains[0]"),
        ({"query": "x", "include_domains": ["a.in"] * 21}, "include_domains"),
        ({"query": "x", "tbs": "cdr:1,cd_min:x"}, "tbs"),
        ({"query": "x", "gl": "india"}, "gl"),
        ({"query": "x", "start_published_date": "yesterday"}, "start_published_date"),
        (
            {"query": "x", "start_published_date": "2026-02-01", "end_published_date": "2026-01-01"},
            "end_published_date",
        ),
        (
            {"query": "x", "provider": "serper", "tbs": "qdr:d", "start_published_date": "2026-02-01"},
            "tbs",
        ),
        ({"query": "x", "engine": "images"}, "engine"),
        ({"query": "x" * 501, "provider": "firecrawl"}, "query"),
    ],
)
async def test_what_cannot_be_asked_names_its_field_and_costs_nothing(
    body: dict[str, Any], param: str, shop: Shop, base_url: str, web: SearchPeer
) -> None:
    before = len(web.asked)
    answer = await ask(base_url, shop, **body)
    assert answer.status_code == 400, answer.text
    assert answer.json()["error"]["param"] == param
    assert len(web.asked) == before
    assert not any(row["price_micro"] for row in await shop.rows())
    assert (await shop.purse()).held_micro == 0


@pytest.mark.parametrize("provider", WEB)
async def test_no_query_becomes_a_header_or_another_request(
    provider: str, shop: Shop, base_url: str, web: SearchPeer
) -> None:
    query = "a\r\nx-api-key: mine\r\n\r\nGET /secret HTTP/1.1\r\nhost: x&cx=other#é 💡"
    before = len(web.asked)
    assert (await ask(base_url, shop, query=query, provider=provider)).status_code == 200
    [asked] = web.asked[before:]
    assert (asked.members.get("q") or asked.members.get("query")) == query
    assert asked.members.get("cx", "engine-7") == "engine-7"
    assert "mine" not in str(asked.headers)


async def test_a_search_leaves_india_only_where_its_workspace_says_so(
    services: Services, web: SearchPeer, tmp_path: Path, open_shop: OpenShop, base_url: str
) -> None:
    abroad = dict.fromkeys(WEB, "US") | {"searxng": "IN"}
    async with serving(services, tmp_path, vendors(web, regions=abroad)):
        shop, before = await open_shop(permissions=["search"]), len(web.asked)
        for provider in WEB[:-1]:
            refused = await ask(base_url, shop, query="x", provider=provider)
            assert (refused.status_code, refused.json()["error"]["code"]) == (403, "outside_india")
        assert len(web.asked) == before
        usual = await ask(base_url, shop, query="x")
        assert usual.json()["provider"] == "searxng"
        assert usual.headers["cm-processed-in"] == "IN"


async def test_a_vendor_without_a_contract_gets_no_query(
    services: Services, web: SearchPeer, tmp_path: Path, open_shop: OpenShop, base_url: str
) -> None:
    unbound = vendors(web).replace('contract = "written down"', 'contract = ""')
    async with serving(services, tmp_path, unbound):
        shop, before = await open_shop(permissions=["search"]), len(web.asked)
        refused = await ask(base_url, shop, query="x", provider="exa")
        assert refused.json()["error"]["code"] == "contract_missing"
        assert (await ask(base_url, shop, query="x")).json()["provider"] == "knowledge"
        assert len(web.asked) == before


async def test_a_key_searches_where_it_may_and_what_it_says_may_be_masked(
    shop: Shop, services: Services, open_shop: OpenShop, base_url: str, web: SearchPeer
) -> None:
    talker = await open_shop(permissions=["llm"])
    refused = await ask(base_url, talker, query="x", provider="exa")
    assert (refused.status_code, refused.json()["error"]["code"]) == (403, "service_not_allowed")
    masked = await open_shop(permissions=["search"], options=["masking"])
    found = await ask(base_url, masked, query="who is ABCPE1234F", provider="exa")
    assert found.status_code == 200
    assert web.asked[-1].members["query"] == "who is [PAN_1]"
    assert found.json()["query"] == "who is ABCPE1234F"
    assert [row["options"] for row in await masked.rows()] == ["masked=1"]


async def test_an_empty_wallet_searches_nothing(
    shop: Shop, open_shop: OpenShop, base_url: str, web: SearchPeer
) -> None:
    poor, before = await open_shop("0.5", permissions=["search"]), len(web.asked)
    assert (await ask(base_url, poor, query="x", provider="exa")).status_code == 402
    assert len(web.asked) == before
    assert (await ask(base_url, poor, query="x", provider="knowledge")).json()["balance"] == "0.4"


async def test_the_same_search_under_one_idempotency_key_is_paid_once(
    shop: Shop, base_url: str, web: SearchPeer
) -> None:
    before = len(web.asked)
    one, two = [
        await ask(base_url, shop, query="x", provider="exa", headers={"idempotency-key": "once-7"})
        for _ in range(2)
    ]
    assert one.content == two.content
    assert len(web.asked) == before + 1
    assert (await shop.purse()).balance_micro == 9 * RUPEE


async def test_its_price_is_told_before_and_after(shop: Shop, base_url: str) -> None:
    quote = (await ask(base_url, shop, "/v1/quote", query="x", provider="serper")).json()
    assert (quote["held"], quote["models"][0]["pricing"]) == (
        "1",
        {"currency": "INR", "unit": "search", "input": 1},
    )
    found = (await ask(base_url, shop, query="x", provider="serper")).json()
    async with httpx.AsyncClient() as client:
        told = await client.get(
            f"{base_url}/v1/generation?id={found['request_id']}",
            headers={"authorization": f"Bearer {shop.key}"},
        )
    row = told.json()["data"]
    assert (row["unit"], row["units"], row["total_cost"]) == ("search", 1, "1")


async def test_own_knowledge_is_searched_without_anybody_outside_and_by_its_workspace_alone(
    shop: Shop, services: Services, open_shop: OpenShop, base_url: str, web: SearchPeer
) -> None:
    async with services.db.tenant(shop.access) as tx:
        source = await add_text(tx, "Fares", "# Trains\n\nA sleeper from Delhi to Pune costs ₹520 one way.")
    before = len(web.asked)
    found = (
        await ask(base_url, shop, query="What does a sleeper to Pune cost?", provider="knowledge")
    ).json()
    [first] = found["results"]
    assert first["source_id"] == str(source.id)
    assert first["url"] == f"urn:uuid:{source.id}"
    assert "520" in first["snippet"]
    assert "520" in found["answer"]
    assert found["credits_used"] == "0.1"
    stranger = await open_shop(permissions=["search"])
    nothing = (await ask(base_url, stranger, query="sleeper to Pune", provider="knowledge")).json()
    assert (nothing["results"], nothing["answer"]) == ([], None)
    refused = await ask(base_url, shop, query="x", provider="knowledge", gl="in")
    assert refused.json()["error"]["param"] == "gl"
    assert len(web.asked) == before


async def test_a_workspace_may_search_on_its_own_account(
    services: Services, web: SearchPeer, tmp_path: Path, open_shop: OpenShop, base_url: str
) -> None:
    async with serving(services, tmp_path, vendors(web, own_keys="may")) as upstreams:
        shop = await open_shop("0", permissions=["search"])
        taker = upstreams.taker("firecrawl")
        wish = provider_keys.Wish(
            "firecrawl", "their-own-firecrawl-key", "Agreement", date(2026, 1, 1), excludes_training=True
        )
        async with services.db.tenant(shop.access) as tx:
            await provider_keys.bring(tx, provider_keys.Proven(wish, taker.server))
        refused = await ask(base_url, shop, query="x", provider="firecrawl")
        assert refused.json()["error"]["code"] == "own_key_refused"  # the peer knows this key elsewhere only
        assert web.asked[-1].headers["authorization"] == "Bearer their-own-firecrawl-key"
    [row] = await shop.rows()
    assert (row["own_key"], row["price_micro"]) == (True, 0)


async def test_keys_that_cannot_be_checked_are_not_taken(
    services: Services, web: SearchPeer, tmp_path: Path
) -> None:
    file = vendors(web).replace('name = "exa"', 'name = "exa"\nown_keys = "may"', 1)
    file = file.replace('own_keys = "no"\n', "")
    with pytest.raises(ValueError, match="keys for exa cannot be checked"):
        async with serving(services, tmp_path, file):
            pass
