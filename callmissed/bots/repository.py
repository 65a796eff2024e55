"""All SQL of the room. Every query names the tenant."""

from collections.abc import Sequence
from uuid import UUID

from sqlalchemy import delete, select

from callmissed.bots.models import Bot, BotKnowledge
from callmissed.foundation.database import Tx
from callmissed.foundation.ids import uuid7


async def bot(tx: Tx, bot_id: UUID) -> Bot | None:
    """One bot of this tenant, or None."""
    return await tx.session.get(Bot, (tx.tenant_id, bot_id))


async def bots(tx: Tx) -> Sequence[Bot]:
    """Every bot of this tenant, oldest first."""
    return (await tx.session.scalars(select(Bot).where(Bot.tenant_id == tx.tenant_id).order_by(Bot.id))).all()


async def source_ids(tx: Tx, bot_id: UUID) -> list[UUID]:
    """The sources a bot may answer from."""
    query = (
        select(BotKnowledge.source_id)
        .where(BotKnowledge.tenant_id == tx.tenant_id, BotKnowledge.bot_id == bot_id)
        .order_by(BotKnowledge.id)
    )
    return list((await tx.session.scalars(query)).all())


async def set_sources(tx: Tx, bot_id: UUID, sources: Sequence[UUID]) -> None:
    """Make these the sources of a bot."""
    await tx.session.execute(
        delete(BotKnowledge).where(BotKnowledge.tenant_id == tx.tenant_id, BotKnowledge.bot_id == bot_id)
    )
    for source_id in dict.fromkeys(sources):
        tx.session.add(BotKnowledge(tenant_id=tx.tenant_id, id=uuid7(), bot_id=bot_id, source_id=source_id))
    await tx.session.flush()
