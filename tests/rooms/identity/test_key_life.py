"""The life of a key: what it may do, rotation with an overlap, its owners, and news that do not arrive."""

import asyncio
import sys
import time
from uuid import UUID

import pytest

from callmissed.foundation import clock, live
from callmissed.foundation.ids import uuid7
from callmissed.foundation.services import Services
from callmissed.foundation.tenancy import Access
from callmissed.identity import (
    KeyLimits,
    KeyRing,
    key_format,
    keys,
    list_keys,
    repository,
    revoke_key,
    rotation,
    service_accounts,
)
from callmissed.identity.key_problems import (
    KeyAboveYou,
    KeyNotWorking,
    KeyOwnerGone,
    KeyReplaced,
    LifetimeUnusable,
    OverlapUnusable,
    ScopeUnusable,
    ServiceAccountNameMissing,
    ServiceAccountNameTaken,
    ServiceAccountNotFound,
)
from callmissed.identity.problems import KeyNotFound, KeyRevoked, WorkspaceClosed
from callmissed.identity.service.keys import KeyCard
from tests.support.keys import make_key, refused
from tests.support.people import workspace_of_someone

pytestmark = pytest.mark.database


@pytest.fixture
async def owner(services: Services) -> Access:
    """The owner of a workspace nobody else has."""
    return await workspace_of_someone(services)


@pytest.fixture
def ring(services: Services) -> KeyRing:
    """The process's own ring, as wired."""
    return services.get(KeyRing)


async def card_of(services: Services, access: Access, key_id: UUID) -> KeyCard:
    async with services.db.tenant(access) as tx:
        return next(card for card in await list_keys(tx) if card.id == key_id)


# What it may do


async def test_a_key_gets_what_its_maker_may_give_and_nothing_else(services, owner, ring) -> None:
    made = await make_key(services, owner, scopes=["inbox.read", "bots.write"])
    assert (await ring.resolve(made.secret)).access.permissions == {"llm", "inbox.read", "bots.write"}
    only_api = await make_key(services, owner, permissions=[], scopes=["usage.read"])
    assert (await ring.resolve(only_api.secret)).access.permissions == {"usage.read"}
    for scope in ("keys.write", "owner.transfer", "team.write", "no.such", "*"):
        with pytest.raises(ScopeUnusable):
            await make_key(services, owner, scopes=[scope])
    developer = Access(owner.tenant_id, owner.actor, frozenset({"keys.write", "bots.read"}))
    with pytest.raises(ScopeUnusable):
        await make_key(services, developer, scopes=["contacts.erase"])
    for days in (-1, 0, 3651):
        with pytest.raises(LifetimeUnusable):
            await make_key(services, owner, days=days)


async def test_a_change_reaches_the_hot_path_within_a_second(services, owner, ring) -> None:
    made = await make_key(services, owner, scopes=["contacts.erase"])
    before = await ring.resolve(made.secret)
    assert before.models is None
    limits = KeyLimits(5, 1000, None, ("local/*",), ("https://shop.example",), ("10.0.0.0/8",))
    developer = Access(owner.tenant_id, owner.actor, frozenset({"keys.write"}))
    wish = keys.KeyWish("renamed", ["llm"], ["contacts.erase"], limits)
    with pytest.raises(KeyAboveYou):
        async with services.db.tenant(developer) as tx:
            await keys.change_key(tx, made.id, wish)
    async with services.db.tenant(owner) as tx:
        await keys.change_key(tx, made.id, wish)
    began = time.monotonic()
    while (await ring.resolve(made.secret)).models is None:
        assert time.monotonic() - began < 1
        await asyncio.sleep(0.01)
    card = await card_of(services, owner, made.id)
    assert (card.name, card.limits, card.scopes) == ("renamed", limits, ("contacts.erase",))
    async with services.db.tenant(owner) as tx:
        await revoke_key(tx, made.id)
        with pytest.raises(KeyNotWorking):
            await keys.change_key(tx, made.id, keys.KeyWish("again"))
        with pytest.raises(KeyNotFound):
            await keys.change_key(tx, uuid7(), keys.KeyWish("again"))


