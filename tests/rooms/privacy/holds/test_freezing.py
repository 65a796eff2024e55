"""What is frozen stays, everything else goes; and what waited goes by itself once the hold is over."""

import random
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from uuid import UUID

import psycopg
import pytest
from sqlalchemy import text

from callmissed import contacts, conversations
from callmissed.app.installation import Installation
from callmissed.contacts.tasks import erase_barred
from callmissed.conversations.problems import ConversationNotFound
from callmissed.foundation import clock
from callmissed.foundation.ids import uuid7
from callmissed.foundation.services import Services
from callmissed.identity import erasing, leaving
from callmissed.identity.problems import NotClosed
from callmissed.identity.tasks import closing_notices, erase_closed
from tests.support.closing import Firm, close, erase_in_time, firm_at_work, recovering, rows_left
from tests.support.holds import let_go, order, owner_sql, placed

pytestmark = pytest.mark.database

SEED = 20261201


@dataclass(frozen=True)
class Planted:
    """A usage record long past its days, and whose it is."""

    id: UUID
    tenant: UUID
    key: UUID
    at: datetime


@dataclass(frozen=True)
class Rule:
    """A hold as the oracle knows it."""

    tenant: UUID | None
    key: UUID | None
    relation: str | None
    since: datetime | None
    until: datetime | None
    works: bool

    def freezes(self, row: Planted) -> bool:
        """Word by word what a hold says."""
        return (
            self.works
            and self.relation in {None, "usage_record"}
            and self.tenant in {None, row.tenant}
            and self.key in {None, row.key}
            and (self.since is None or row.at >= self.since)
            and (self.until is None or row.at < self.until)
        )


def rows_of(chance: random.Random) -> list[Planted]:
    tenants, keys = [uuid7() for _ in range(4)], [uuid7() for _ in range(5)]
    old = datetime.now(UTC) - timedelta(days=200)
    moments = [old + timedelta(days=chance.randrange(70), minutes=chance.randrange(1440)) for _ in range(60)]
    return [Planted(uuid7(), chance.choice(tenants), chance.choice(keys), at) for at in moments]


def rules_of(chance: random.Random, rows: list[Planted]) -> list[Rule]:
    made: list[Rule] = []
    for _ in range(chance.randrange(6)):
        like = chance.choice(rows)
        tenant = chance.choice([None, like.tenant])
        key = chance.choice([None, like.key]) if tenant else like.key
        since = chance.choice([None, chance.choice(rows).at])
        until = chance.choice([None, (since or like.at) + timedelta(days=chance.randrange(1, 40))])
        relation = chance.choice([None, None, "usage_record", "message"])
        made.append(Rule(tenant, key, relation, since, until, chance.random() < 0.8))
    return made


PLANT_HOLD = """
INSERT INTO legal_hold (id, tenant_id, person_id, relation, from_at, until_at, authority, ordered_by, reference, reason, gagged,
  placed_by, renewed_at, expires_on, created_at)
VALUES (gen_random_uuid(), %(tenant)s, %(key)s, %(relation)s, %(since)s, %(until)s, 'court', 'planted', 'planted', 'dispute',
  false, gen_random_uuid(), now() - interval '100 days', (now() AT TIME ZONE 'Asia/Kolkata')::date + %(last)s, now())"""

PLANT_ROW = """
INSERT INTO usage_record (tenant_id, at, id, key_id, endpoint, model, upstream, region, may_train, tokens_in, tokens_out, counted_by,
  admit_us, reserve_us, latency_ms, price_in_micro, price_out_micro, price_micro, status, http_status, streamed)
VALUES (%(tenant)s, %(at)s, %(id)s, %(key)s, 'chat.completions', 'planted', 'u', 'IN', false, 1, 1, 'callmissed', 1, 1, 1, 0, 0, 0, 'ok',
  200, false)"""


def in_past_months(admin: psycopg.Connection) -> None:
    for months in range(9):
        admin.execute(
            "SELECT cm.ensure_partitions('usage_record', (now() - make_interval(months => %s))::date, 0)",
            [months],
        )


async def test_random_holds_freeze_exactly_what_they_say(
    services: Services, installation: Installation
) -> None:
    chance = random.Random(SEED)
    frozen = 0
    for _ in range(40):
        rows = rows_of(chance)
        rules = rules_of(chance, rows)
        with psycopg.connect(owner_sql(installation), autocommit=True) as admin:
            in_past_months(admin)
            for row in rows:
                admin.execute(PLANT_ROW, vars(row))
            for rule in rules:
                admin.execute(PLANT_HOLD, {**vars(rule), "last": 0 if rule.works else -1})
        async with services.db.control() as tx:
            await tx.session.execute(text("SELECT cm.expire('usage_record'::regclass)"))
        with psycopg.connect(owner_sql(installation), autocommit=True) as admin:
            left = {each for (each,) in admin.execute("SELECT id FROM usage_record WHERE model = 'planted'")}
            admin.execute("DELETE FROM legal_hold WHERE ordered_by = 'planted'")
        wanted = {row.id for row in rows if any(rule.freezes(row) for rule in rules)}
        assert left == wanted
        frozen += len(wanted)
        async with (
            services.db.control() as tx
        ):  # the holds are over: the next run takes the rest, and the old months
            await tx.session.execute(text("SELECT cm.expire('usage_record'::regclass)"))
        with psycopg.connect(owner_sql(installation)) as admin:
            assert admin.execute("SELECT count(*) FROM usage_record WHERE model = 'planted'").fetchone() == (
                0,
            )
    assert frozen > 200, "holds that freeze nothing prove nothing"


