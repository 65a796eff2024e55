"""The pages of keys and service accounts over HTTP: what they offer, what they keep of a wrong form, what they show once."""

import re
from collections.abc import AsyncGenerator

import httpx
import pytest
from starlette.types import ASGIApp

from callmissed import bots
from callmissed.app.installation import Installation
from callmissed.foundation.ids import uuid7
from callmissed.foundation.services import Services
from callmissed.identity import KEY_SERVICES, KeyRing
from tests.rooms.identity.test_pages import at_browser, sign_in
from tests.support.people import workspace_of_someone

pytestmark = pytest.mark.database

SECRET = re.compile(r"cm_[0-9A-Za-z]{38}")
FORM = {
    "name": "website", "allowed": "llm", "budget": "₹3,000", "requests": "1,20", "tokens": "90000", "models": "local/*",
    "origins": "https://Shop.example", "networks": "203.0.113.0/24\n2001:db8::1", "days": "90", "options": "masking",
}  # fmt: skip


@pytest.fixture
async def owner(
    app: ASGIApp, installation: Installation, services: Services
) -> AsyncGenerator[httpx.AsyncClient]:
    """A browser signed in as the owner of a workspace."""
    address = f"p{uuid7().hex}@namuna.example"
    await workspace_of_someone(services, address)
    async with at_browser(app, installation.settings.public_url) as browser:
        await sign_in(browser, services, address)
        yield browser


async def made(owner: httpx.AsyncClient, **changes: str) -> tuple[str, str]:
    """The secret and the id of a new key."""
    page = await owner.post("/app/keys", data=FORM | changes)
    assert page.status_code == 200, page.text
    secret, key_id = SECRET.search(page.text), re.search(r"/app/keys\?rotate=([0-9a-f-]{36})", page.text)
    assert secret and key_id
    return secret[0], key_id[1]


async def test_what_was_typed_is_what_narrows_the_key(owner, services) -> None:
    secret, key_id = await made(owner)
    key = await services.get(KeyRing).resolve(secret)
    assert (key.requests_per_minute, key.tokens_per_minute, key.monthly_budget) == (
        120,
        90_000,
        3_000_000_000,
    )
    assert key.origins == {"https://shop.example"}
    assert key.networks.allows("::ffff:203.0.113.9") and not key.networks.allows("203.0.114.1")
    assert key.models.allows("local/extractive") and not key.models.allows("peer/good")
    assert key.options == {"masking"}
    form = (await owner.get(f"/app/keys?edit={key_id}")).text
    for kept in (
        'value="3000"',
        'value="120"',
        "local/*",
        "https://shop.example",
        "203.0.113.0/24",
        'value="masking" checked',
    ):
        assert kept in form
    listed = (await owner.get("/app/keys")).text
    assert "of <span" in listed and "shop.example" in listed and not SECRET.search(listed)


async def test_every_service_is_offered_with_its_address(owner) -> None:
    page = (await owner.get("/app/keys?new=1")).text
    for name, service in KEY_SERVICES.items():
        assert service.paths[0] in page
        assert f'<option value="{name}"' in page
    assert 'value="keys.write"' not in page and not re.search(
        r"<input[^>]*\bchecked", page.split("</form>")[0]
    )


@pytest.mark.parametrize(
    ("change", "said"),
    [({"budget": "lots"}, "amount in rupees"), ({"budget": "0"}, "amount in rupees"), ({"requests": "-1"}, "whole number"),
     ({"models": "a b"}, "up to 20 models"), ({"origins": "shop.example"}, "up to 20 websites"),
     ({"networks": "10.0.0.1/8"}, "addresses or ranges"), ({"scopes": "owner.transfer"}, "what you may do yourself"),
     ({"options": "telepathy"}, "cannot be switched on"), ({"log_days": "31"}, "kept for 1 to 30 days"),
     ({"name": ""}, "Give the key a name")],
)  # fmt: skip
async def test_a_form_says_what_is_wrong_and_forgets_nothing(owner, change, said) -> None:
    page = await owner.post("/app/keys", data=FORM | change)
    assert page.status_code == 422 and said in page.text and not SECRET.search(page.text)
    for name, value in (FORM | change).items():
        if name in {"name", "requests", "models", "networks"}:
            assert value.splitlines()[0] in page.text if value else True


