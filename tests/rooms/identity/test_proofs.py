"""Proofs are as strong as signing in; whoever got another role gives one anew; and "this wasn't me" undoes new factors."""

import re
from uuid import UUID

import httpx
import pytest
from sqlalchemy import update

from callmissed.foundation import clock
from callmissed.foundation.database import Tx
from callmissed.foundation.ids import uuid7
from callmissed.foundation.problems import NotFound, Unauthenticated
from callmissed.foundation.services import Services
from callmissed.foundation.tenancy import Access, Actor
from callmissed.identity import (
    ROLES,
    KeyRing,
    create_key,
    custom_roles,
    erasing,
    invitations,
    members,
    ownership,
    sessions,
    ways_in,
)
from callmissed.identity.models import Passkey, TotpFactor, UserAccount
from callmissed.identity.problems import AccountLocked, KeyRevoked
from callmissed.identity.service.accounts import RETENTION_CLASS, platform
from callmissed.identity.tasks import sweep
from tests.rooms.identity.test_second_step import SECURITY, Phone, add_app, methods
from tests.support.mailbox import newest_code, newest_letter
from tests.support.people import invite, teammate_of, workspace_of_someone
from tests.support.signed_in import browser_of, token_of
from tests.support.staff import staff_member
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


async def owner_at(services: Services, visitor: httpx.AsyncClient) -> Access:
    """The owner who is signed in at this browser."""
    async with services.db.control() as tx:
        who = await sessions.current(tx, visitor.cookies[COOKIE])
    assert who
    assert who.tenant_id
    return Access(who.tenant_id, Actor("user", who.user_id), ROLES["owner"])


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


async def thief_adds_an_app(
    services: Services, visitor: httpx.AsyncClient, address: str
) -> tuple[Phone, str]:
    """Somebody else's app on this account, and the path of the link in the warning about it."""
    phone, _ = await add_app(visitor)
    found = re.search(r"http\S*(/not-me/[0-9a-f]+)", (await newest_letter(services, address)).letter.text)
    assert found
    return phone, found[1]


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


# Ways round


async def test_a_program_door_asks_a_person_for_the_same_proof(services, app) -> None:
    owner = await workspace_of_someone(services)
    async with browser_of(app, services, owner) as browser:
        with clock.travel(seconds=901):
            for method, path in (
                ("POST", "keys"),
                ("POST", "invitations"),
                ("POST", "roles"),
                ("PUT", f"roles/{UUID(int=1)}"),
                ("PATCH", f"members/{UUID(int=1)}"),
                ("DELETE", f"members/{UUID(int=1)}"),
            ):
                said = await browser.request(method, f"/api/v1/{path}", json={"name": "x"})
                assert (said.status_code, said.json()["code"]) == (403, "proof_needed"), path


async def test_a_workspace_that_asks_for_more_is_not_entered_through_one_that_does_not(
    visitor, services
) -> None:
    """The older workspace asks nothing; a passkey is there; the mailbox alone must not do."""
    address = new_address()
    await found_workspace(visitor, services, address)
    owner = await owner_at(services, visitor)
    assert owner.actor.id
    strict = await workspace_of_someone(services)
    await teammate_of(services, strict, "teammate", address)
    async with services.db.tenant(strict) as tx:
        await ways_in.domains.require_second_factor(tx, wanted=True)
    async with services.db.control() as tx:
        tx.session.add(await a_passkey(tx, owner.actor.id))
    visitor.cookies.clear()
    done = await type_code(visitor, services, address)
    assert done.headers["location"].startswith("/sign-in/second")
    assert COOKIE not in visitor.cookies


async def a_passkey(tx: Tx, user_id: UUID) -> Passkey:
    """A passkey that is there, whatever it is worth."""
    row = Passkey(
        id=uuid7(), user_id=user_id, credential_id=uuid7().bytes, public_key=b"k", sign_count=0, transports=[],
        is_synced=False,
    )  # fmt: skip
    box = await platform(tx).person(user_id, RETENTION_CLASS)
    row.name = box.seal(Passkey.name, row.id, "Phone")
    return row


