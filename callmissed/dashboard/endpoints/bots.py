"""Bots: how they greet, what they answer from, and how they get onto a website."""

from collections.abc import Sequence
from typing import Annotated, Any
from uuid import UUID

from fastapi import Form
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from callmissed import bots, knowledge
from callmissed.bots import LOCAL_MODEL, BotForm
from callmissed.dashboard.frame import workspace_page
from callmissed.foundation.database import Tx
from callmissed.foundation.http import Router, TenantTx, permits, services, wants_page
from callmissed.foundation.i18n import t
from callmissed.foundation.problems import Problem
from callmissed.foundation.tenancy import Access

router = Router(tags=["bots"])


@router.get("/app/bots", access=permits("bots.read"))
async def listed(request: Request, tx: TenantTx) -> Response:
    """Every bot of the workspace."""
    found = await bots.list_bots(tx)
    counts = {bot.id: len(await bots.sources_of(tx, bot.id)) for bot in found}
    return await workspace_page(
        request,
        tx,
        "dashboard/bots/list.html",
        active="bots",
        bots=found,
        counts=counts,
        may_write=_may_write(tx),
    )


@router.post("/app/bots", access=permits("bots.write"))
async def create(
    tx: TenantTx,
    name: Annotated[str, Form()] = "",
    greeting: Annotated[str, Form()] = "",
    sources: Annotated[Sequence[UUID] | None, Form()] = None,
) -> Response:
    """A new bot, to be shaped on its own page. Unless sources are named it answers from all there are."""
    ready = [source.id for source in await knowledge.list_sources(tx) if source.state == "ready"]
    bot = await bots.create_bot(
        tx,
        name=name or t("Assistant"),
        greeting=greeting or t("Hello. How can I help?"),
        sources=ready if sources is None else sources,
    )
    return RedirectResponse(f"/app/bots/{bot.id}", 303)


@router.get("/app/bots/{bot_id}", access=permits("bots.read"))
async def shown(request: Request, bot_id: UUID, tx: TenantTx, saved: bool = False) -> Response:
    """One bot: its settings, its snippet, a test chat."""
    bot = await bots.bot_by_id(tx, bot_id)
    form = BotForm(
        bot.name,
        bot.greeting,
        bot.tagline,
        bot.model,
        bot.instructions,
        await bots.sources_of(tx, bot_id),
        bot.languages,
        bot.allowed_origins,
        bot.state == "on",
    )
    return await _page(request, tx, bot_id, form, saved=saved)


@router.post("/app/bots/{bot_id}", access=permits("bots.write"))
async def change(
    request: Request,
    bot_id: UUID,
    name: Annotated[str, Form()] = "",
    greeting: Annotated[str, Form()] = "",
    tagline: Annotated[str, Form()] = "",
    model: Annotated[str, Form(max_length=120)] = LOCAL_MODEL,
    instructions: Annotated[str, Form()] = "",
    origins: Annotated[str, Form()] = "",
    sources: Annotated[Sequence[UUID], Form()] = (),
) -> Response:
    """Decide anew about a bot. What cannot be used comes back with what was typed."""
    form = BotForm(
        name,
        greeting,
        tagline,
        model,
        instructions,
        sources,
        allowed_origins=[o for o in origins.split() if o],
    )
    access: Access = request.state.access
    db = services(request).db
    try:
        async with db.tenant(access) as tx:
            await bots.change_bot(tx, bot_id, form)
    except Problem as problem:
        if problem.status == 404 or not wants_page(request):
            raise
        async with db.tenant(access) as tx:
            reply = await _page(request, tx, bot_id, form, wrong=problem)
        reply.status_code = problem.status
        return reply
    return RedirectResponse(f"/app/bots/{bot_id}?saved=1", 303)


def _may_write(tx: Tx) -> bool:
    return bool(tx.access and tx.access.may("bots.write"))


async def _page(
    request: Request,
    tx: Tx,
    bot_id: UUID,
    form: BotForm,
    *,
    wrong: Problem | None = None,
    saved: bool = False,
) -> Response:
    bot = await bots.bot_by_id(tx, bot_id)
    base = services(request).base_url
    models: list[tuple[str, Any]] = [(LOCAL_MODEL, LOCAL_MODEL)]
    if form.model != LOCAL_MODEL:
        models.append((form.model, form.model))
    return await workspace_page(
        request,
        tx,
        "dashboard/bots/bot.html",
        active="bots",
        bot_id=bot_id,
        widget_id=bot.widget_id,
        form=form,
        models=models,
        sources=await knowledge.list_sources(tx),
        snippet=f'<script src="{base}/widget/{bot.widget_id}.js" async></script>',
        wrong=wrong,
        saved=saved,
        may_write=_may_write(tx),
    )
