"""Pictures that are kept: for whom, how long, shown by links that end, erased for good, and never another tenant's."""

import base64
from datetime import timedelta
from pathlib import Path
from typing import Any
from uuid import UUID

import httpx
import pytest
from sqlalchemy import text

from callmissed.foundation import audit
from callmissed.foundation.services import Services
from callmissed.foundation.vault import Erased
from callmissed.gateway.images import history
from callmissed.gateway.images.models import KeptPicture
from callmissed.gateway.tasks import forget_picture
from callmissed.identity import create_key
from tests.rooms.gateway.conftest import OpenShop, Shop
from tests.rooms.gateway.served import served, serving, upstream
from tests.support.belongings import holdings
from tests.support.patience import until
from tests.support.picture_peer import png, running_picture_peer

MADE = {"model": "local/poster", "prompt": "Chai at dawn", "size": "64x64"}
IMAGES = "/v1/images"


@pytest.fixture
async def shop(open_shop: OpenShop) -> Shop:
    return await open_shop(permissions=["image"], options=("image_history",))


def of(base_url: str, shop: Shop) -> httpx.AsyncClient:
    headers = {"authorization": f"Bearer {shop.key}"}
    return httpx.AsyncClient(base_url=base_url, headers=headers, timeout=30)


async def make(client: httpx.AsyncClient, **more: Any) -> list[dict[str, Any]]:
    reply = await client.post(f"{IMAGES}/generations", json={**MADE, **more})
    return reply.raise_for_status().json()["data"]


async def shown(base_url: str, url: str) -> httpx.Response:
    """What somebody without a key sees behind a link."""
    address = httpx.URL(url)
    async with httpx.AsyncClient(base_url=base_url) as anybody:
        return await anybody.get(f"{address.path}?{address.query.decode()}")


async def test_pictures_are_listed_newest_first_and_shown_without_a_key(base_url: str, shop: Shop) -> None:
    async with of(base_url, shop) as client:
        made = [*await make(client, n=2), *await make(client, prompt="Tea")]
        page = (await client.get(f"{IMAGES}/history", params={"limit": 2})).raise_for_status().json()
        rest = (await client.get(f"{IMAGES}/history", params={"before": page["data"][-1]["id"]})).json()
        one = (await client.get(f"{IMAGES}/{made[0]['id']}")).raise_for_status().json()
        for wrong in ({"limit": 0}, {"limit": 101}, {"limit": "x"}):
            assert (await client.get(f"{IMAGES}/history", params=wrong)).status_code == 400
        assert (await client.get(f"{IMAGES}/history", params={"before": "x"})).status_code == 404
    ids = [each["id"] for each in [*page["data"], *rest["data"]]]
    assert ids == [each["id"] for each in reversed(made)]
    assert (page["has_more"], rest["has_more"]) == (True, False)
    assert (one["prompt"], one["model"], one["content_type"]) == ("Chai at dawn", "local/poster", "image/png")
    assert one["expires_at"] - one["created"] == 30 * 86_400
    assert UUID(one["usage_id"]) in {row["id"] for row in await shop.rows()}
    seen = await shown(base_url, one["url"])
    assert seen.content == base64.b64decode(made[0]["b64_json"])
    assert (seen.headers["content-type"], seen.headers["cache-control"]) == ("image/png", "no-store")
    assert seen.headers["x-content-type-options"] == "nosniff"
    assert await shop.adds_up()


async def test_nothing_is_kept_for_a_key_that_is_not_switched_to_it(
    base_url: str, open_shop: OpenShop
) -> None:
    shop = await open_shop(permissions=["image"], options=("prompt_log", "cache", "masking"))
    async with of(base_url, shop) as client:
        [made] = await make(client)
        assert "id" not in made
        assert (await client.get(f"{IMAGES}/history")).json()["data"] == []
    assert (await holdings(shop.services, shop.access.tenant_id))["kept_picture"] == []


async def test_a_link_is_for_one_picture_and_ends(base_url: str, shop: Shop, services: Services) -> None:
    async with of(base_url, shop) as client:
        first, second = await make(client, n=2)
        url: str = (await client.get(f"{IMAGES}/{first['id']}")).json()["url"]
    said = url.partition("signed=")[2]
    for wrong in (
        url.replace(first["id"], second["id"]),
        url.replace(said, ""),
        url.replace(said, said[:-1] + ("A" if said[-1] != "A" else "B")),
        url.replace(said, "%FF.%FF"),
        url.replace(said, said.partition(".")[0]),
        url.replace(first["id"], "x"),
    ):
        refused = await shown(base_url, wrong)
        assert (refused.status_code, refused.json()["error"]["code"]) == (404, "picture_not_found"), wrong
    picture = history.id_of(first["id"])
    assert picture is not None
    old = history.signed(services.vault, shop.access.tenant_id, picture, timedelta(seconds=-1))[0]
    assert (await shown(base_url, url.replace(said, old))).status_code == 404
    assert (await shown(base_url, url)).status_code == 200


