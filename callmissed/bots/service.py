"""The verbs of the room: bots, their sources, and what a visitor says to them."""

import re
import secrets
from collections.abc import Sequence
from dataclasses import dataclass
from urllib.parse import urlsplit
from uuid import UUID

from callmissed import conversations
from callmissed.bots import repository
from callmissed.bots.asking import asks_for_person
from callmissed.bots.models import Bot
from callmissed.bots.problems import BotIncomplete, BotNotFound, OriginInvalid
from callmissed.conversations import Author, Draft, Receipt
from callmissed.foundation import audit, directory, jobs
from callmissed.foundation.database import Tx
from callmissed.foundation.ids import uuid7
from callmissed.knowledge import language_of

LOCAL_MODEL = "local/extractive"
WIDGET = "widget"
"""The kind under which the directory knows a bot by its widget's public id."""


@dataclass(frozen=True, slots=True)
class BotForm:
    """What a tenant decides about a bot."""

    name: str
    greeting: str
    tagline: str = ""
    model: str = LOCAL_MODEL
    instructions: str = ""
    sources: Sequence[UUID] = ()
    languages: Sequence[str] = ("en", "hi")
    allowed_origins: Sequence[str] = ()
    on: bool = True


async def create_bot(
    tx: Tx,
    *,
    name: str,
    greeting: str,
    sources: Sequence[UUID] = (),
    tagline: str = "",
    model: str = LOCAL_MODEL,
) -> Bot:
    """A new bot with a chat widget of its own. Raises BotIncomplete."""
    bot = Bot(tenant_id=tx.tenant_id, id=uuid7(), widget_id=secrets.token_urlsafe(12))
    _fill(bot, BotForm(name, greeting, tagline, model))
    tx.session.add(bot)
    await tx.session.flush()
    await repository.set_sources(tx, bot.id, sources)
    await directory.put(tx, WIDGET, bot.widget_id, bot.id)
    await audit.record(
        tx, "bots:bot:created", target=bot.id, body={"model": bot.model, "sources": len(sources)}
    )
    return bot


async def change_bot(tx: Tx, bot_id: UUID, form: BotForm) -> Bot:
    """Decide anew about a bot. Raises BotNotFound, BotIncomplete, OriginInvalid."""
    bot = await bot_by_id(tx, bot_id)
    _fill(bot, form)
    await repository.set_sources(tx, bot.id, form.sources)
    body = {"model": bot.model, "sources": len(form.sources), "state": bot.state}
    await audit.record(tx, "bots:bot:changed", target=bot.id, body=body)
    return bot


async def bot_by_id(tx: Tx, bot_id: UUID) -> Bot:
    """One bot. Raises BotNotFound."""
    bot = await repository.bot(tx, bot_id)
    if bot is None:
        raise BotNotFound
    return bot


async def list_bots(tx: Tx) -> Sequence[Bot]:
    """Every bot of the tenant, oldest first."""
    return await repository.bots(tx)


async def sources_of(tx: Tx, bot_id: UUID) -> list[UUID]:
    """The sources a bot may answer from. Raises BotNotFound."""
    await bot_by_id(tx, bot_id)
    return await repository.source_ids(tx, bot_id)


async def hear(tx: Tx, conversation_id: UUID, text: str, *, client_ref: str) -> Receipt:
    """A contact's message to a bot: kept, and answered by a job born in the same transaction.

    Words that ask for a person bring one instead. Sent twice under one `client_ref`, it counts once. Raises
    ConversationNotFound, MessageEmpty, MessageTooLong.
    """
    draft = Draft(Author.CONTACT, text, client_ref, language_of(text))
    receipt = await conversations.add_message(tx, conversation_id, draft)
    assert receipt is not None, "a contact may always speak"  # noqa: S101 - for the type checker
    if receipt.is_new:
        if asks_for_person(text):
            await conversations.ask_for_person(tx, conversation_id)
        else:
            await reply_soon(tx, conversation_id, receipt.message_id)
    return receipt


async def hand_back(tx: Tx, conversation_id: UUID) -> None:
    """Give a conversation back to its bot, which answers what the contact said last if nobody has."""
    await conversations.hand_back(tx, conversation_id)
    thread = await conversations.thread(tx, conversation_id)
    said = [each for each in thread.messages if each.event is None]
    if said and said[-1].author == Author.CONTACT and not asks_for_person(said[-1].text):
        await reply_soon(tx, conversation_id, said[-1].id)


async def reply_soon(tx: Tx, conversation_id: UUID, message_id: UUID) -> None:
    """Have the bot answer one message, one message of a conversation after another."""
    await jobs.defer(
        tx,
        "bots.reply",
        lock=str(conversation_id),
        tenant_id=str(tx.tenant_id),
        conversation_id=str(conversation_id),
        message_id=str(message_id),
    )


def _fill(bot: Bot, form: BotForm) -> None:
    name, greeting = form.name.strip(), form.greeting.strip()
    if not name or not greeting or len(name) > 80 or len(greeting) > 500:
        raise BotIncomplete
    bot.name = name
    bot.greeting = greeting
    bot.tagline = form.tagline.strip()[:120]
    bot.model = form.model
    bot.instructions = form.instructions.strip()[:4_000]
    bot.languages = list(form.languages)
    bot.allowed_origins = [_origin(each) for each in form.allowed_origins]
    bot.state = "on" if form.on else "off"


_HOST = re.compile(r"[a-z0-9*.-]+(:\d+)?")


def _origin(text: str) -> str:
    """A website as `frame-ancestors` takes it (CSP 3 §6.4.2). Raises OriginInvalid for anything that could say more."""
    try:
        parts = urlsplit(text.strip().lower())
    except ValueError:  # such as an open bracket
        raise OriginInvalid(origin=text[:80]) from None
    if (
        parts.scheme not in {"http", "https"}
        or parts.path not in {"", "/"}
        or not _HOST.fullmatch(parts.netloc)
    ):
        raise OriginInvalid(origin=text[:80])
    return f"{parts.scheme}://{parts.netloc}"