# Rotation


async def test_both_secrets_work_in_the_overlap_and_one_after_it(services, owner, ring) -> None:
    first = await make_key(services, owner)
    await ring.resolve(first.secret)
    async with services.db.tenant(owner) as tx:
        second = await rotation.rotate_key(tx, first.id, 3)
    assert second.id == first.id and second.secret != first.secret
    old, new = await ring.resolve(first.secret), await ring.resolve(second.secret)
    assert (old.key_id, new.key_id, old.serial, new.serial) == (first.id, first.id, 1, 2)
    card = await card_of(services, owner, first.id)
    assert card.shown == key_format.shown(second.secret[-4:])
    assert [each.shown for each in card.old] == [key_format.shown(first.secret[-4:])]
    assert card.old[0].last_used_at
    with clock.travel(days=2.99):
        assert await ring.resolve(first.secret)
    with clock.travel(days=3.01):
        with pytest.raises(KeyReplaced):
            await ring.resolve(first.secret)
        assert await ring.resolve(second.secret)
        assert (await card_of(services, owner, first.id)).old == ()


async def test_without_an_overlap_the_old_secret_stops_within_a_second(services, owner, ring) -> None:
    first = await make_key(services, owner)
    await ring.resolve(first.secret)
    async with services.db.tenant(owner) as tx:
        second = await rotation.rotate_key(tx, first.id, 0)
    await refused(ring, first.secret, KeyReplaced)
    assert await ring.resolve(second.secret)


async def test_an_overlap_can_be_ended_and_revoking_ends_everything(services, owner, ring) -> None:
    first = await make_key(services, owner)
    async with services.db.tenant(owner) as tx:
        second = await rotation.rotate_key(tx, first.id, 7)
    async with services.db.tenant(owner) as tx:
        third = await rotation.rotate_key(tx, first.id, 7)
    for each in (first, second, third):
        assert await ring.resolve(each.secret)
    async with services.db.tenant(owner) as tx:
        await rotation.end_overlap(tx, first.id)
        await rotation.end_overlap(tx, first.id)
    await refused(ring, first.secret, KeyReplaced)
    await refused(ring, second.secret, KeyReplaced)
    async with services.db.tenant(owner) as tx:
        fourth = await rotation.rotate_key(tx, first.id, 7)
        await revoke_key(tx, first.id)
    for each in (third, fourth):
        await refused(ring, each.secret, KeyRevoked)
    async with services.db.tenant(owner) as tx:
        with pytest.raises(KeyNotWorking):
            await rotation.rotate_key(tx, first.id, 1)
        for days in (-1, 8):
            with pytest.raises(OverlapUnusable):
                await rotation.rotate_key(tx, first.id, days)


async def test_keys_of_another_workspace_cannot_be_rotated_or_changed(services, owner) -> None:
    theirs = await make_key(services, await workspace_of_someone(services))
    async with services.db.tenant(owner) as tx:
        for act in (rotation.rotate_key(tx, theirs.id, 1), rotation.end_overlap(tx, theirs.id),
                    keys.change_key(tx, theirs.id, keys.KeyWish("mine"))):  # fmt: skip
            with pytest.raises(KeyNotFound):
                await act


# Owners


async def test_a_key_of_a_person_stops_when_they_leave_and_one_of_a_service_account_works_on(
    services, owner, ring
) -> None:
    async with services.db.tenant(owner) as tx:
        machine = await service_accounts.create_service_account(tx, "crm sync")
    own, shared = (
        await make_key(services, owner),
        await make_key(services, owner, service_account_id=machine.id),
    )
    assert await ring.resolve(own.secret) and await ring.resolve(shared.secret)
    assert (await card_of(services, owner, shared.id)).service_account == "crm sync"
    async with services.db.tenant(Access.system(owner.tenant_id)) as tx:
        assert owner.actor.id
        member = await repository.membership(tx, owner.actor.id)
        await tx.session.delete(member)
        assert await keys.revoke_keys_of(tx, owner.actor.id) == 1
        assert await keys.revoke_keys_of(tx, owner.actor.id) == 0
    await refused(ring, own.secret, KeyRevoked)
    assert await ring.resolve(shared.secret)