async def test_an_erased_picture_cannot_be_opened_from_any_copy(
    base_url: str, shop: Shop, services: Services
) -> None:
    async with of(base_url, shop) as client:
        first, second = await make(client, n=2)
        url: str = (await client.get(f"{IMAGES}/{first['id']}")).json()["url"]
        picture = history.id_of(first["id"])
        assert picture is not None
        async with services.db.tenant(shop.access) as tx:
            query = text("SELECT content FROM kept_picture WHERE id = :id")
            copy = bytes((await tx.session.execute(query, {"id": picture})).scalar_one())
        assert png()[:8] not in copy
        assert b"Chai" not in copy
        gone = (await client.delete(f"{IMAGES}/{first['id']}")).raise_for_status().json()
        assert gone == {"id": first["id"], "object": "image", "deleted": True}
        assert (await client.delete(f"{IMAGES}/{first['id']}")).status_code == 404
        assert (await client.get(f"{IMAGES}/{first['id']}")).status_code == 404
        assert [each["id"] for each in (await client.get(f"{IMAGES}/history")).json()["data"]] == [
            second["id"]
        ]
    assert (await shown(base_url, url)).status_code == 404
    async with services.db.tenant(shop.access) as tx:
        assert (await audit.recent(tx, limit=1))[0].action == "gateway:picture:erased"
    for _ in range(2):
        await forget_picture(services, tenant_id=str(shop.access.tenant_id), picture_id=str(picture))
    async with services.db.tenant(shop.access) as tx:
        with pytest.raises(Erased):
            await tx.vault.open_bytes(KeptPicture.content, picture, picture, copy)


async def test_after_its_days_a_picture_is_gone_and_its_job_destroys_it(
    base_url: str, shop: Shop, services: Services
) -> None:
    async with of(base_url, shop) as client:
        [made] = await make(client)
        url: str = (await client.get(f"{IMAGES}/{made['id']}")).json()["url"]
        picture = history.id_of(made["id"])
        async with services.db.tenant(shop.access) as tx:
            waits = await tx.session.execute(
                text("SELECT scheduled_at - now() FROM procrastinate_jobs WHERE args->>'picture_id' = :id"),
                {"id": str(picture)},
            )
            assert timedelta(days=29) < waits.scalar_one() <= timedelta(days=30)
            await tx.session.execute(
                text("UPDATE kept_picture SET created_at = created_at - interval '30 days 1 second'")
            )
        assert (await client.get(f"{IMAGES}/history")).json()["data"] == []
        assert (await client.get(f"{IMAGES}/{made['id']}")).status_code == 404
    assert (await shown(base_url, url)).status_code == 404
    await forget_picture(services, tenant_id=str(shop.access.tenant_id), picture_id=str(picture))
    assert (await holdings(services, shop.access.tenant_id))["kept_picture"] == []


async def test_other_tenants_and_other_keys_see_nothing(
    base_url: str, shop: Shop, open_shop: OpenShop
) -> None:
    stranger = await open_shop(permissions=["image"])
    async with of(base_url, shop) as client, of(base_url, stranger) as theirs:
        [made] = await make(client)
        for method, path in (("GET", made["id"]), ("DELETE", made["id"])):
            reply = await theirs.request(method, f"{IMAGES}/{path}")
            assert (reply.status_code, reply.json()["error"]["code"]) == (404, "picture_not_found")
        assert (await theirs.get(f"{IMAGES}/history", params={"before": made["id"]})).json()["data"] == []
        token = (await client.post("/v1/tokens", json={})).json()["token"]
        refused = await client.get(f"{IMAGES}/history", headers={"authorization": f"Bearer {token}"})
        assert (refused.status_code, refused.json()["error"]["code"]) == (403, "pictures_for_servers")
        assert (await client.put(f"{IMAGES}/{made['id']}")).status_code == 404
        assert (await client.get(f"{IMAGES}/{made['id']}")).status_code == 200
    async with shop.services.db.tenant(shop.access) as tx:
        narrow = await create_key(tx, "chats only", permissions=["llm"])
    async with httpx.AsyncClient(base_url=base_url, headers={"x-api-key": narrow.secret}) as client:
        assert (await client.get(f"{IMAGES}/history")).status_code == 403


async def test_a_full_workspace_is_told_before_anything_costs(
    base_url: str, shop: Shop, services: Services
) -> None:
    async with of(base_url, shop) as client:
        await make(client)
        async with services.db.tenant(shop.access) as tx:
            await tx.session.execute(
                text("UPDATE kept_picture SET size = :most"), {"most": history.MOST_BYTES}
            )
        refused = await client.post(f"{IMAGES}/generations", json=MADE)
        assert (refused.status_code, refused.json()["error"]["code"]) == (409, "too_many_pictures")
        assert len(await shop.rows()) == 1
        [kept] = (await client.get(f"{IMAGES}/history")).json()["data"]
        await client.delete(f"{IMAGES}/{kept['id']}")
        await make(client)


async def test_who_hangs_up_keeps_nothing_and_a_failure_keeps_nothing(
    base_url: str, shop: Shop, services: Services, tmp_path: Path
) -> None:
    sold = {
        "kind": '"image"',
        "price_in": '"0.5"',
        "price_out": '"0"',
        "longest_answer": "0",
        "context": "4000",
    }
    async with running_picture_peer() as maker:
        part = upstream(
            "maker", maker.base_url, [served(f"maker/{each}", each, **sold) for each in ("slow", "page")]
        )
        async with serving(services, tmp_path, part), of(base_url, shop) as client:
            with pytest.raises(httpx.ReadTimeout):
                await client.post(f"{IMAGES}/generations", json={**MADE, "model": "maker/slow"}, timeout=0.15)
            assert (
                await client.post(f"{IMAGES}/generations", json={**MADE, "model": "maker/page"})
            ).status_code == 502

            async def are_over() -> bool:
                return [row["price_micro"] for row in await shop.rows()] == [0, 0]

            assert await until(are_over)
    assert (await holdings(services, shop.access.tenant_id))["kept_picture"] == []
    assert await shop.adds_up()
