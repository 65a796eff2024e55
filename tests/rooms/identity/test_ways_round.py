"""Ways round the second factor, the proof, the alarm and the end of an account, each tried and found closed."""

import re
from uuid import UUID

import pytest
from sqlalchemy import update

from callmissed.foundation import clock
from callmissed.foundation.database import Tx
from callmissed.foundation.ids import uuid7
from callmissed.foundation.problems import NotFound, Unauthenticated
from callmissed.foundation.tenancy import Access
from callmissed.identity import (
    erasing,
    invitations,
    members,
    ownership,
    sessions,
    ways_in,
)
from callmissed.identity.models import Passkey, TotpFactor, UserAccount
from callmissed.identity.service.accounts import RETENTION_CLASS, platform
from callmissed.identity.tasks import sweep
from tests.support.factors import SECURITY, Phone, owner_at, thief_adds_an_app
from tests.support.mailbox import newest_code, newest_letter
from tests.support.people import invite, teammate_of, workspace_of_someone
from tests.support.signed_in import browser_of
from tests.support.staff import staff_member
from tests.support.visitors import found_workspace, new_address, type_code

pytestmark = pytest.mark.database

COOKIE = sessions.cookie_name(production=False)
TO_KEYS = {"prove_to": "/app/keys", "prove_method": "GET"}


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


async def test_a_code_to_a_new_address_is_no_proof(visitor, services) -> None:
    """Whoever holds an open browser could send it to themselves, and be fresh for ever."""
    await found_workspace(visitor, services, new_address())
    with clock.travel(seconds=600):
        new = new_address()
        assert (await visitor.post("/app/account/email", data={"email": new})).status_code == 303
        code, before = await newest_code(services, new), visitor.cookies[COOKIE]
        assert (await visitor.post("/app/account/email/code", data={"code": code})).status_code == 303
        assert visitor.cookies[COOKIE] != before
    with clock.travel(seconds=901):
        assert (await visitor.post(f"{SECURITY}/recovery-codes")).status_code == 403


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
