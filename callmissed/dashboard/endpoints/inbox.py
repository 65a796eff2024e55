"""The inbox: conversations as they happen, taken over and handed back."""

from collections.abc import AsyncGenerator
from typing import Annotated, Any, Literal
from uuid import UUID

from fastapi import Form, Query
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from callmissed import bots, contacts, conversations
from callmissed.dashboard.frame import workspace_page
from callmissed.foundation.database import Tx
from callmissed.foundation.http import Router, TenantTx, event_stream, permits, services
from callmissed.foundation.ids import uuid7
from callmissed.foundation.problems import Problem
from callmissed.foundation.tenancy import Access

router = Router(tags=["inbox"])

View = Literal["waiting", "with_bot", "all"]
Viewed = Annotated[View | None, Query()]


@router.get("/app/inbox", access=permits("inbox.read"))
async def inbox(request: Request, tx: TenantTx, view: Viewed = None) -> Response:
    """The list; on a wide screen with a word on what stands beside it."""
    return await _page(request, tx, view or "waiting", None)


@router.get("/app/inbox/events", access=permits("inbox.read"))
async def events(request: Request) -> Response:
    """Which conversation there is news of, as server-sent events. The page then reloads what it shows."""
    access: Access = request.state.access
    tenant_id = access.tenant_id
    topic = conversations.inbox_topic(tenant_id)

    async def news() -> AsyncGenerator[tuple[str, str]]:
        yield "ready", ""
        async for each in services(request).live.listen(topic, bound_to=access.bound_to):
            try:
                now = await services(request).authenticate(request)
            except Problem:
                return  # the workspace was closed
            if now is None or now.tenant_id != tenant_id or not now.may("inbox.read"):
                return  # they work here no more, or elsewhere in this browser
            yield "news", each.get("conversation", "")

    return event_stream(news())


@router.get("/app/inbox/{conversation_id}", access=permits("inbox.read"))
async def opened(request: Request, conversation_id: UUID, tx: TenantTx, view: Viewed = None) -> Response:
    """One conversation beside the list."""
    return await _page(request, tx, view, conversation_id)


@router.post("/app/inbox/{conversation_id}/seen", access=permits("inbox.read"))
async def seen(conversation_id: UUID, tx: TenantTx) -> Response:
    """A teammate has the conversation before their eyes."""
    await conversations.mark_seen(tx, conversation_id)
    return Response(status_code=204)


@router.post("/app/inbox/{conversation_id}/take-over", access=permits("inbox.reply"))
async def take_over(conversation_id: UUID, tx: TenantTx, view: Viewed = None) -> Response:
    """The teammate takes the conversation; the bot is silent from here."""
    await conversations.take_over(tx, conversation_id)
    return _back_to(conversation_id, view)


@router.post("/app/inbox/{conversation_id}/reply", access=permits("inbox.reply"))
async def reply(
    conversation_id: UUID,
    tx: TenantTx,
    text: Annotated[str, Form()] = "",
    client_ref: Annotated[str, Form(max_length=50)] = "",
    view: Viewed = None,
) -> Response:
    """The teammate answers."""
    draft = conversations.Draft(conversations.Author.TEAMMATE, text, client_ref or str(uuid7()))
    await conversations.add_message(tx, conversation_id, draft)
    return _back_to(conversation_id, view)


@router.post("/app/inbox/{conversation_id}/hand-back", access=permits("inbox.reply"))
async def hand_back(conversation_id: UUID, tx: TenantTx, view: Viewed = None) -> Response:
    """The bot answers again; also what was said last, if nobody answered it."""
    await bots.hand_back(tx, conversation_id)
    return _back_to(conversation_id, view)


@router.post("/app/inbox/{conversation_id}/resolve", access=permits("inbox.reply"))
async def resolve(conversation_id: UUID, tx: TenantTx, view: Viewed = None) -> Response:
    """Settled; it reopens when the contact writes again."""
    await conversations.resolve(tx, conversation_id)
    return _back_to(conversation_id, view)


def _back_to(conversation_id: UUID, view: View | None) -> Response:
    return RedirectResponse(f"/app/inbox/{conversation_id}" + (f"?view={view}" if view else ""), 303)


async def _page(request: Request, tx: Tx, view: View | None, conversation_id: UUID | None) -> Response:
    opened = await _opened(tx, conversation_id) if conversation_id else None
    shown = view or _view_of(opened)
    return await workspace_page(
        request,
        tx,
        "dashboard/inbox/inbox.html",
        active="inbox",
        view=shown,
        counts=await conversations.counts(tx),
        lines=await conversations.inbox(tx, shown),
        opened=opened,
        may_reply=bool(tx.access and tx.access.may("inbox.reply")),
        me=tx.access.actor.id if tx.access else None,
        reference=str(uuid7()),
    )


def _view_of(opened: dict[str, Any] | None) -> View:
    if opened is None:
        return "waiting"
    state = opened["thread"].state
    held = {conversations.State.WAITING, conversations.State.WITH_TEAMMATE}
    return "waiting" if state in held else "with_bot" if state is conversations.State.WITH_BOT else "all"


async def _opened(tx: Tx, conversation_id: UUID) -> dict[str, Any]:
    thread = await conversations.thread(tx, conversation_id)
    earlier = await conversations.threads_of(tx, thread.contact_id)
    return {
        "thread": thread,
        "contact": await contacts.card(tx, thread.contact_id),
        "bot": await bots.bot_by_id(tx, thread.bot_id),
        "earlier": [each for each in earlier if each.id != thread.id],
    }
