"""What strangers, neighbours and colleagues can do to somebody's way in, each tried and found closed."""

import asyncio
import re

import httpx
import pytest
from sqlalchemy import select, text, update

from callmissed.foundation import clock
from callmissed.foundation.problems import Problem
from callmissed.foundation.services import Services
from callmissed.foundation.tenancy import Access
from callmissed.identity import create_key, leaving, proofs, rotation, sessions, ways_in
from callmissed.identity.models import LinkedIdentity, SignInCounter, UserAccount
from callmissed.identity.problems import OwnsWorkspace
from callmissed.identity.service import tries
from tests.support.factors import SECURITY, Phone, add_app, owner_at, who
from tests.support.mailbox import newest_code, newest_letter
from tests.support.people import teammate_of, workspace_of_someone
from tests.support.providers import LyingProvider
from tests.support.signed_in import browser_of, token_of
from tests.support.visitors import at_browser, found_workspace, new_address, type_code

pytestmark = pytest.mark.database

COOKIE = sessions.cookie_name(production=False)
KNOWN = ways_in.known_browsers.cookie_name(production=False)


async def guess(browser: httpx.AsyncClient, services: Services, address: str, times: int) -> int:
    """Ask for a code and type so many wrong ones: the status of the last reply."""
    sent = await browser.post("/sign-in", data={"email": address})
    assert sent.status_code == 303, sent.text
    wrong = f"{(int(await newest_code(services, address)) + 1) % 10**6:06}"
    replies = [await browser.post("/sign-in/code", data={"code": wrong}) for _ in range(times)]
    return replies[-1].status_code


# Guessing at somebody's address


async def test_strangers_who_guess_close_an_address_for_strangers_alone(
    visitor, services, app, installation
) -> None:
    address = new_address()
    await found_workspace(visitor, services, address)
    known = visitor.cookies[KNOWN]
    visitor.cookies.delete(COOKIE)
    async with at_browser(app, installation.settings.public_url) as stranger:
        assert await guess(stranger, services, address, 5) == 429
        assert (await stranger.post("/sign-in", data={"email": address})).status_code == 429
        stranger.cookies.set(KNOWN, known[:-1] + ("0" if known[-1] != "0" else "1"))
        assert (await stranger.post("/sign-in", data={"email": address})).status_code == 429, "a forged mark"
    assert (await type_code(visitor, services, address)).headers["location"] == "/app"


async def test_a_known_browser_has_no_more_tries_than_a_stranger(visitor, services) -> None:
    address = new_address()
    await found_workspace(visitor, services, address)
    visitor.cookies.delete(COOKIE)
    assert await guess(visitor, services, address, 5) == 429
    assert (await visitor.post("/sign-in", data={"email": address})).status_code == 429


async def test_being_known_to_one_address_counts_for_nothing_at_another(
    visitor, services, app, installation
) -> None:
    address, own = new_address(), new_address()
    await found_workspace(visitor, services, address)
    async with at_browser(app, installation.settings.public_url) as thief:
        await found_workspace(thief, services, own)
        thief.cookies.delete(COOKIE)
        assert await guess(thief, services, address, 5) == 429
        assert (await thief.post("/sign-in", data={"email": address})).status_code == 429


async def test_neighbours_who_guess_do_not_close_the_network_for_known_browsers(
    visitor, services, app, installation
) -> None:
    address = new_address()
    await found_workspace(visitor, services, address)
    visitor.cookies.delete(COOKIE)
    async with httpx.AsyncClient(
        transport=visitor._transport, base_url=installation.settings.public_url, headers=visitor.headers
    ) as neighbour:
        assert await guess(neighbour, services, new_address(), 5) == 429
        assert (await neighbour.post("/sign-in", data={"email": new_address()})).status_code == 429
    assert (await type_code(visitor, services, address)).headers["location"] == "/app"


async def test_a_stranger_who_asks_for_a_code_does_not_stop_mine(
    visitor, services, app, installation
) -> None:
    address = new_address()
    await visitor.post("/sign-in", data={"email": address})
    mine = await newest_code(services, address)
    async with at_browser(app, installation.settings.public_url) as stranger:
        await stranger.post("/sign-in", data={"email": address})
    assert (await visitor.post("/sign-in/code", data={"code": mine})).status_code == 303


async def test_a_network_begins_to_sign_in_only_so_often(visitor, services, app, installation) -> None:
    assert (await visitor.post("/sign-in/passkey/ask")).status_code == 200
    async with services.db.control() as tx:
        newest = select(SignInCounter).where(SignInCounter.kind == "ask:network")
        row = (await tx.session.scalars(newest.order_by(SignInCounter.counted_from.desc()))).first()
        assert row
        row.tries = tries.NETWORK_ASKS - 1
    assert (await visitor.post("/sign-in/passkey/ask")).status_code == 200
    refused = await visitor.post("/sign-in/passkey/ask")
    assert (refused.status_code, "retry-after" in refused.headers) == (429, True)
    async with at_browser(app, installation.settings.public_url) as elsewhere:
        assert (await elsewhere.post("/sign-in/passkey/ask")).status_code == 200


# Guessing at the proof of an open browser


async def test_a_new_code_by_mail_gives_no_new_tries(visitor, services) -> None:
    address = new_address()
    await found_workspace(visitor, services, address)
    found = await who(services, visitor)
    assert found

    async def type_wrong() -> Problem:
        async with services.db.control() as tx:
            await proofs.begin(tx, found)
        wrong = f"{(int(await newest_code(services, address)) + 1) % 10**6:06}"
        async with services.db.control() as tx:
            outcome = await proofs.prove(tx, found, proofs.Answer(wrong))
        assert isinstance(outcome, Problem)
        return outcome

    with clock.travel(hours=1):
        codes = [(await type_wrong()).code for _ in range(5)]
    assert codes == ["code_wrong"] * 4 + ["sign_in_locked"]


