"""One of everything that a tenant can own and that has an id, made through the front doors; and what a tenant holds in all."""

from dataclasses import dataclass
from datetime import date
from uuid import UUID

from sqlalchemy import select
from starlette.types import ASGIApp

from callmissed import bots, conversations, knowledge
from callmissed.billing import grant
from callmissed.foundation import audit, datamap
from callmissed.foundation.database import Tx
from callmissed.foundation.ids import uuid7
from callmissed.foundation.money import rupees
from callmissed.foundation.services import Services
from callmissed.foundation.tenancy import Access
from callmissed.gateway import batches, provider_keys
from callmissed.gateway.images import Picture, history
from callmissed.identity import (
    PROMPT_LOG,
    create_key,
    custom_roles,
    invitations,
    members,
    service_accounts,
    sessions,
    ways_in,
)
from callmissed.identity.service.linking import link_identity
from tests.support.people import ASKING, workspace_of_someone
from tests.support.picture_peer import png
from tests.support.routes import JSON, ask
from tests.support.staff import asked, staff_member

QUESTION = b'{"model":"local/extractive","messages":[{"role":"user","content":"When do you open? We open at nine."}]}'


SAID = provider_keys.Wish(
    "openai", f"sk-{uuid7().hex}", "Services Agreement", date(2026, 1, 1), excludes_training=True
)
BROUGHT = provider_keys.Proven(SAID, "https://api.openai.com")
"""A key at a supplier that is not asked: here it does not matter whether it works."""


@dataclass(frozen=True, slots=True)
class Belongings:
    """A tenant, with what its owner's browser, its program and its visitor send to be known, and the ids of its rows."""

    access: Access
    cookie: dict[str, str]
    key: dict[str, str]
    visitor: dict[str, str]
    ids: dict[str, str]


async def belongings(app: ASGIApp, services: Services) -> Belongings:
    """A new tenant that owns one of everything."""
    access = await workspace_of_someone(services)
    assert access.actor.id
    async with services.db.tenant(access) as tx:
        source = await knowledge.add_text(tx, "Hours", "We open at nine in the morning. " * 3)
        bot = await bots.create_bot(tx, name="Care", greeting="Hello", sources=[source.id])
        made = await create_key(tx, "program", permissions=["llm", "image"], options=[PROMPT_LOG])
        brought = await provider_keys.bring(tx, BROUGHT)
        await grant(tx, rupees("5"), "grant", uuid7())
        team = await _team(tx)
        batch = await _batch(tx, made.id)
        [picture] = await history.keep(
            tx, None, uuid7(), "local/poster", "Chai", [Picture(png(), "image/png")]
        )
        factors = await _factors(tx, access.actor.id)
    async with services.db.control() as tx:
        session = await sessions.open_session(tx, access.actor.id, access.tenant_id, "Firefox/140.0")
    visitor = await _visitor(app, bot.widget_id)
    key = {"authorization": f"Bearer {made.secret}"}
    answered = await ask(app, "POST", "/v1/chat/completions", key | JSON, QUESTION)
    async with services.db.tenant(access) as tx:
        [line] = await conversations.inbox(tx, "all")
        thread = await conversations.thread(tx, line.thread.id)
        leaf = (await audit.recent(tx, limit=1))[0]
    await audit.seal_all(services.db)
    async with services.db.control() as tx:
        here = await sessions.current(tx, session)
    assert here
    ids = {
        **team,
        **factors,
        **batch,
        "session_id": here.session_id,
        "leaf_id": leaf.id,
        "bot_id": bot.id,
        "contact_id": thread.contact_id,
        "conversation_id": thread.id,
        "key_id": made.id,
        "message_id": thread.messages[0].id,
        "picture_id": history.picture_name(picture),
        "provider_key_id": brought,
        "request_id": await asked(services, await staff_member(services, "support"), access),
        "source_id": source.id,
        "usage_id": answered.headers["cm-usage-id"],
        "widget_id": bot.widget_id,
    }
    cookie = {"cookie": f"{sessions.cookie_name(production=False)}={session}"}
    return Belongings(access, cookie, key, visitor, {name: str(value) for name, value in ids.items()})


async def _team(tx: Tx) -> dict[str, UUID]:
    """A service account, a role, somebody invited and the owner's own membership."""
    address = f"i{uuid7().hex}@namuna.example"
    [member] = await members.list_members(tx)
    return {
        "account_id": (await service_accounts.create_service_account(tx, "Robot")).id,
        "invitation_id": await invitations.invite(tx, address, "teammate", ASKING),
        "member_id": member.id,
        "role_id": await custom_roles.make_role(tx, "Reader", ["inbox.read"]),
    }


async def _batch(tx: Tx, key_id: UUID) -> dict[str, str]:
    """A file and a batch that reads it, as callers name them."""
    file = await batches.files.store(tx, key_id, "questions.jsonl", b"{}\n")
    wish = batches.service.BatchBody(f"file-{file.id.hex}", "/v1/moderations", "24h")
    made = await batches.service.create(tx, key_id, wish, file.id)
    return {"file_id": f"file-{file.id.hex}", "batch_id": f"batch_{made.id.hex}"}


async def _factors(tx: Tx, user_id: UUID) -> dict[str, UUID]:
    """An app that waits for its first code, an identity at a provider, and a domain that is not proven."""
    app = await ways_in.totp.begin_app(tx, user_id, "Phone", "asha@namuna.example")
    await link_identity(tx, user_id, "elsewhere", uuid7().bytes, "asha@namuna.example")
    [identity] = await ways_in.providers.identities(tx, user_id)
    domain = await ways_in.domains.add_domain(tx, "namuna.example", "elsewhere")
    return {"factor_id": app.id, "identity_id": identity.id, "domain_id": domain.id}


async def _visitor(app: ASGIApp, widget_id: str) -> dict[str, str]:
    """A visitor of the widget who has said something."""
    begun = await ask(app, "POST", f"/widget/{widget_id}/sessions")
    assert begun.status == 201, (begun.status, begun.body)
    token = begun.body.decode().split('"token":"')[1].split('"')[0]
    visitor = {"authorization": f"Bearer {token}"}
    said = b'{"text":"Namaste","client_ref":"message-0001"}'
    assert (await ask(app, "POST", f"/widget/{widget_id}/messages", visitor | JSON, said)).status == 200
    return visitor


async def holdings(services: Services, tenant_id: UUID) -> dict[str, list[str]]:
    """Each table's rows of this tenant, whole, as text."""
    found: dict[str, list[str]] = {}
    async with services.verifier.engine.connect() as connection:
        for table in datamap.tables():
            if "tenant_id" in table.columns:
                rows = await connection.execute(select(table).where(table.c.tenant_id == tenant_id))
                found[table.name] = sorted(repr(tuple(row)) for row in rows)
    return found
