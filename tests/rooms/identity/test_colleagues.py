"""What colleagues do to keys and to how a workspace lets people in: who hears of it, and what they cannot do."""

import asyncio

import httpx
import pytest
from sqlalchemy import text

from callmissed.foundation import audit, clock
from callmissed.foundation.ids import uuid7
from callmissed.foundation.services import Services
from callmissed.foundation.tenancy import Access
from callmissed.identity import (
    KeyLimits,
    KeyRing,
    create_key,
    keys,
    members,
    rotation,
    service_accounts,
    sessions,
    ways_in,
)
from callmissed.identity.key_problems import KeyAboveYou, TooManyOldSecrets
from callmissed.identity.problems import KeyRevoked
from callmissed.identity.service import factor_news
from tests.support.factors import add_app, owner_at
from tests.support.mailbox import newest_letter
from tests.support.people import member_id_of, teammate_of, workspace_of_someone
from tests.support.visitors import found_workspace, new_address, type_code

pytestmark = pytest.mark.database

COOKIE = sessions.cookie_name(production=False)
KNOWN = ways_in.known_browsers.cookie_name(production=False)


# Providers and domains


async def test_a_provider_that_is_down_keeps_nobody_waiting_twice() -> None:
    calls: list[str] = []

    async def hang_up(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        calls.append("called")
        writer.close()

    server = await asyncio.start_server(hang_up, "127.0.0.1", 0)
    async with server:
        port = server.sockets[0].getsockname()[1]
        gone = ways_in.ProviderSettings("gone", "Gone", f"http://127.0.0.1:{port}", "callmissed")
        provider = ways_in.Providers([gone], laptop=True).provider("gone")
        with pytest.raises(ways_in.ProviderUnreachable):
            await provider.check_issuer(None)
        first = len(calls)
        for _ in range(3):
            with pytest.raises(ways_in.ProviderUnreachable):
                await provider.check_issuer(None)
    assert first == len(calls) > 0


class Records:
    """The texts of the domain name system: what stands where, or None while nobody answers."""

    def __init__(self) -> None:
        self.standing: list[str] | None = []

    async def texts(self, name: str) -> list[str] | None:
        """What stands there."""
        return self.standing


async def proven_domain(services: Services, access: Access, domain: str) -> ways_in.domains.DomainCard:
    """A domain that leads to a provider."""
    async with services.db.tenant(access) as tx:
        card = await ways_in.domains.add_domain(tx, domain, "liar")
    assert await ways_in.domains.prove_domain(services.db, access, card.id, [card.record_text]) is None
    return card


async def test_a_domain_whose_record_is_gone_for_three_days_leads_nowhere(services) -> None:
    owner = await workspace_of_someone(services)
    domain = f"{owner.tenant_id.hex}.example"
    card = await proven_domain(services, owner, domain)
    records = Records()

    async def leads_to() -> str | None:
        return await ways_in.domains.provider_of(services.db, f"asha@{domain}")

    for hours, standing, provider in (
        (0, [card.record_text], "liar"),
        (24, [], "liar"),
        (47, None, "liar"),
        (48, [card.record_text], "liar"),
        (72, [], "liar"),
        (143, None, "liar"),
        (145, [], None),
    ):
        records.standing = standing
        with clock.travel(hours=hours):
            await ways_in.domains.look_again(services.db, records)
            assert await leads_to() == provider, hours


async def test_whoever_bought_a_domain_takes_it_over(services) -> None:
    seller, buyer = await workspace_of_someone(services), await workspace_of_someone(services)
    domain = f"{seller.tenant_id.hex}.example"
    theirs = await proven_domain(services, seller, domain)
    async with services.db.tenant(buyer) as tx:
        mine = await ways_in.domains.add_domain(tx, domain, "honest")
    both = [theirs.record_text, mine.record_text]
    refused = await ways_in.domains.prove_domain(services.db, buyer, mine.id, both)
    assert refused
    assert refused.code == "domain_taken", "while the seller's record stands"
    assert await ways_in.domains.prove_domain(services.db, buyer, mine.id, [mine.record_text]) is None
    assert await ways_in.domains.provider_of(services.db, f"asha@{domain}") == "honest"
    async with services.db.tenant(seller) as tx:
        assert [each.verified_at for each in await ways_in.domains.list_domains(tx)] == [None]


async def test_of_two_who_prove_a_domain_at_once_one_has_it(services) -> None:
    first, second = await workspace_of_someone(services), await workspace_of_someone(services)
    domain = f"{first.tenant_id.hex}.example"
    cards: list[ways_in.domains.DomainCard] = []
    for owner in (first, second):
        async with services.db.tenant(owner) as tx:
            cards.append(await ways_in.domains.add_domain(tx, domain, "liar"))
    texts = [card.record_text for card in cards]
    outcomes = await asyncio.gather(
        *(
            ways_in.domains.prove_domain(services.db, owner, card.id, texts)
            for owner, card in zip((first, second), cards, strict=True)
        )
    )
    assert sorted(each.code if each else "" for each in outcomes) == ["", "domain_taken"]


# News


async def test_whoever_made_a_key_hears_when_a_colleague_gives_it_a_new_secret(services) -> None:
    owner, address = await workspace_of_someone(services), new_address()
    maker = await teammate_of(services, owner, "developer", address)
    async with services.db.tenant(maker) as tx:
        made = await create_key(tx, "counter")
    async with services.db.tenant(owner) as tx:
        await rotation.rotate_key(tx, made.id, 0)
    letter = (await newest_letter(services, address)).letter
    assert letter.subject == "An API key was changed"
    assert "counter" in letter.text
    assert "/not-me/" in letter.text


async def test_the_owner_hears_when_the_rules_of_signing_in_change(visitor, services) -> None:
    address = new_address()
    await found_workspace(visitor, services, address)
    owner = await owner_at(services, visitor)
    admin = await teammate_of(services, owner, "admin")
    async with services.db.tenant(admin) as tx:
        await ways_in.domains.require_second_factor(tx, wanted=True)
    subject = (await newest_letter(services, address)).letter.subject
    assert subject == "How your workspace lets people in was changed"


async def test_the_same_thing_many_times_is_one_letter(services) -> None:
    address = new_address()
    owner = await workspace_of_someone(services, address)
    async with services.db.tenant(owner) as tx:
        made = await create_key(tx, "till")
    for n in range(5):
        async with services.db.tenant(owner) as tx:
            wish = keys.KeyWish("till", ["llm"], [], KeyLimits(requests_per_minute=10 + n // 2))
            await keys.change_key(tx, made.id, wish)
    async with services.db.control() as tx:
        alerts = (
            await tx.session.execute(
                text(
                    "SELECT count(*), count(DISTINCT letter_id) FROM security_alert"
                    " WHERE what = 'key_changed' AND user_id = :user"
                ),
                {"user": owner.actor.id},
            )
        ).one()
    assert tuple(alerts) == (3, 1), "three changes, told in one letter; what changes nothing is none"


async def test_a_copied_passkey_that_tries_on_is_one_letter(services) -> None:
    """Told of from a transaction of no workspace, as signing in is."""
    owner = await workspace_of_someone(services)
    assert owner.actor.id
    passkey = uuid7()
    for _ in range(3):
        async with services.db.control() as tx:
            await factor_news.tell(tx, owner.actor.id, "identity:passkey:copy_suspected", passkey)
    async with services.db.control() as tx:
        told = text("SELECT count(*), count(DISTINCT letter_id) FROM security_alert WHERE user_id = :user")
        assert tuple((await tx.session.execute(told, {"user": owner.actor.id})).one()) == (3, 1)


async def test_the_owner_hears_when_a_proven_domain_is_removed(services) -> None:
    address = new_address()
    owner = await workspace_of_someone(services, address)
    card = await proven_domain(services, owner, f"{owner.tenant_id.hex}.example")
    async with services.db.tenant(owner) as tx:
        await ways_in.domains.remove_domain(tx, card.id)
        leaf = (await audit.recent(tx, limit=1))[0]
        assert leaf.action == "identity:domain:removed"
    async with services.db.control() as tx:
        told = text("SELECT count(*) FROM security_alert WHERE leaf_id = :leaf")
        assert (await tx.session.execute(told, {"leaf": leaf.id})).scalar_one() == 1


async def test_its_holder_hears_when_a_recovery_code_is_used(visitor, services) -> None:
    address = new_address()
    await found_workspace(visitor, services, address)
    _, recovery = await add_app(visitor)
    visitor.cookies.clear()
    await type_code(visitor, services, address)
    done = await visitor.post("/sign-in/second", data={"code": recovery[0], "recovery": "true"})
    assert done.headers["location"] == "/app"
    async with services.db.control() as tx:
        told = await tx.session.scalar(
            text(
                "SELECT count(*) FROM security_alert a JOIN session s ON s.user_id = a.user_id"
                " WHERE a.what = 'recovery_used' AND s.token_hash = :token"
            ),
            {"token": tx.vault.keyed_hash(sessions.HASH, visitor.cookies[COOKIE])},
        )
    assert told == 1


# Keys of others


async def test_nobody_loosens_a_key_that_may_do_more_than_they_may(services) -> None:
    owner = await workspace_of_someone(services)
    developer = await teammate_of(services, owner, "developer")
    async with services.db.tenant(owner) as tx:
        limits = KeyLimits(networks=("203.0.113.7",))
        made = await create_key(tx, "till", scopes=["billing.write"], limits=limits)
    with pytest.raises(KeyAboveYou):
        async with services.db.tenant(developer) as tx:
            await keys.change_key(tx, made.id, keys.KeyWish("till", ["llm"], ["billing.write"], KeyLimits()))


async def test_a_secret_stops_with_whoever_was_shown_it_last(services) -> None:
    owner = await workspace_of_someone(services)
    developer = await teammate_of(services, owner, "developer")
    async with services.db.tenant(owner) as tx:
        made = await create_key(tx, "till")
    async with services.db.tenant(developer) as tx:
        seen = await rotation.rotate_key(tx, made.id, 0)
    async with services.db.tenant(owner) as tx:
        await members.remove_member(tx, await member_id_of(services, developer))
    with pytest.raises(KeyRevoked):
        await services.get(KeyRing).resolve(seen.secret)


async def test_a_service_accounts_key_outlives_its_maker(services) -> None:
    owner = await workspace_of_someone(services)
    developer = await teammate_of(services, owner, "developer")
    async with services.db.tenant(owner) as tx:
        account = await service_accounts.create_service_account(tx, "Till")
    async with services.db.tenant(developer) as tx:
        made = await create_key(tx, "till", service_account_id=account.id)
    async with services.db.tenant(owner) as tx:
        await members.remove_member(tx, await member_id_of(services, developer))
    assert await services.get(KeyRing).resolve(made.secret)


async def test_former_secrets_do_not_pile_up(services) -> None:
    owner = await workspace_of_someone(services)
    async with services.db.tenant(owner) as tx:
        made = await create_key(tx, "till")
        for _ in range(rotation.MOST_OLD):
            await rotation.rotate_key(tx, made.id, 7)
        with pytest.raises(TooManyOldSecrets):
            await rotation.rotate_key(tx, made.id, 7)
        await rotation.end_overlap(tx, made.id)
        await rotation.rotate_key(tx, made.id, 7)


async def test_a_key_calls_the_api_only_from_where_it_may(services, app) -> None:
    owner = await workspace_of_someone(services)
    limits = KeyLimits(networks=("203.0.113.7",))
    async with services.db.tenant(owner) as tx:
        made = await create_key(tx, "till", scopes=["team.read"], limits=limits)
    for address, status in (("203.0.113.7", 200), ("198.51.100.9", 403)):
        async with httpx.AsyncClient(
            transport=httpx.ASGITransport(app=app, client=(address, 1)),
            base_url=services.base_url,
            headers={"authorization": f"Bearer {made.secret}"},
        ) as program:
            assert (await program.get("/api/v1/members")).status_code == status
            foreign = await program.get("/api/v1/members", headers={"origin": "https://evil.example"})
            assert foreign.status_code == 403
