"""Proofs are as strong as signing in; whoever got another role gives one anew; and "this wasn't me" undoes new factors."""

import re
from uuid import UUID

import httpx
import pytest

from callmissed.foundation import clock
from callmissed.foundation.ids import uuid7
from callmissed.foundation.services import Services
from callmissed.foundation.tenancy import Access
from callmissed.identity import (
    KeyRing,
    create_key,
    custom_roles,
    members,
    sessions,
    ways_in,
)
from callmissed.identity.problems import AccountLocked, KeyRevoked
from tests.support.factors import SECURITY, add_app, methods, owner_at, thief_adds_an_app
from tests.support.mailbox import newest_letter
from tests.support.people import teammate_of, workspace_of_someone
from tests.support.signed_in import browser_of, token_of
from tests.support.visitors import found_workspace, new_address, type_code

pytestmark = pytest.mark.database

COOKIE = sessions.cookie_name(production=False)
TO_KEYS = {"prove_to": "/app/keys", "prove_method": "GET"}


async def proven(visitor: httpx.AsyncClient, **given: str) -> httpx.Response:
    """The reply to a proof on the way to the keys."""
    return await visitor.post(
        "/app/prove", data=TO_KEYS | {f"prove_{name}": value for name, value in given.items()}
    )


async def test_with_an_app_a_code_by_mail_is_no_proof(visitor, services) -> None:
    address = new_address()
    await found_workspace(visitor, services, address)
    phone, recovery = await add_app(visitor)
    with clock.travel(hours=1):
        asked = await proven(visitor)
        assert "Type the six digits that your app shows now." in asked.text
        assert "by e-mail instead" not in asked.text
        letter = (await newest_letter(services, address)).letter
        assert "code" not in letter.subject.lower(), "nothing is sent"
        weak = await proven(visitor, kind="email", code="123456")
        assert weak.status_code == 401, "it counts as a code of the app, and is wrong"
        assert (await proven(visitor, kind="app", code="000000")).status_code == 401
        before = visitor.cookies[COOKIE]
        done = await proven(visitor, kind="app", code=phone.shows())
        assert (done.status_code, done.headers["location"]) == (303, "/app/keys")
        assert visitor.cookies[COOKIE] != before
        again = await proven(visitor, kind="app", code=phone.shows())
        assert again.status_code == 401, "a code works once"
    with clock.travel(hours=2):
        assert (await proven(visitor, kind="recovery", code=recovery[0])).status_code == 303
        assert (await proven(visitor, kind="recovery", code=recovery[0])).status_code == 401
    assert {"totp", "recovery"} <= set(await methods(services, visitor))


async def test_five_wrong_proofs_close_the_second_step(visitor, services) -> None:
    await found_workspace(visitor, services, new_address())
    phone, _ = await add_app(visitor)
    with clock.travel(hours=1):
        for _ in range(5):
            await proven(visitor, kind="app", code="000000")
        locked = await proven(visitor, kind="app", code=phone.shows())
        assert locked.status_code == 429
        assert int(locked.headers["retry-after"]) > 600


async def test_a_workspace_that_asks_for_more_is_entered_by_a_proof(visitor, services) -> None:
    await found_workspace(visitor, services, new_address())
    phone, _ = await add_app(visitor)
    owner = await owner_at(services, visitor)
    token = await weak_session(services, owner)
    visitor.cookies.set(COOKIE, token, domain=visitor.base_url.host)
    async with services.db.tenant(Access.system(owner.tenant_id)) as tx:
        await ways_in.domains.require_second_factor(tx, wanted=True)
    barred = await visitor.get(SECURITY)
    assert 'action="/app/prove"' in barred.text
    assert (await visitor.get("/app/keys")).status_code == 303
    with clock.travel(seconds=300):
        done = await proven(visitor, kind="app", code=phone.shows())
        assert done.status_code == 303
        assert (await visitor.get("/app/keys")).status_code == 200


async def weak_session(services: Services, owner: Access) -> str:
    """A session that only a code by mail has opened, as one from before the app is."""
    assert owner.actor.id
    async with services.db.control() as tx:
        return await sessions.open_session(
            tx, owner.actor.id, owner.tenant_id, "Firefox on Linux", methods=("code",)
        )


# News


async def test_every_change_of_a_factor_is_told_by_mail(visitor, services) -> None:
    address = new_address()
    await found_workspace(visitor, services, address)
    seen: set[UUID] = set()
    await add_app(visitor)
    await told(services, address, seen)
    assert (await visitor.post(f"{SECURITY}/recovery-codes")).status_code == 200
    await told(services, address, seen)
    own = re.search(rf"{SECURITY}\?remove=([0-9a-f-]{{36}})", (await visitor.get(SECURITY)).text)
    assert own
    await visitor.post(f"{SECURITY}/factors/{own[1]}/remove")
    await told(services, address, seen)


async def told(services: Services, address: str, seen: set[UUID]) -> None:
    """A letter that is not among those seen has arrived, and says what happened."""
    kept = await newest_letter(services, address)
    assert "How you sign in was changed" in kept.letter.subject
    assert kept.id not in seen
    seen.add(kept.id)


