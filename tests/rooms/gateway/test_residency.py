"""Content stays in India: per workspace, on by default, within what the installation allows, and for bots as for keys."""

import asyncio
from collections.abc import AsyncGenerator
from pathlib import Path
from typing import Any

import openai
import pytest

from callmissed.billing import transfers
from callmissed.foundation import audit
from callmissed.foundation.services import Services
from callmissed.gateway import CompletionRequest, Upstreams, complete
from callmissed.gateway.problems import OutsideIndia
from callmissed.identity import residency
from callmissed.identity.team_problems import AgreementMissing
from tests.rooms.gateway.conftest import ClientOf, OpenShop
from tests.rooms.gateway.served import HI, asked_as, keep, let_leave, served, serving, upstream
from tests.support.peer import Peer


@pytest.fixture(scope="module")
async def world(
    services: Services, peer: Peer, base_url: str, tmp_path_factory: pytest.TempPathFactory
) -> AsyncGenerator[Upstreams]:
    """Models in India, in the United States, in a place nobody knows, and in both: there first, or there failing."""
    at, home = peer.base_url, tmp_path_factory.mktemp("world")
    second = [served(each, "good", order="1") for each in ("both/x", "falls/x")]
    abroad = {"us/good": "good", "us/500": "500", "both/x": "good", "falls/x": "500"}
    india = upstream("india", at, [served("in/good", "good"), *second])
    states = upstream("states", at, [served(*each) for each in abroad.items()], region="US")
    nobody = upstream("nobody", at, [served("unknown/good", "good")], region="??")
    async with serving(services, home, india, states, nobody, india_only=False) as made:
        yield made


@pytest.mark.parametrize("model", ["us/good", "unknown/good"])
async def test_nothing_leaves_india_unless_the_workspace_has_agreed(
    model: str, world, services: Services, open_shop: OpenShop, client_of: ClientOf, peer: Peer
) -> None:
    shop, before = await open_shop("1"), len(peer.asked)
    client: Any = client_of(shop)
    with pytest.raises(openai.PermissionDeniedError) as caught:
        await client.chat.completions.create(model=model, messages=HI)
    assert caught.value.code == "outside_india"
    assert asked_as(peer, before) == []
    assert model not in [each.id for each in (await client.models.list()).data]
    await let_leave(services, shop)
    await _until_agreed(client, model)
    reply = await client.chat.completions.with_raw_response.create(model=model, messages=HI)
    assert reply.headers["cm-processed-in"] == ("US" if model == "us/good" else "??")
    assert model in [each.id for each in (await client.models.list()).data]
    await keep(services, shop)
    await _until_agreed(client, model, agreed=False)


async def _until_agreed(client: Any, model: str, *, agreed: bool = True) -> None:
    """Every node knows of a change within a second."""
    for _ in range(50):
        listed = [each.id for each in (await client.models.list()).data]
        if (model in listed) is agreed:
            return
        await asyncio.sleep(0.02)
    pytest.fail("the change is not known after a second")


async def test_a_model_in_both_places_is_asked_in_india_alone(
    world, services: Services, open_shop: OpenShop, client_of: ClientOf
) -> None:
    shop = await open_shop("1")
    create: Any = client_of(shop).chat.completions.with_raw_response.create
    assert (await create(model="both/x", messages=HI)).headers["cm-processed-in"] == "IN"
    await let_leave(services, shop)
    await _until_agreed(client_of(shop), "us/good")
    assert (await create(model="both/x", messages=HI)).headers["cm-processed-in"] == "US"
    kept, left = await shop.rows()
    assert (kept["india_only"], kept["region"], left["india_only"], left["region"]) == (
        True,
        "IN",
        False,
        "US",
    )


async def test_a_fallback_abroad_is_refused_as_a_model_abroad_is(
    world, open_shop, client_of: ClientOf
) -> None:
    shop = await open_shop("1")
    with pytest.raises(openai.PermissionDeniedError) as caught:
        await client_of(shop).chat.completions.create(
            model="in/good", messages=HI, extra_body={"models": ["us/good"]}
        )
    assert (caught.value.code, caught.value.param) == ("outside_india", "models")