async def test_a_key_is_changed_rotated_and_its_old_secret_stopped(owner, services) -> None:
    secret, key_id = await made(owner, origins="")
    changed = await owner.post(
        f"/app/keys/{key_id}/change", data={"name": "renamed", "allowed": "llm", "scopes": "inbox.read"}
    )
    assert changed.status_code == 303
    assert "renamed" in (await owner.get("/app/keys")).text
    question = await owner.get(f"/app/keys?rotate={key_id}")
    assert f'action="/app/keys/{key_id}/rotate"' in question.text
    rotated = await owner.post(f"/app/keys/{key_id}/rotate", data={"overlap": "3"})
    newer = SECRET.search(rotated.text)
    assert newer and newer[0] != secret and rotated.headers["cache-control"] == "no-store"
    listed = (await owner.get("/app/keys")).text
    assert f"cm_…{secret[-4:]}" in listed and f"cm_…{newer[0][-4:]}" in listed and newer[0] not in listed
    assert (await services.get(KeyRing).resolve(secret)).access.permissions == {"llm", "inbox.read"}
    assert (await owner.post(f"/app/keys/{key_id}/end-overlap")).status_code == 303
    assert f"cm_…{secret[-4:]}" not in (await owner.get("/app/keys")).text
    assert (await owner.post(f"/app/keys/{key_id}/rotate", data={"overlap": "8"})).status_code == 422
    for act in ("change", "rotate", "end-overlap"):
        assert (
            await owner.post(f"/app/keys/{uuid7()}/{act}", data={"name": "x", "allowed": "llm"})
        ).status_code == 404


async def test_a_key_rests_on_a_bot_of_its_own_workspace_alone(owner, services) -> None:
    secret, key_id = await made(owner)
    access = (await services.get(KeyRing).resolve(secret)).access
    async with services.db.tenant(access) as tx:
        bot = await bots.create_bot(tx, name="Care", greeting="Hello")
    async with services.db.tenant(await workspace_of_someone(services)) as tx:
        theirs = await bots.create_bot(tx, name="Theirs", greeting="Hello")
    page = (await owner.get("/app/keys?new=true")).text
    assert f'value="{bot.id}">Care<' in page and "Theirs" not in page
    told = {"name": "grounded", "allowed": "llm", "options": ["compression", "repair"]}
    changed = await owner.post(f"/app/keys/{key_id}/change", data={**told, "bot": str(bot.id)})
    assert changed.status_code == 303
    key = await services.get(KeyRing).resolve(secret)
    assert (key.grounds, key.options) == (bot.id, {"compression", "repair", "grounding"})
    form = (await owner.get(f"/app/keys?edit={key_id}")).text
    assert f'value="{bot.id}" selected' in form and 'value="repair" checked' in form
    refused = await owner.post("/app/keys", data={**told, "bot": str(theirs.id)})
    assert refused.status_code == 404 and not SECRET.search(refused.text)
    assert (
        await owner.post(f"/app/keys/{key_id}/change", data={**told, "bot": str(theirs.id)})
    ).status_code == 404
    assert (await services.get(KeyRing).resolve(secret)).grounds == bot.id


async def test_service_accounts_own_keys(owner) -> None:
    assert "No service accounts yet" in (await owner.get("/app/keys/service-accounts")).text
    assert (await owner.post("/app/keys/service-accounts", data={"name": "crm sync"})).status_code == 303
    again = await owner.post("/app/keys/service-accounts", data={"name": "crm sync"})
    assert again.status_code == 409 and "of this name" in again.text
    listed = (await owner.get("/app/keys/service-accounts")).text
    found = re.search(r"close=([0-9a-f-]{36})", listed)
    assert found
    assert (await owner.post("/app/keys", data=FORM | {"owner": found[1]})).status_code == 200
    assert "crm sync" in (await owner.get("/app/keys")).text
    question = (await owner.get(f"/app/keys/service-accounts?close={found[1]}")).text
    assert "Its 1 key stops" in question
    assert (await owner.post(f"/app/keys/service-accounts/{found[1]}/close")).status_code == 303
    assert "revoked" in (await owner.get("/app/keys")).text
    assert (await owner.post(f"/app/keys/service-accounts/{found[1]}/close")).status_code == 404
