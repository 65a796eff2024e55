"""Who may freeze what: an order, a scope, a last day, and two people to let it go."""

from collections.abc import Callable
from datetime import timedelta
from uuid import UUID

import psycopg
import pytest
from sqlalchemy import text

from callmissed.app.installation import Installation
from callmissed.foundation import clock
from callmissed.foundation.ids import uuid7
from callmissed.foundation.problems import NotFound, Problem
from callmissed.foundation.services import Services
from callmissed.privacy import legal_holds
from callmissed.privacy.holds import WantedHold
from tests.support.holds import order, owner_sql, placed
from tests.support.staff import staff_member

pytestmark = pytest.mark.database

WRONG: dict[str, tuple[Callable[[], WantedHold], type[Problem], str]] = {
    "no scope": (lambda: order(person_id=None), legal_holds.HoldHasNoScope, "tenant"),
    "no such workspace": (lambda: order(tenant_id=uuid7()), legal_holds.HoldWorkspaceUnknown, "tenant"),
    "no such person": (lambda: order(person_id=UUID(int=0)), legal_holds.HoldPersonUnusable, "person_id"),
    "no such table": (lambda: order(relation="pg_class"), legal_holds.HoldTableUnknown, "relation"),
    "span backwards": (
        lambda: order(from_on=clock.today(), until_on=clock.today() - timedelta(days=1)),
        legal_holds.HoldSpanUnusable,
        "until_on",
    ),
    "no authority": (lambda: order(authority=""), legal_holds.HoldHasNoAuthority, "authority"),
    "nobody ordered it": (lambda: order(ordered_by=" x "), legal_holds.HoldHasNoAuthority, "ordered_by"),
    "no reference": (lambda: order(reference="  "), legal_holds.HoldHasNoReference, "reference"),
    "endless reference": (lambda: order(reference="9" * 81), legal_holds.HoldHasNoReference, "reference"),
    "no reason": (lambda: order(reason="because"), legal_holds.HoldReasonUnknown, "reason"),
    "no last day": (lambda: order(expires_on=None), legal_holds.HoldTermUnusable, "expires_on"),
    "over already": (
        lambda: order(expires_on=clock.today() - timedelta(days=1)),
        legal_holds.HoldTermUnusable,
        "expires_on",
    ),
    "for years": (
        lambda: order(expires_on=clock.today() + timedelta(days=366)),
        legal_holds.HoldTermUnusable,
        "expires_on",
    ),
}


@pytest.mark.parametrize("what", WRONG)
async def test_a_hold_that_is_not_whole_is_refused_and_names_the_field(services: Services, what: str) -> None:
    wanted, problem, field = WRONG[what]
    who = await staff_member(services, "privacy")
    async with services.db.control() as tx:
        with pytest.raises(problem) as refused:
            await legal_holds.place(tx, who, wanted())
        assert refused.value.details == {"field": field}


BREAKS = {
    "ck_legal_hold_scope": "UPDATE legal_hold SET person_id = NULL",
    "ck_legal_hold_authority": "UPDATE legal_hold SET authority = 'rumour'",
    "ck_legal_hold_reference": "UPDATE legal_hold SET reference = '  '",
    "ck_legal_hold_reason": "UPDATE legal_hold SET reason = ''",
    "ck_legal_hold_span": "UPDATE legal_hold SET from_at = now(), until_at = now()",
    "ck_legal_hold_a_year": "UPDATE legal_hold SET expires_on = expires_on + 400",
    "ck_legal_hold_two_persons": "UPDATE legal_hold SET released_at = now(), released_by = placed_by, release_asked_by = placed_by",
    "null value": "UPDATE legal_hold SET expires_on = NULL",
    "permission denied": "DELETE FROM legal_hold",
}


@pytest.mark.parametrize("rule", BREAKS)
async def test_the_database_refuses_it_too(services: Services, rule: str) -> None:
    hold_id = await placed(services, order())
    with pytest.raises(Exception, match=rule):
        async with services.db.control() as tx:
            await tx.session.execute(text(f"{BREAKS[rule]} WHERE id = '{hold_id}'"))


async def test_a_hold_is_released_by_two_people(services: Services) -> None:
    one, other = await staff_member(services, "privacy"), await staff_member(services, "security")
    hold_id = await placed(services, order(), by=one)
    async with services.db.control() as tx:
        with pytest.raises(legal_holds.HoldSecondPerson):
            await legal_holds.release(tx, other, hold_id)
        await legal_holds.ask_release(tx, one, hold_id)
    async with services.db.control() as tx:
        with pytest.raises(legal_holds.HoldOver):
            await legal_holds.ask_release(tx, other, hold_id)
        with pytest.raises(legal_holds.HoldSecondPerson):
            await legal_holds.release(tx, one, hold_id)
        await legal_holds.release(tx, other, hold_id)
    async with services.db.control() as tx:
        [hold] = [each for each in await legal_holds.listed(tx) if each.id == hold_id]
        assert not legal_holds.is_in_force(hold)
        with pytest.raises(legal_holds.HoldOver):
            await legal_holds.renew(tx, one, hold_id, clock.today())
        with pytest.raises(legal_holds.HoldNotFound):
            await legal_holds.renew(tx, one, uuid7(), clock.today())


async def test_renewing_takes_back_that_release_was_asked_for(services: Services) -> None:
    one, other = await staff_member(services, "privacy"), await staff_member(services, "security")
    hold_id = await placed(services, order(), by=one)
    async with services.db.control() as tx:
        await legal_holds.ask_release(tx, one, hold_id)
        await legal_holds.renew(tx, other, hold_id, clock.today() + timedelta(days=300))
    async with services.db.control() as tx:
        with pytest.raises(legal_holds.HoldSecondPerson):
            await legal_holds.release(tx, other, hold_id)


async def test_only_staff_place_holds_and_the_log_names_nobody(
    services: Services, installation: Installation
) -> None:
    person = uuid7()
    async with services.db.control() as tx:
        with pytest.raises(NotFound):
            await legal_holds.place(tx, uuid7(), order(person_id=person))
    hold_id = await placed(services, order(person_id=person, gagged=True))
    with psycopg.connect(owner_sql(installation)) as admin:
        rows = admin.execute(
            "SELECT actor_kind, body::text FROM audit_leaf WHERE action = 'privacy:hold:placed' AND target_id = %s",
            [hold_id],
        ).fetchall()
        told = admin.execute(
            "SELECT count(*) FROM audit_leaf WHERE to_jsonb(audit_leaf)::text LIKE %s", [f"%{person}%"]
        ).fetchone()
    assert [kind for kind, _ in rows] == ["staff"]
    assert told == (0,)
