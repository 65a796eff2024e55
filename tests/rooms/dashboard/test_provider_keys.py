"""The page and the API of provider keys: brought, shown without its secret, checked, replaced, taken out; who may, and what is told."""

from collections.abc import AsyncGenerator
from pathlib import Path
from typing import Any

import httpx
import pytest
from sqlalchemy import text
from starlette.types import ASGIApp

from callmissed.foundation.ids import uuid7
from callmissed.foundation.services import Services
from tests.rooms.dashboard.conftest import Office, Open
from tests.rooms.dashboard.test_usage import text_of
from tests.rooms.gateway.own import HERS, HIS, OPERATORS, WRONG, taking
from tests.rooms.gateway.served import serving
from tests.support.at_page import grow_old
from tests.support.mailbox import send_waiting
from tests.support.people import teammate_of
from tests.support.signed_in import browser_of
from tests.support.supplier import SAID, Supplier, running_supplier

pytestmark = pytest.mark.database

PAGE = "/app/keys/providers"
FORM = {
    "upstream": "gpt",
    "contract": "Enterprise agreement 7",
    "contract_on": "2026-03-01",
    "excludes_training": "on",
}
DOCUMENT = {**FORM, "excludes_training": True}


@pytest.fixture
async def supplier(services: Services, tmp_path: Path) -> AsyncGenerator[Supplier]:
    """`gpt`, on our account or the workspace's, and `only`, on the workspace's alone."""
    async with running_supplier(OPERATORS, HIS, HERS) as made:
        parts = (
            taking("gpt", made.base_url, "may"),
            taking("only", made.base_url, "must", key="", contract=""),
        )
        async with serving(services, tmp_path, *parts):
            yield made


async def put(office: Office, **more: Any) -> httpx.Response:
    return await office.browser.put("/api/v1/provider-keys", json={**DOCUMENT, "secret": HIS, **more})


async def test_a_key_is_brought_on_the_page_and_never_shown_again(supplier: Supplier, office: Office) -> None:
    drawer = await office.page(f"{PAGE}/bring?upstream=gpt")
    assert 'type="password"' in drawer
    assert supplier.base_url.removesuffix("/v1") in drawer
    reply = await office.browser.post(PAGE, data={**FORM, "secret": f"  {HIS} "})
    assert (reply.status_code, reply.headers["location"]) == (303, f"{PAGE}?saved=1")
    shown = await office.page(reply.headers["location"])
    said = text_of(shown)
    for words in (f"••••{HIS[-4:]}", "Enterprise agreement 7", "only on your account", "Saved."):
        assert words in said, words
    assert HIS not in shown
    log = text_of(await office.page("/app/audit"))
    assert "was brought to gpt, under “Enterprise agreement 7” of 2026-03-01, which excludes training" in log


@pytest.mark.parametrize(
    ("changed", "words"),
    [
        ({"secret": WRONG}, "The supplier does not accept this key"),
        ({"secret": "sk-tooshort"}, "A key has 16 to 400"),
        ({"excludes_training": ""}, "Name the contract"),
        ({"contract_on": "soon"}, "Name the contract"),
        ({"upstream": "local"}, "Keys of your own cannot be used"),
    ],
    ids=["wrong", "short", "unstated", "undated", "not taken"],
)
async def test_what_is_refused_is_told_on_the_page_without_the_key(
    changed: dict[str, str], words: str, supplier: Supplier, office: Office
) -> None:
    typed = {**FORM, "secret": HIS, **changed}
    reply = await office.browser.post(PAGE, data=typed)
    assert reply.status_code == 422
    assert words in text_of(reply.text)
    assert typed["secret"] not in reply.text
    assert (await office.browser.get("/api/v1/provider-keys")).json()["items"] == []


async def test_a_proof_is_asked_for_before_a_key_is_typed_and_never_repeats_one(
    supplier: Supplier, office: Office, services: Services
) -> None:
    assert office.access.actor.id
    await grow_old(services, office.access.actor.id)
    before = await office.browser.get(f"{PAGE}/bring?upstream=gpt")
    assert "Is it you?" in text_of(before.text)
    late = await office.browser.post(PAGE, data={**FORM, "secret": HIS})
    assert "Is it you?" in text_of(late.text)
    assert "Enterprise agreement 7" in late.text
    assert HIS not in late.text
    assert supplier.seen == []


async def test_a_key_is_checked_and_taken_out_on_the_page(supplier: Supplier, office: Office) -> None:
    key_id = (await put(office)).json()["id"]
    supplier.customers = {OPERATORS}
    assert (await office.browser.post(f"{PAGE}/{key_id}/check")).status_code == 303
    assert "refused since" in text_of(await office.page(PAGE))
    supplier.customers = {OPERATORS, HIS}
    await office.browser.post(f"{PAGE}/{key_id}/check")
    assert "refused since" not in text_of(await office.page(PAGE))
    assert "Take the key for gpt out?" in text_of(await office.page(f"{PAGE}?remove={key_id}"))
    assert (await office.browser.post(f"{PAGE}/{key_id}/remove")).status_code == 303
    assert f"••••{HIS[-4:]}" not in await office.page(PAGE)
    assert (await office.browser.post(f"{PAGE}/{key_id}/remove")).status_code == 404