async def test_whoever_forgets_to_say_that_somebody_left_is_not_trusted(services, owner) -> None:
    made = await make_key(services, owner)
    async with services.db.tenant(owner) as tx:
        assert owner.actor.id
        await tx.session.delete(await repository.membership(tx, owner.actor.id))
    with pytest.raises(KeyOwnerGone):
        await services.get(KeyRing).resolve(made.secret)


async def test_closing_a_service_account_stops_its_keys(services, owner, ring) -> None:
    async with services.db.tenant(owner) as tx:
        machine = await service_accounts.create_service_account(tx, "  crm   sync ")
        with pytest.raises(ServiceAccountNameTaken):
            await service_accounts.create_service_account(tx, "crm sync")
        with pytest.raises(ServiceAccountNameMissing):
            await service_accounts.create_service_account(tx, " ")
    made = await make_key(services, owner, service_account_id=machine.id)
    await ring.resolve(made.secret)
    async with services.db.tenant(owner) as tx:
        assert [(each.name, each.keys) for each in await service_accounts.list_service_accounts(tx)] == [
            ("crm sync", 1)
        ]
        assert await service_accounts.close_service_account(tx, machine.id) == 1
        assert await service_accounts.list_service_accounts(tx) == []
        with pytest.raises(ServiceAccountNotFound):
            await service_accounts.close_service_account(tx, machine.id)
    await refused(ring, made.secret, KeyRevoked)
    with pytest.raises(ServiceAccountNotFound):
        await make_key(services, owner, service_account_id=machine.id)
    other = await workspace_of_someone(services)
    async with services.db.tenant(other) as tx:
        theirs = await service_accounts.create_service_account(tx, "crm sync")
    with pytest.raises(ServiceAccountNotFound):
        await make_key(services, owner, service_account_id=theirs.id)


async def test_closing_the_workspace_is_heard_by_every_node(services, owner, ring) -> None:
    made = await make_key(services, owner)
    await ring.resolve(made.secret)
    async with services.db.tenant(owner) as tx:
        tenant = await repository.tenant(tx, owner.tenant_id)
        assert tenant
        tenant.state = "closed"
        await keys.forget_keys(tx)
    await refused(ring, made.secret, WorkspaceClosed)


# News that do not arrive


async def test_a_deaf_process_does_not_trust_its_memory(services: Services, owner) -> None:
    """The listener is stopped without anybody noticing: what was remembered is refused within a second all the same."""
    made = await make_key(services, owner)
    ring = KeyRing(services.db, services.live)
    await ring.start()
    for _ in range(40):
        await ring.resolve(made.secret)
        await asyncio.sleep(0.02)
    assert ring._hearing.trusted_until > time.monotonic(), "the beats are heard"
    ring._running[0].cancel()
    await asyncio.sleep(0)
    async with services.db.tenant(owner) as tx:
        await revoke_key(tx, made.id)
    took = await refused(ring, made.secret, KeyRevoked)
    sys.stdout.write(f"a deaf process refused after {took * 1000:.0f} ms\n")
    await ring.stop()


async def test_missed_news_are_not_taken_for_good_news(services: Services, owner, ring) -> None:
    made = await make_key(services, owner)
    await ring.resolve(made.secret)
    assert ring._by_id
    ring._running[1].cancel()  # a beat sent after the news would rightly be trusted again
    await asyncio.sleep(0)
    services.live._tell_all(live.RELOAD)
    for _ in range(100):
        await asyncio.sleep(0.005)
        if not ring._by_id:
            break
    assert not ring._by_id
    assert ring._hearing.trusted_until == 0.0