# It was not me


async def test_the_alarm_removes_what_a_thief_added(visitor, services) -> None:
    address = new_address()
    await found_workspace(visitor, services, address)
    _, link = await thief_adds_an_app(services, visitor, address)
    assert (await visitor.post(link)).status_code == 200
    visitor.cookies.clear()
    done = await type_code(visitor, services, address)
    assert done.headers["location"] == "/app", "the thief's app is not asked for"
    assert (await visitor.get("/app/keys")).status_code == 303
    assert (await visitor.post("/restore", data={})).status_code == 303
    assert "?remove=" not in (await visitor.get(SECURITY)).text, "there is nothing to remove"


async def test_the_alarm_keeps_an_older_second_step(visitor, services) -> None:
    """Otherwise whoever reads somebody's mail could be rid of the second step by raising the alarm."""
    address = new_address()
    await found_workspace(visitor, services, address)
    phone, _ = await add_app(visitor)
    with clock.travel(days=8):
        owner = await owner_at(services, visitor)
        async with services.db.tenant(owner) as tx:
            await create_key(tx, "warned of")
        found = re.search(r"http\S*(/not-me/[0-9a-f]+)", (await newest_letter(services, address)).letter.text)
        assert found
        assert (await visitor.post(found[1])).status_code == 200
        visitor.cookies.clear()
        done = await type_code(visitor, services, address)
        assert done.headers["location"].startswith("/sign-in/second")
        second = await visitor.post("/sign-in/second", data={"code": phone.shows()})
        assert second.status_code == 303
        assert (await visitor.get("/restore")).status_code == 200


async def test_a_locked_account_is_not_entered_without_the_mailbox(visitor, services) -> None:
    address = new_address()
    await found_workspace(visitor, services, address)
    _, link = await thief_adds_an_app(services, visitor, address)
    owner = await owner_at(services, visitor)
    await visitor.post(link)
    assert owner.actor.id
    for proven_by in (("passkey",), ("oidc",), ("oidc", "totp")):
        with pytest.raises(AccountLocked):
            async with services.db.control() as tx:
                await sessions.open_session(tx, owner.actor.id, owner.tenant_id, "Firefox", methods=proven_by)


# Another role


async def test_another_role_asks_for_a_proof_and_ends_keys_beyond_it(services, app) -> None:
    owner = await workspace_of_someone(services)
    mate = await teammate_of(services, owner, "developer")
    async with services.db.tenant(mate) as tx:
        made = await create_key(tx, "deploys")
    ring = services.get(KeyRing)
    await ring.resolve(made.secret)
    async with browser_of(app, services, mate) as browser:
        assert (await browser.post("/app/keys", data={"name": "mine", "allowed": "llm"})).status_code == 200
        async with services.db.tenant(owner) as tx:
            [row] = [card for card in await members.list_members(tx) if card.user_id == mate.actor.id]
            await members.change_member_role(tx, row.id, "teammate")
            await members.change_member_role(tx, row.id, "developer")
        asked = await browser.post("/app/keys", data={"name": "mine too", "allowed": "llm"})
        assert (asked.status_code, "Is it you?" in asked.text) == (403, True)
    with pytest.raises(KeyRevoked):
        await ring.resolve(made.secret)


async def test_a_narrower_role_of_ones_own_ends_keys_with_wider_scopes(services) -> None:
    owner = await workspace_of_someone(services)
    async with services.db.tenant(owner) as tx:
        role_id = await custom_roles.make_role(tx, "Builder", ["keys.write", "keys.read", "inbox.read"])
    mate = await teammate_of(services, owner, str(role_id))
    async with services.db.tenant(mate) as tx:
        wide = await create_key(tx, "wide", scopes=["inbox.read"])
        slim = await create_key(tx, "slim")
    async with services.db.tenant(owner) as tx:
        await custom_roles.change_role(tx, role_id, "Builder", ["keys.write", "keys.read"])
    ring = services.get(KeyRing)
    await ring.resolve(slim.secret)
    with pytest.raises(KeyRevoked):
        await ring.resolve(wide.secret)


# Dangerous acts


@pytest.mark.parametrize(
    "path",
    [
        "/app/team/invitations",
        "/app/team/roles",
        "/app/team/owner/offer",
        "/app/sign-in-rules",
        "/app/close",
        f"/app/keys/{UUID(int=1)}/rotate",
        f"/app/team/members/{UUID(int=1)}/role",
        f"/app/staff-access/{UUID(int=1)}/approve",
    ],
)
async def test_an_old_session_does_nothing_dangerous(services, app, path) -> None:
    owner = await workspace_of_someone(services, f"p{uuid7().hex}@namuna.example")
    async with browser_of(app, services, owner) as browser:
        with clock.travel(seconds=901):
            refused = await browser.post(path, data={"name": "x"})
    assert (refused.status_code, "Is it you?" in refused.text) == (403, True)
    assert await token_of(services, owner)
