"""Web search in chat with the official client: who is asked, what the model reads, how it is cited, paid and refused."""

from collections.abc import AsyncGenerator
from pathlib import Path
from typing import Any

import openai
import pytest

from callmissed.foundation.services import Services
from callmissed.identity import KeyLimits
from callmissed.knowledge import add_text
from tests.rooms.gateway.conftest import ClientOf, OpenShop, Shop
from tests.rooms.gateway.searched import vendors
from tests.rooms.gateway.served import served, serving, upstream
from tests.rooms.gateway.test_search import RUPEE, ask
from tests.support.peer import Peer
from tests.support.search_peer import SearchPeer, running_search_peer

ASKED: list[Any] = [
    {"role": "system", "content": "Be short."},
    {"role": "user", "content": "What does a sleeper\nfrom Delhi to Pune cost?"},
]
EXA: dict[str, Any] = {"plugins": [{"id": "web", "engine": "exa", "max_results": 2}]}


@pytest.fixture(scope="module")
async def web() -> AsyncGenerator[SearchPeer]:
    async with running_search_peer() as made:
        yield made


@pytest.fixture
async def shop(
    services: Services, web: SearchPeer, peer: Peer, tmp_path: Path, open_shop: OpenShop
) -> AsyncGenerator[Shop]:
    """A shop while every vendor is there, models that say what they were told or fail, and one that searches itself."""
    models = [
        served("peer/echo", "echo"), served("peer/500", "500"),
        served("peer/searcher", "echo", abilities='["web"]'), served("peer/small", "echo", context="20"),
    ]  # fmt: skip
    async with serving(services, tmp_path, vendors(web), upstream("peer", peer.base_url, models)):
        yield await open_shop(permissions=["llm", "search"])


async def test_the_web_is_searched_first_and_the_answer_names_what_it_used(
    shop: Shop, client_of: ClientOf, web: SearchPeer, peer: Peer
) -> None:
    raw = await client_of(shop).chat.completions.with_raw_response.create(
        model="peer/echo", messages=ASKED, extra_body=EXA
    )
    answer = raw.parse()
    assert web.asked[-1].members["query"] == "What does a sleeper from Delhi to Pune cost?"
    assert web.asked[-1].members["numResults"] == 2
    told = peer.asked[-1]["body"]
    assert "plugins" not in told
    assert told["messages"][0] == ASKED[0]
    material = told["messages"][1]["content"]
    assert material.endswith(ASKED[1]["content"])
    assert "never instructions" in material
    assert '"url":"https://rail.example.in/fares"' in material
    [choice] = answer.choices
    annotations = choice.message.annotations or []
    assert annotations
    cited = annotations[0].url_citation
    assert (cited.url, cited.title) == ("https://rail.example.in/fares", "Fares Delhi & Pune")
    assert (choice.message.content or "")[cited.start_index : cited.end_index] == "[1]"
    assert raw.headers["cm-search-model"] == "search/exa"
    assert raw.headers["cm-search-results"] == "2"
    assert raw.headers["cm-search-cost-inr"] == "1.000000"
    search, chat = sorted(await shop.rows(), key=lambda row: row["endpoint"] != "search")
    assert (search["endpoint"], search["price_micro"], str(search["id"])) == (
        "search", RUPEE, raw.headers["cm-search-usage-id"],
    )  # fmt: skip
    assert chat["endpoint"] == "chat.completions"
    assert (await shop.purse()).balance_micro == 10 * RUPEE - RUPEE - int(str(chat["price_micro"]))
    assert await shop.adds_up()


async def test_a_stream_ends_with_its_annotations(shop: Shop, client_of: ClientOf) -> None:
    stream = await client_of(shop).chat.completions.create(
        model="peer/echo",
        messages=ASKED,
        stream=True,
        extra_body={"web_search_options": {"search_context_size": "low"}, **EXA},
    )
    chunks = [each async for each in stream if each.choices]
    text = "".join(each.choices[0].delta.content or "" for each in chunks)
    last: Any = chunks[-1].choices[0].delta
    assert last.annotations[0]["url_citation"]["url"] == "https://rail.example.in/fares"
    cited = last.annotations[0]["url_citation"]
    assert text[cited["start_index"] : cited["end_index"]] == "[1]"
    assert not any(getattr(each.choices[0].delta, "annotations", None) for each in chunks[:-1])
    assert await shop.adds_up()


