"""What strangers, neighbours and colleagues can do to somebody's way in, each tried and found closed."""

import re
from dataclasses import replace

import httpx
import pytest
from sqlalchemy import select, text, update

from callmissed.foundation import clock
from callmissed.foundation.problems import Problem
from callmissed.foundation.services import Services
from callmissed.identity import (
    leaving,
    proofs,
    sessions,
    ways_in,
)
from callmissed.identity.models import LinkedIdentity, SignInCounter, UserAccount
from callmissed.identity.problems import NotClosed, OwnsWorkspace
from callmissed.identity.remainder import Remainder
from callmissed.identity.service import tries
from callmissed.identity.tasks import erase_closed
from tests.support.factors import SECURITY, Phone, add_app, owner_at, who
from tests.support.mailbox import newest_code
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


async def test_many_known_browsers_have_few_tries_together(visitor, services) -> None:
    """Whoever once read the mailbox may have signed in a hundred times: their marks together are worth little."""
    address = new_address()
    marks: list[str] = []
    for _ in range(6):
        await type_code(visitor, services, address)
        marks.append(visitor.cookies[KNOWN])
        visitor.cookies.clear()
        async with services.db.control() as tx:
            await tx.session.execute(text("DELETE FROM sign_in_counter"))
    replies: list[int] = []
    for mark in marks:
        visitor.cookies.set(KNOWN, mark)
        if (await visitor.post("/sign-in", data={"email": address})).status_code != 303:
            continue
        wrong = f"{(int(await newest_code(services, address)) + 1) % 10**6:06}"
        replies += [(await visitor.post("/sign-in/code", data={"code": wrong})).status_code for _ in range(5)]
    assert replies.count(401) < tries.MOST["guess:known"]


async def test_a_browser_that_was_away_for_ninety_days_is_a_stranger(visitor, services) -> None:
    await found_workspace(visitor, services, new_address())
    found = await who(services, visitor)
    assert found
    known = ways_in.known_browsers.counted_as
    async with services.db.control() as tx:
        account = await tx.session.get(UserAccount, found.user_id)
        assert account
        assert known(tx, account.email_index, visitor.cookies[KNOWN])
        with clock.travel(days=91):
            assert known(tx, account.email_index, visitor.cookies[KNOWN]) is None


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
        row.tries = tries.MOST["ask:network"] - 1
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


async def test_codes_to_a_new_address_are_counted_the_same(visitor, services) -> None:
    address = new_address()
    await found_workspace(visitor, services, address)
    codes: list[int] = []
    for _ in range(5):
        new = new_address()
        await visitor.post("/app/account/email", data={"email": new})
        wrong = f"{(int(await newest_code(services, new)) + 1) % 10**6:06}"
        reply = await visitor.post("/app/account/email/code", data={"code": wrong})
        codes.append(reply.status_code)
    assert codes == [401] * 4 + [429]


async def test_a_neighbour_who_types_wrong_app_codes_closes_nobody_elses_second_step(
    visitor, services
) -> None:
    address = new_address()
    await found_workspace(visitor, services, address)
    phone, _ = await add_app(visitor)
    async with httpx.AsyncClient(
        transport=visitor._transport, base_url=str(visitor.base_url), headers=visitor.headers
    ) as neighbour:
        theirs = new_address()
        await found_workspace(neighbour, services, theirs)
        await add_app(neighbour)
        neighbour.cookies.clear()
        await type_code(neighbour, services, theirs)
        wrong = [await neighbour.post("/sign-in/second", data={"code": "000000"}) for _ in range(5)]
        assert wrong[-1].status_code == 429
    visitor.cookies.delete(COOKIE)
    await type_code(visitor, services, address)
    with clock.travel(seconds=60):
        done = await visitor.post("/sign-in/second", data={"code": phone.shows()})
    assert done.headers["location"] == "/app"


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


async def test_an_account_has_its_own_thirty_days_when_its_workspace_went_before(services) -> None:
    owner = await workspace_of_someone(services)
    assert owner.actor.id
    async with services.db.tenant(owner) as tx:
        await leaving.close_workspace(tx)
    with clock.travel(days=20):
        await leaving.leave_everything(services.db, owner.actor.id)
        async with services.db.control() as tx:
            await leaving.close_account(tx, owner.actor.id)
    for days, there in ((33, True), (49, True), (54, False)):
        with clock.travel(days=days):
            async with services.db.control() as tx:
                await leaving.send_notices(tx, services.get(Remainder))
            await erase_closed(services)
            async with services.db.control() as tx:
                assert (await tx.session.get(UserAccount, owner.actor.id) is not None) is there, days


async def test_a_workspace_is_not_opened_for_an_account_that_is_closed(services) -> None:
    owner = await workspace_of_someone(services)
    assert owner.actor.id
    async with services.db.tenant(owner) as tx:
        await leaving.close_workspace(tx)
    async with services.db.control() as tx:
        await leaving.close_account(tx, owner.actor.id)
    with pytest.raises(NotClosed):
        async with services.db.tenant(replace(owner, purpose="recovery")) as tx:
            await leaving.reopen_workspace(tx)