async def test_the_installation_is_the_outer_limit(
    services: Services, peer: Peer, open_shop: OpenShop, client_of: ClientOf, tmp_path: Path
) -> None:
    shop = await open_shop("1")
    await let_leave(services, shop)
    abroad = upstream("states", peer.base_url, [served("us/good", "good")], region="US")
    async with serving(services, tmp_path, abroad, india_only=True):
        with pytest.raises(openai.PermissionDeniedError) as caught:
            await client_of(shop).chat.completions.create(model="us/good", messages=HI)
    assert caught.value.code == "outside_india"


async def test_a_bot_is_bound_as_a_key_is(world, services: Services, open_shop: OpenShop) -> None:
    shop = await open_shop("1")
    request = CompletionRequest("us/good", HI)
    with pytest.raises(OutsideIndia):
        await complete(services, shop.access, request)
    done = await complete(services, shop.access, request, india_only=False)
    assert done.region == "US"


async def test_the_transfer_log_holds_what_left_also_where_another_answered(
    world, services: Services, open_shop: OpenShop, client_of: ClientOf
) -> None:
    shop, stranger = await open_shop("1"), await open_shop("1")
    await let_leave(services, shop)
    client = client_of(shop)
    await _until_agreed(client, "us/good")
    create: Any = client.chat.completions.create
    await create(model="in/good", messages=HI)
    await create(model="us/good", messages=HI)
    await create(model="falls/x", messages=HI)
    with pytest.raises(openai.APIStatusError):
        await create(model="us/500", messages=HI)
    async with services.db.tenant(shop.access) as tx:
        found = await transfers(tx, limit=10)
    assert [(each.model, each.abroad) for each in found] == [
        ("us/500", (("states", "US"),)),
        ("falls/x", (("states", "US"),)),
        ("us/good", (("states", "US"),)),
    ]
    assert found[1].region == "IN", "answered in India, after it had gone abroad"
    assert (found[2].tokens_in, found[2].tokens_out, found[2].status) == (11, 7, "ok")
    async with services.db.tenant(shop.access) as tx:
        assert await transfers(tx, limit=10, older_than=found[1].id) == found[2:]
    async with services.db.tenant(stranger.access) as tx:
        assert await transfers(tx, limit=10) == ()


async def test_what_was_never_sent_is_no_transfer(
    services: Services, peer: Peer, open_shop: OpenShop, client_of: ClientOf, tmp_path: Path
) -> None:
    shop = await open_shop("1")
    await let_leave(services, shop)
    limits = "breaker = {least = 1, rest = 60}"
    abroad = upstream("states", peer.base_url, [served("us/500", "500")], region="US", limits=limits)
    async with serving(services, tmp_path, abroad, india_only=False):
        await _until_agreed(client_of(shop), "us/500")
        for _ in range(2):
            with pytest.raises(openai.APIStatusError):
                await client_of(shop).chat.completions.create(model="us/500", messages=HI)
    assert [row["problem"] for row in await shop.rows()] == ["upstream_broken", "upstream_paused"]
    async with services.db.tenant(shop.access) as tx:
        assert len(await transfers(tx, limit=10)) == 1


async def test_each_change_is_in_the_audit_log_once_with_the_places_that_were_named(
    services: Services, open_shop: OpenShop
) -> None:
    shop = await open_shop("0")
    async with services.db.tenant(shop.access) as tx:
        assert await residency.is_india_only(tx)
        with pytest.raises(AgreementMissing):
            await residency.let_leave_india(tx, agreed=False, told=["US"])
        assert await residency.is_india_only(tx)
        await residency.let_leave_india(tx, agreed=True, told=["US", "SG"])
        await residency.let_leave_india(tx, agreed=True, told=["US"])
        assert not await residency.is_india_only(tx)
        await residency.keep_in_india(tx)
        await residency.keep_in_india(tx)
        leaves = await audit.recent(tx, limit=2)
    assert [leaf.action for leaf in leaves] == [
        "identity:tenant:kept_in_india",
        "identity:tenant:let_leave_india",
    ]
    assert leaves[1].body == {"places": "SG, US"}