async def test_an_app_begun_long_ago_is_not_put_to_use(visitor, services) -> None:
    await found_workspace(visitor, services, new_address())
    owner = await owner_at(services, visitor)
    assert owner.actor.id
    async with services.db.control() as tx:
        made = await ways_in.totp.begin_app(tx, owner.actor.id, "Thief", "p@namuna.example")
    with clock.travel(days=8):
        phone = Phone(made.secret)
        with pytest.raises(NotFound):
            async with services.db.control() as tx:
                await ways_in.totp.confirm_app(tx, owner.actor.id, made.id, phone.shows())
        await sweep(services)
    async with services.db.control() as tx:
        assert await tx.session.get(TotpFactor, made.id) is None


async def test_the_alarm_takes_back_whom_a_thief_asked_in(visitor, services) -> None:
    address = new_address()
    await found_workspace(visitor, services, address)
    owner = await owner_at(services, visitor)
    mate = await teammate_of(services, owner, "admin")
    async with services.db.tenant(owner) as tx:
        await ownership.offer_ownership(tx, await member_of(tx, mate), "http://127.0.0.1/app/team")
    await invite(services, owner, new_address(), "admin")
    _, link = await thief_adds_an_app(services, visitor, address)
    assert (await visitor.post(link)).status_code == 200
    async with services.db.tenant(owner) as tx:
        assert await invitations.list_invitations(tx) == []
        assert await ownership.pending_offer(tx) is None


async def member_of(tx: Tx, access: Access) -> UUID:
    """The membership of this person."""
    return next(card.id for card in await members.list_members(tx) if card.user_id == access.actor.id)


async def test_an_address_that_was_left_makes_no_new_account_while_the_alarm_may_take_it_back(
    visitor, services
) -> None:
    address, evil = new_address(), new_address()
    await found_workspace(visitor, services, address)
    assert (await visitor.post("/app/account/email", data={"email": evil})).status_code == 303
    warning = re.search(r"http\S*(/not-me/[0-9a-f]+)", (await newest_letter(services, address)).letter.text)
    assert warning
    code = await newest_code(services, evil)
    assert (await visitor.post("/app/account/email/code", data={"code": code})).status_code == 303
    visitor.cookies.clear()
    refused = await type_code(visitor, services, address)
    assert (refused.status_code, COOKIE in visitor.cookies) == (409, False)
    assert (await visitor.post(warning[1])).status_code == 200
    assert (await type_code(visitor, services, address)).headers["location"] == "/app"
    assert (await visitor.get("/restore")).status_code == 200


async def test_a_locked_member_of_staff_sees_nothing(services, app) -> None:
    user_id = await staff_member(services, "security")
    async with services.db.control() as tx:
        token = await sessions.open_session(tx, user_id, None, "Firefox", methods=("code",))
        await tx.session.execute(
            update(UserAccount).where(UserAccount.id == user_id).values(locked_at=clock.now())
        )
    async with browser_of(app, services, await workspace_of_someone(services)) as browser:
        browser.cookies.set(COOKIE, token, domain=browser.base_url.host)
        assert (await browser.get("/operator")).status_code == 303


def test_what_signs_a_person_in_goes_with_their_account() -> None:
    """By name: a list that is worked out cannot miss what it is worked out from."""
    ways = {"passkey", "totp_factor", "recovery_code", "linked_identity", "session", "ceremony", "proof_code"}
    assert ways <= {table.name for table in erasing.personal_tables()}


async def test_nobody_is_signed_in_to_an_account_that_is_gone(services) -> None:
    with pytest.raises(Unauthenticated):
        async with services.db.control() as tx:
            await sessions.open_session(tx, uuid7(), None, "Firefox", methods=("oidc",))
