"""Tables of the room: bots, and the sources each may answer from."""

from uuid import UUID

from sqlalchemy import ForeignKeyConstraint, String, Text, UniqueConstraint
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import Mapped

from callmissed.foundation.datamap import Category, Keep, TenantTable, column, nothing

KEPT = Keep(until="the tenant removes it, or is erased", promise="keep.active")


class Bot(TenantTable):
    """An assistant of a tenant: how it greets, what it answers with, and where it may be shown."""

    __tablename__ = "bot"
    __keep__ = KEPT
    __table_args__ = (UniqueConstraint("tenant_id", "widget_id"),)

    name: Mapped[str] = column(nothing("name shown to visitors", Category.BUSINESS_CONTENT), String(80))
    tagline: Mapped[str] = column(nothing("one line under the name", Category.BUSINESS_CONTENT), String(120))
    greeting: Mapped[str] = column(
        nothing("first words to a visitor", Category.BUSINESS_CONTENT), String(500)
    )
    languages: Mapped[list[str]] = column(nothing("languages it speaks, BCP 47"), JSONB)
    model: Mapped[str] = column(nothing("the model it answers with"), String(120))
    instructions: Mapped[str] = column(nothing("how it should answer", Category.BUSINESS_CONTENT), Text)
    state: Mapped[str] = column(nothing("on or off"), String(8), default="on")
    widget_id: Mapped[str] = column(nothing("public id of its chat widget, random"), String(24))
    allowed_origins: Mapped[list[str]] = column(
        nothing("websites that may show the widget; none named means any"), JSONB, default=list
    )


class BotKnowledge(TenantTable):
    """A source that a bot may answer from."""

    __tablename__ = "bot_knowledge"
    __keep__ = KEPT
    __table_args__ = (
        ForeignKeyConstraint(["tenant_id", "bot_id"], ["bot.tenant_id", "bot.id"]),
        UniqueConstraint("tenant_id", "bot_id", "source_id"),
    )

    bot_id: Mapped[UUID] = column(nothing("the bot"))
    source_id: Mapped[UUID] = column(nothing("the knowledge source"))