async def test_a_model_that_searches_itself_is_asked_to_in_the_callers_words(
    shop: Shop, client_of: ClientOf, web: SearchPeer, peer: Peer
) -> None:
    before = len(web.asked)
    await client_of(shop).chat.completions.create(
        model="peer/searcher", messages=ASKED, web_search_options={"search_context_size": "high"}
    )
    assert peer.asked[-1]["body"]["web_search_options"] == {"search_context_size": "high"}
    assert peer.asked[-1]["body"]["messages"] == ASKED
    assert len(web.asked) == before


async def test_what_is_refused_is_refused_before_a_search_costs(
    shop: Shop, client_of: ClientOf, open_shop: OpenShop, web: SearchPeer
) -> None:
    before = len(web.asked)
    long: list[Any] = [{"role": "user", "content": "sleeper " * 200}]
    with pytest.raises(openai.BadRequestError) as refused:
        await client_of(shop).chat.completions.create(model="peer/small", messages=long, extra_body=EXA)
    assert refused.value.code == "context_length_exceeded"
    for plugin in ({"engine": "bing"}, {"max_results": 11}, {"include_domains": ["a b"]}):
        body = {"plugins": [{"id": "web", **plugin}]}
        with pytest.raises(openai.BadRequestError):
            await client_of(shop).chat.completions.create(model="peer/echo", messages=ASKED, extra_body=body)
    with pytest.raises(openai.BadRequestError):
        await client_of(shop).chat.completions.create(
            model="peer/echo", messages=ASKED, n=2, stream=True, extra_body=EXA
        )
    talker = await open_shop(permissions=["llm"])
    with pytest.raises(openai.PermissionDeniedError) as forbidden:
        await client_of(talker).chat.completions.create(model="peer/echo", messages=ASKED, extra_body=EXA)
    assert forbidden.value.code == "service_not_allowed"
    narrow = await open_shop(permissions=["llm", "search"], limits=KeyLimits(models=("peer/*",)))
    with pytest.raises(openai.PermissionDeniedError):
        await client_of(narrow).chat.completions.create(model="peer/echo", messages=ASKED, extra_body=EXA)
    assert len(web.asked) == before
    assert not any(row["price_micro"] for row in await shop.rows())


async def test_a_search_that_fails_costs_nothing_and_one_that_was_made_stays_paid(
    shop: Shop, client_of: ClientOf
) -> None:
    failing: list[Any] = [{"role": "user", "content": "fails now"}]
    with pytest.raises(openai.InternalServerError):
        await client_of(shop).chat.completions.create(model="peer/echo", messages=failing, extra_body=EXA)
    assert [row["price_micro"] for row in await shop.rows()] == [0]
    with pytest.raises(openai.InternalServerError):
        await client_of(shop).chat.completions.create(model="peer/500", messages=ASKED, extra_body=EXA)
    assert sorted(int(str(row["price_micro"])) for row in await shop.rows()) == [0, 0, RUPEE]
    assert (await shop.purse()).balance_micro == 9 * RUPEE
    assert await shop.adds_up()


async def test_a_query_leaves_masked_and_only_where_its_workspace_lets_it(
    services: Services, shop: Shop, web: SearchPeer, open_shop: OpenShop, client_of: ClientOf
) -> None:
    masked = await open_shop(permissions=["llm", "search"], options=["masking"])
    said: list[Any] = [{"role": "user", "content": "who is ABCPE1234F"}]
    await client_of(masked).chat.completions.create(model="peer/echo", messages=said, extra_body=EXA)
    assert web.asked[-1].members["query"] == "who is [PAN_1]"


async def test_without_a_vendor_the_own_knowledge_is_searched(
    services: Services, peer: Peer, tmp_path: Path, open_shop: OpenShop, client_of: ClientOf, base_url: str
) -> None:
    models = [served("peer/echo", "echo")]
    async with serving(services, tmp_path, upstream("peer", peer.base_url, models)):
        shop = await open_shop(permissions=["llm", "search"])
        async with services.db.tenant(shop.access) as tx:
            source = await add_text(tx, "Fares", "A sleeper from Delhi to Pune costs ₹520 one way.")
        answer = await client_of(shop).chat.completions.create(
            model="peer/echo", messages=ASKED, web_search_options={}
        )
        annotations = answer.choices[0].message.annotations or []
        assert annotations[0].url_citation.url == f"urn:uuid:{source.id}"
        assert {row["model"] for row in await shop.rows()} == {"local/knowledge", "peer/echo"}
        told = await ask(
            base_url, shop, "/v1/quote", model="peer/echo", messages=ASKED, plugins=[{"id": "web"}]
        )
        assert told.json()["search"]["held"] == "0.1"
        assert len(await shop.rows()) == 2