async def test_the_whole_round_of_a_provider_key_for_programs(supplier: Supplier, office: Office) -> None:
    made = (await put(office, falls_back=True)).json()
    assert (made["upstream"], made["last_four"], made["state"], made["falls_back"]) == (
        "gpt",
        HIS[-4:],
        "accepted",
        True,
    )
    assert made["server"] == supplier.base_url.removesuffix("/v1")
    again = (await put(office, secret=HERS)).json()
    assert again["id"] != made["id"]
    listed = (await office.browser.get("/api/v1/provider-keys")).json()["items"]
    assert listed == [again]
    supplier.customers = {OPERATORS}
    address = f"/api/v1/provider-keys/{again['id']}"
    refused = (await office.browser.post(f"{address}/verify")).json()
    assert (refused["state"], refused["refused_at"] is not None) == ("refused", True)
    assert (await office.browser.delete(address)).status_code == 204
    assert (await office.browser.delete(address)).json()["code"] == "own_key_not_found"
    assert (await office.browser.post(f"{address}/verify")).json()["code"] == "own_key_not_found"


@pytest.mark.parametrize(
    ("changed", "status", "code"),
    [
        ({"secret": WRONG}, 422, "own_key_wrong"),
        ({"excludes_training": False}, 422, "invalid"),
        ({"contract": " "}, 422, "own_key_unstated"),
        ({"contract_on": "2999-01-01"}, 422, "own_key_unstated"),
        ({"upstream": "nobody"}, 422, "own_key_not_taken"),
        ({"secret": "x" * 1_001}, 422, "invalid"),
    ],
    ids=["wrong", "no word", "no name", "tomorrow", "nobody", "huge"],
)
async def test_a_program_is_told_what_is_wrong_and_never_the_key(
    changed: dict[str, Any], status: int, code: str, supplier: Supplier, office: Office
) -> None:
    reply = await put(office, **changed)
    assert (reply.status_code, reply.json()["code"]) == (status, code)
    assert changed.get("secret", HIS) not in reply.text


async def test_only_those_who_may_write_keys_bring_any_and_a_stranger_sees_none(
    supplier: Supplier, office: Office, opened: Open, app: ASGIApp, services: Services
) -> None:
    made = (await put(office)).json()
    stranger = await opened()
    address = f"/api/v1/provider-keys/{made['id']}"
    assert (await stranger.browser.get("/api/v1/provider-keys")).json()["items"] == []
    assert (await stranger.browser.post(f"{address}/verify")).status_code == 404
    assert (await stranger.browser.delete(address)).status_code == 404
    assert f"••••{HIS[-4:]}" not in await stranger.page(PAGE)
    mate = await teammate_of(services, office.access, "teammate")
    async with browser_of(app, services, mate) as browser:
        assert (
            await browser.put("/api/v1/provider-keys", json={**DOCUMENT, "secret": HERS})
        ).status_code == 403
        assert (await browser.get(PAGE)).status_code == 403
    assert [each["id"] for each in (await office.browser.get("/api/v1/provider-keys")).json()["items"]] == [
        made["id"]
    ]


async def test_models_and_playground_show_what_the_key_opens(
    supplier: Supplier, office: Office, opened: Open
) -> None:
    stranger = await opened()
    assert (await put(office, upstream="only")).status_code == 200
    for path in ("/app/models", "/app/playground"):
        assert "only/chat" in await office.page(path)
        assert "only/chat" not in await stranger.page(path)
    assert "own key" in text_of(await office.page("/app/models"))
    tried = {"model": "only/chat", "messages": [{"role": "user", "content": "Hi"}]}
    said = (await office.browser.post("/app/playground/answer", json=tried)).text
    assert SAID in said
    assert supplier.keys()[-1] == HIS
    refused = (await stranger.browser.post("/app/playground/answer", json=tried)).text
    assert "own key at its supplier" in refused
    requests = await office.page("/app/requests")
    assert "own key" in text_of(requests)
    row = (await office.browser.get("/api/v1/requests")).json()["items"][0]
    assert (row["own_key"], row["price_micro"]) == (True, 0)
    opened_row = text_of(await office.page(f"/app/requests?request={row['id']}"))
    assert "it ran on your own account with the supplier" in opened_row


async def test_those_in_charge_read_of_a_key_that_was_brought(
    supplier: Supplier, office: Office, services: Services
) -> None:
    await put(office)
    await send_waiting(services)
    owner = text(
        "SELECT count(*) FROM mail_message WHERE person_id = :id AND template = 'gateway.own_key_brought'"
    )
    async with services.db.control() as tx:
        assert await tx.session.scalar(owner, {"id": office.access.actor.id}) == 1


async def test_where_no_supplier_takes_keys_the_page_says_so(
    services: Services, tmp_path: Path, office: Office
) -> None:
    async with serving(services, tmp_path):
        assert "No supplier takes keys here" in text_of(await office.page(PAGE))
        assert (await office.browser.post(f"{PAGE}/{uuid7()}/check")).status_code == 404