@pytest.fixture
async def firm(services: Services) -> Firm:
    """A workspace with something of everything."""
    return await firm_at_work(services)


async def test_the_erasure_of_a_workspace_waits_and_goes_on_by_itself(services: Services, firm: Firm) -> None:
    hold_id = await placed(services, order(person_id=None, tenant_id=firm.tenant_id))
    await close(services, firm.owner)
    keys = await services.vault.tenant_key_ids(firm.tenant_id)
    await erase_in_time(services)
    assert (await rows_left(services, firm.tenant_id))["message"] >= 1
    assert set(await services.vault.tenant_key_ids(firm.tenant_id)) >= set(keys)
    with pytest.raises(NotClosed):
        async with services.db.tenant(recovering(firm.owner)) as tx:
            await leaving.reopen_workspace(tx)
    async with services.db.control() as tx:
        assert await erasing.receipts_of(tx, firm.tenant_id) == []
    await let_go(services, hold_id)
    with clock.travel(days=33):
        await erase_closed(services)
    assert await rows_left(services, firm.tenant_id) == {}
    assert await services.vault.tenant_key_ids(firm.tenant_id) == []


async def test_a_hold_that_expires_lets_go_too(services: Services, firm: Firm) -> None:
    """Over a contact alone: the workspace that knows it waits."""
    async with services.db.tenant(firm.owner) as tx:
        contact_id = (await conversations.thread(tx, firm.conversation_id)).contact_id
    await placed(services, order(person_id=contact_id, expires_on=clock.today() + timedelta(days=40)))
    await close(services, firm.owner)
    await erase_in_time(services, days=39)
    assert (await rows_left(services, firm.tenant_id))["message"] >= 1
    with clock.travel(days=42):
        await erase_closed(services)
    assert await rows_left(services, firm.tenant_id) == {}


async def test_an_account_waits_for_a_hold_over_its_holder(services: Services, firm: Firm) -> None:
    owner = firm.owner.actor.id
    assert owner
    await close(services, firm.owner)
    hold_id = await placed(services, order(person_id=owner, relation="mail_message"))
    await erase_in_time(services)
    async with services.db.control() as tx:
        assert await erasing.receipts_of(tx, firm.tenant_id) == [], "the workspace knows them"
    await let_go(services, hold_id)
    for _ in range(2):
        with clock.travel(days=34):
            await closing_notices(services)
            await erase_closed(services)
    async with services.db.control() as tx:
        assert await erasing.receipts_of(tx, owner)


async def test_a_hold_that_comes_while_the_erasure_runs_still_saves_the_keys(
    services: Services, firm: Firm
) -> None:
    """The steps are written down and then the machine stops: nothing is gone yet, and the hold finds everything."""
    closing = await close(services, firm.owner)
    with clock.travel(days=25):
        await closing_notices(services)
    with clock.travel(days=32):
        async with services.db.control() as tx:
            assert (await erasing.begin(tx, closing.id)).erasing_at is not None
        await placed(services, order(person_id=None, tenant_id=firm.tenant_id))
        assert not await erasing.erase(services, closing.id)
    assert await services.vault.tenant_key_ids(firm.tenant_id)
    assert (await rows_left(services, firm.tenant_id))["message"] >= 1


async def test_a_contact_under_a_hold_is_seen_by_nobody_and_erased_afterwards(
    services: Services, firm: Firm
) -> None:
    async with services.db.tenant(firm.owner) as tx:
        contact_id = (await conversations.thread(tx, firm.conversation_id)).contact_id
        listed = len(await contacts.list_cards(tx, before=None, limit=50))
    hold_id = await placed(services, order(person_id=contact_id, gagged=True))
    erased = await contacts.erase_contact(services.db, firm.owner, contact_id)
    assert (erased.rows, erased.keys) == ({}, ())
    async with services.db.tenant(firm.owner) as tx:
        assert len(await contacts.list_cards(tx, before=None, limit=50)) == listed - 1
        with pytest.raises(contacts.ContactNotFound):
            await contacts.card(tx, contact_id)
        for table in ("contact_handle", "conversation", "message", "visitor_session"):
            query = f"SELECT count(*) FROM {table} WHERE contact_id = '{contact_id}'"
            assert await tx.session.scalar(text(query)) == 0, table
        with pytest.raises(ConversationNotFound):
            await conversations.thread(tx, firm.conversation_id)
    await erase_barred(services)
    keys = await services.vault.key_ids(firm.tenant_id, contact_id)
    assert len(keys) >= 2, "frozen, not erased"
    await let_go(services, hold_id)
    await erase_barred(services)
    assert set(keys).isdisjoint(await services.vault.key_ids(firm.tenant_id, contact_id))
    async with services.verifier.control() as tx:
        left = await tx.session.scalar(
            text(f"SELECT count(*) FROM message WHERE contact_id = '{contact_id}'")
        )
    assert left == 0


async def test_every_table_that_names_a_contact_hides_barred_ones(services: Services) -> None:
    query = text(
        "SELECT c.relname FROM pg_class c JOIN pg_attribute a ON a.attrelid = c.oid WHERE c.relkind IN ('r', 'p')"
        " AND c.relnamespace = 'public'::regnamespace AND a.attname = 'contact_id' AND NOT EXISTS"
        " (SELECT FROM pg_policies p WHERE p.tablename = c.relname AND p.policyname = 'barred')"
    )
    async with services.verifier.engine.connect() as connection:
        assert (await connection.scalars(query)).all() == []
