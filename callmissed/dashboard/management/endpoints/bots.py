"""Bots and knowledge sources, for programs."""

from typing import Any
from uuid import UUID

from starlette.requests import Request
from starlette.responses import Response

from callmissed import bots, knowledge
from callmissed.bots import BotForm
from callmissed.dashboard.management.answers import Cursor, Limit, Page, answer, cut, once, page_of
from callmissed.dashboard.management.router import Api
from callmissed.dashboard.management.shapes import Bot, BotDraft, NewSource, Source
from callmissed.foundation.database import Tx
from callmissed.foundation.http import TenantTx

router = Api("bots")

UNFIT = ("bot_incomplete", "bot_origin_invalid", "knowledge_source_not_found")
UNREADABLE = (
    "document_unreadable",
    "document_empty",
    "document_too_large",
    "document_not_text",
    "document_too_complex",
)


@router.api("GET", "/bots", "bots.read", gives=Page[Bot], problems=("cursor_unusable",))
async def list_bots(request: Request, tx: TenantTx, cursor: Cursor = "", limit: Limit = 20) -> Response:
    """Every bot, the newest first."""
    found = await bots.list_bots(tx)
    places = cut([bot.id for bot in found], cursor, limit)
    ids = [found[place].id for place in places]
    return answer(request, page_of([await _bot(tx, each) for each in ids], ids, limit))


@router.api("GET", "/bots/{bot_id}", "bots.read", gives=Bot, problems=("bot_not_found",))
async def read_bot(request: Request, tx: TenantTx, bot_id: UUID) -> Response:
    """One bot."""
    return answer(request, await _bot(tx, bot_id))


@router.api("POST", "/bots", "bots.write", gives=Bot, status=201, problems=UNFIT)
async def make_bot(request: Request, tx: TenantTx, body: BotDraft) -> Response:
    """Make a bot."""

    async def work() -> tuple[UUID, None]:
        made = await bots.create_bot(tx, name=body.name, greeting=body.greeting)
        await bots.change_bot(tx, made.id, await _form(tx, body))
        return made.id, None

    async def show(bot_id: UUID) -> Bot:
        return await _bot(tx, bot_id)

    return await once(request, tx, body, work, show)


@router.api("PUT", "/bots/{bot_id}", "bots.write", gives=Bot, problems=("bot_not_found", *UNFIT))
async def change_bot(request: Request, tx: TenantTx, bot_id: UUID, body: BotDraft) -> Response:
    """Decide anew about a bot."""
    await bots.change_bot(tx, bot_id, await _form(tx, body))
    return answer(request, await _bot(tx, bot_id))


@router.api("GET", "/knowledge/sources", "knowledge.read", gives=Page[Source], problems=("cursor_unusable",))
async def list_sources(request: Request, tx: TenantTx, cursor: Cursor = "", limit: Limit = 20) -> Response:
    """Every knowledge source, the newest first."""
    found = await knowledge.list_sources(tx)
    places = cut([source.id for source in found], cursor, limit)
    ids = [found[place].id for place in places]
    return answer(request, page_of([Source.model_validate(found[place]) for place in places], ids, limit))


@router.api(
    "GET",
    "/knowledge/sources/{source_id}",
    "knowledge.read",
    gives=Source,
    problems=("knowledge_source_not_found",),
)
async def read_source(request: Request, tx: TenantTx, source_id: UUID) -> Response:
    """One knowledge source."""
    return answer(request, Source.model_validate(await knowledge.source(tx, source_id)))


@router.api("POST", "/knowledge/sources", "knowledge.write", gives=Source, status=201, problems=UNREADABLE)
async def add_source(request: Request, tx: TenantTx, body: NewSource) -> Response:
    """Keep a text that bots may answer from. The same text under the same title is kept once."""

    async def work() -> tuple[UUID, None]:
        return (await knowledge.add_text(tx, body.title, body.text)).id, None

    async def show(source_id: UUID) -> Source:
        return Source.model_validate(await knowledge.source(tx, source_id))

    return await once(request, tx, body, work, show)


@router.api(
    "DELETE",
    "/knowledge/sources/{source_id}",
    "knowledge.write",
    status=204,
    problems=("knowledge_source_not_found",),
)
async def remove_source(tx: TenantTx, source_id: UUID) -> Response:
    """Take a source out of the workspace's knowledge."""
    await knowledge.remove_source(tx, source_id)
    return Response(status_code=204)


async def _form(tx: Tx, body: BotDraft) -> BotForm:
    """The decision, with sources of this workspace only. Raises SourceNotFound."""
    for source_id in body.sources:
        await knowledge.source(tx, source_id)
    values: dict[str, Any] = body.model_dump()
    return BotForm(**values)


async def _bot(tx: Tx, bot_id: UUID) -> Bot:
    row = await bots.bot_by_id(tx, bot_id)
    return Bot(
        id=row.id,
        name=row.name,
        greeting=row.greeting,
        tagline=row.tagline,
        model=row.model,
        instructions=row.instructions,
        languages=row.languages,
        allowed_origins=row.allowed_origins,
        sources=await bots.sources_of(tx, bot_id),
        on=row.state == "on",
        widget_id=row.widget_id,
        created_at=row.created_at,
    )