# What a mailbox alone can do


@pytest.fixture
async def vouched(visitor, services, liar: LyingProvider) -> tuple[str, Phone]:
    """Somebody with an app, whose address a provider vouches for: the address, and their phone."""
    address = new_address()
    await found_workspace(visitor, services, address)
    phone, _ = await add_app(visitor)
    visitor.cookies.clear()
    liar.claims = {"email": address, "sub": f"at-{address}"}
    went = await visitor.get("/sign-in/with/liar?next=/app")
    told = httpx.URL(went.headers["location"]).params
    liar.nonce = told["nonce"]
    await visitor.get("/sign-in/with/liar/back", params={"state": told["state"], "code": "c"})
    done = await visitor.post("/sign-in/code", data={"code": await newest_code(services, address)})
    assert done.headers["location"].startswith("/sign-in/second")
    return address, phone


async def links(services: Services) -> int:
    """How many accounts are linked to the liar."""
    async with services.db.control() as tx:
        query = text("SELECT count(*) FROM linked_identity WHERE provider = 'liar'")
        return (await tx.session.execute(query)).scalar_one()


async def test_a_provider_is_linked_only_after_the_second_step(visitor, services, vouched) -> None:
    _, phone = vouched
    before = await links(services)
    assert (await visitor.post("/sign-in/second", data={"code": "000000"})).status_code == 401
    assert await links(services) == before
    with clock.travel(seconds=60):
        done = await visitor.post("/sign-in/second", data={"code": phone.shows()})
    assert done.headers["location"] == "/app"
    assert await links(services) == before + 1
    found = await who(services, visitor)
    assert found
    async with services.db.control() as tx:
        linked = await tx.session.scalar(
            select(LinkedIdentity.provider).where(LinkedIdentity.user_id == found.user_id)
        )
    assert linked == "liar"


async def test_one_factor_more_is_one_token_more(visitor, services) -> None:
    await found_workspace(visitor, services, new_address())
    before = visitor.cookies[COOKIE]
    await add_app(visitor)
    assert visitor.cookies[COOKIE] != before
    async with services.db.control() as tx:
        assert await sessions.current(tx, before) is None


# Whoever is locked


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("GET", "/welcome"),
        ("POST", "/welcome"),
        ("GET", "/app/close-account"),
        ("POST", "/app/close-account"),
        ("GET", "/closed"),
        ("POST", "/closed/open"),
        ("POST", "/app/prove"),
        ("POST", "/app/invitation/x"),
    ],
)
async def test_a_locked_account_is_led_to_its_lock_and_nowhere_else(services, app, method, path) -> None:
    owner = await workspace_of_someone(services)
    async with browser_of(app, services, owner) as browser:
        async with services.db.control() as tx:
            locked = update(UserAccount).where(UserAccount.id == owner.actor.id)
            await tx.session.execute(locked.values(locked_at=clock.now()))
        led = await browser.request(method, path, data={"word": "ERASE"} if method == "POST" else None)
        assert (led.status_code, led.headers["location"]) == (303, "/restore")


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


# Going elsewhere


async def test_whoever_is_barred_can_work_elsewhere(visitor, services) -> None:
    address = new_address()
    await found_workspace(visitor, services, address)
    home = await owner_at(services, visitor)
    strict = await workspace_of_someone(services)
    await teammate_of(services, strict, "teammate", address)
    async with services.db.tenant(strict) as tx:
        await ways_in.domains.require_second_factor(tx, wanted=True)
    moved = await visitor.post("/app/workspaces/go", data={"tenant": str(strict.tenant_id)})
    assert moved.status_code == 303
    assert (await visitor.get("/app")).status_code == 303, "barred there"
    page = await visitor.get(SECURITY)
    assert "Or work elsewhere" in page.text
    place = re.search(r'name="tenant" value="([0-9a-f-]{36})"', page.text)
    assert place
    assert place[1] == str(home.tenant_id)
    await visitor.post("/app/workspaces/go", data={"tenant": place[1]})
    assert (await visitor.get("/app/account")).status_code == 200


async def test_an_account_is_closed_while_the_workspace_is(services, app) -> None:
    """A member of a closed workspace leaves it, its owner leaves it to its end; the owner of an open one stays."""
    owner = await workspace_of_someone(services)
    mate = await teammate_of(services, owner, "teammate")
    token = await token_of(services, owner)
    assert owner.actor.id
    assert mate.actor.id
    with pytest.raises(OwnsWorkspace):
        await leaving.leave_everything(services.db, owner.actor.id)
    async with services.db.tenant(owner) as tx:
        await leaving.close_workspace(tx)
    for person in (mate.actor.id, owner.actor.id):
        await leaving.leave_everything(services.db, person)
        async with services.db.control() as tx:
            await leaving.close_account(tx, person)
    async with services.db.control() as tx:
        found = await sessions.current(tx, token)
        assert found
        assert found.state == "closed"
        await leaving.reopen_account(tx, owner.actor.id)
    async with browser_of(app, services, owner) as browser:
        assert (await browser.get("/closed")).status_code == 200
        assert (await browser.post("/closed/open")).headers["location"] == "/app"
        assert (await browser.get("/app/account")).status_code == 200
