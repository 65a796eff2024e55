"""The model API is held against its own description: by Schemathesis, and by what it says of itself."""

import asyncio
import copy
import json
from collections.abc import Iterator
from typing import Any, cast

import httpx
import pytest
from openapi_spec_validator import validate
from schemathesis.core.failures import FailureGroup

from callmissed.gateway import description
from tests.rooms.gateway.conftest import OpenShop
from tests.rooms.gateway.test_fuzz import suppliers
from tests.support.explored import explore
from tests.support.routes import SURFACE

pytestmark = [pytest.mark.database, pytest.mark.slow]
__all__ = ["suppliers"]

KNOWN = ("fuzz/good", "fuzz/guard", "fuzz/voice", "fuzz/picture", "local/lexical", "nobody/none")
Document = dict[str, Any]


@pytest.fixture
def document() -> Document:
    """The description, whose models are those of the suppliers here: of others an answer is told soon."""
    made: Document = json.loads(description.describe())
    for schema in made["components"]["schemas"].values():
        if "model" in schema.get("properties", {}) and "object" not in schema["properties"]:
            schema["properties"]["model"] = {"enum": KNOWN}
    return made


async def test_it_is_served_to_anybody(base_url: str) -> None:
    async with httpx.AsyncClient(base_url=base_url) as client:
        answer = await client.get(description.ADDRESS, headers={"origin": "https://tools.example"})
    assert answer.status_code == 200
    assert answer.headers["access-control-allow-origin"] == "*"
    assert answer.headers["content-type"] == "application/json"
    validate(answer.json())


def test_it_names_every_address_and_no_other() -> None:
    paths = json.loads(description.describe())["paths"]
    described = {(method.upper(), path) for path, operations in paths.items() for method in operations}
    assert described == {*SURFACE, ("GET", "/v1/images/{picture_id}/content")}


def test_every_reference_leads_somewhere() -> None:
    made = json.loads(description.describe())
    found = set(_references(made))
    known = {f"#/components/{kind}/{name}" for kind, named in made["components"].items() for name in named}
    assert found <= known
    assert {each for each in known - found if "/schemas/" in each or "/responses/" in each} == set()


def _references(within: object) -> Iterator[str]:
    if isinstance(within, dict):
        for name, value in cast("dict[str, object]", within).items():
            if name == "$ref":
                yield str(value)
            else:
                yield from _references(value)
    elif isinstance(within, list):
        for each in cast("list[object]", within):
            yield from _references(each)


async def test_the_running_api_answers_only_what_it_says(
    suppliers: None, base_url: str, open_shop: OpenShop, document: Document
) -> None:
    shop = await open_shop("900", permissions=["llm", "stt", "tts", "image", "search"])
    sent = await asyncio.to_thread(explore, base_url, document, shop.key)
    assert len(sent) == len(SURFACE) + 1
    assert sum(sent.values()) > len(sent) * 3
    assert await shop.adds_up()
    assert any(row["status"] == "ok" for row in await shop.rows())


async def test_an_answer_that_is_not_described_is_seen(
    suppliers: None, base_url: str, open_shop: OpenShop, document: Document
) -> None:
    """The saboteurs: a description that forgets a refusal, and one that promises a member too many."""
    shop = await open_shop("9")
    forgetful, boasting = copy.deepcopy(document), copy.deepcopy(document)
    for made in (forgetful, boasting):
        made["paths"] = {"/v1/models": made["paths"]["/v1/models"]}
    del forgetful["paths"]["/v1/models"]["get"]["responses"]["4XX"]
    with pytest.raises(FailureGroup, match="Undocumented status code"):
        await asyncio.to_thread(explore, base_url, forgetful, "cm_wrong")
    for name in ("Models", "AnthropicModels"):
        boasting["components"]["schemas"][name]["required"].append("boast")
    with pytest.raises(FailureGroup, match="Response violates schema"):
        await asyncio.to_thread(explore, base_url, boasting, shop.key)
