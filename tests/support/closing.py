"""A workspace with something of everything in it, to be closed, opened again and erased."""

import asyncio
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from sqlalchemy import func, select

from callmissed import bots, contacts, conversations, knowledge
from callmissed.billing import Ledger, Usage, grant
from callmissed.channels.webchat import service as webchat
from callmissed.foundation import clock, datamap
from callmissed.foundation.ids import uuid7
from callmissed.foundation.money import rupees
from callmissed.foundation.services import Services
from callmissed.foundation.tenancy import Access
from callmissed.identity import create_key, leaving, sessions
from callmissed.identity.models import Closing
from callmissed.identity.tasks import closing_notices, erase_closed
from tests.support.people import workspace_of_someone

USAGE = Usage(
    endpoint="chat.completions", model="local/extractive", upstream="local", region="IN", status="ok", http_status=200,
    tokens_in=7, tokens_out=5, price_in_micro=20_000_000, price_out_micro=60_000_000,
)  # fmt: skip


@dataclass
class Firm:
    """A workspace at work: its owner, a key, a bot with its widget, a visitor's token, a conversation."""

    owner: Access
    email: str
    secret: str
    bot_id: UUID
    widget_id: str
    visitor_token: str
    conversation_id: UUID
    message_id: UUID

    @property
    def tenant_id(self) -> UUID:
        return self.owner.tenant_id


async def firm_at_work(services: Services) -> Firm:
    """A workspace with rows in every table that its rooms fill."""
    email = f"p{uuid7().hex}@namuna.example"
    owner = await workspace_of_someone(services, email)
    ledger = services.get(Ledger)
    async with services.db.tenant(owner) as tx:
        await grant(tx, rupees("500"), "grant", uuid7())
        source = await knowledge.add_text(tx, "Opening hours", "We open at nine in the morning, every day.")
        bot = await bots.create_bot(tx, name="Sahayak", greeting="Namaste", sources=[source.id])
        key = await create_key(tx, "shop", permissions=["llm"])
    async with services.db.tenant(Access.system(owner.tenant_id)) as tx:
        begun = await webchat.begin(tx, bot.id, "en")
    async with services.db.control() as tx:
        entry = await webchat.find_widget(tx, bot.widget_id)
    visitor = await webchat.recognise(services.db, entry, begun.token)
    async with services.db.tenant(visitor) as tx:
        conversation = await webchat.own_conversation(tx, bot.id)
        said = await bots.hear(tx, conversation, "When do you open?", client_ref=uuid7().hex)
    await ledger.reserve(owner.tenant_id, ref := uuid7(), 2_000)
    await ledger.settle(owner.tenant_id, ref, 700, USAGE)
    await asyncio.sleep(0)
    assert visitor.actor.id
    async with services.db.tenant(owner) as tx:
        assert await contacts.card(tx, visitor.actor.id)
        assert await conversations.thread(tx, conversation)
    return Firm(owner, email, key.secret, bot.id, bot.widget_id, begun.token, conversation, said.message_id)


async def every_row(services: Services, tenant_id: UUID) -> dict[str, list[Any]]:
    """Every row of a tenant in every tenant table but the audit log, which only grows."""
    async with services.verifier.control() as tx:
        found: dict[str, list[Any]] = {}
        for table in datamap.tables():
            if datamap.is_tenant_table(table) and table.name != "audit_leaf":
                mine = (
                    select(table).where(table.columns["tenant_id"] == tenant_id).order_by(table.columns["id"])
                )
                found[table.name] = [tuple(row) for row in (await tx.session.execute(mine)).all()]
        return found


async def rows_left(services: Services, tenant_id: UUID) -> dict[str, int]:
    """How many rows of a tenant each table that should be empty of it still has."""
    async with services.verifier.control() as tx:
        return {
            table.name: count
            for table in datamap.erasable_tables()
            if (
                count := int(
                    await tx.session.scalar(
                        select(func.count()).select_from(table).where(table.columns["tenant_id"] == tenant_id)
                    )
                    or 0
                )
            )
        }


async def close(services: Services, owner: Access) -> Closing:
    """Close a workspace as its owner does."""
    async with services.db.tenant(owner) as tx:
        return await leaving.close_workspace(tx)


def recovering(owner: Access) -> Access:
    """The owner's standing in front of closed doors."""
    return Access(owner.tenant_id, owner.actor, owner.permissions, "recovery")


async def signed_in(services: Services, owner: Access) -> dict[str, str]:
    """The cookie of a browser that the owner is signed in with."""
    assert owner.actor.id
    async with services.db.control() as tx:
        token = await sessions.open_session(
            tx, owner.actor.id, owner.tenant_id, "Firefox/140.0", methods=("code",)
        )
    return {sessions.cookie_name(production=False): token}


async def erase_in_time(services: Services, days: int = 32) -> None:
    """Let the thirty days pass."""
    for day in (25, 30, days):
        with clock.travel(days=day):
            await closing_notices(services)
            await erase_closed(services)
