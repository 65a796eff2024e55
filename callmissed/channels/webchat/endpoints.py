"""The widget's routes. They belong to no signed-in user: a visitor shows the token of their own session."""

from collections.abc import AsyncGenerator
from typing import Annotated, Any

from fastapi import Body, Query
from starlette.requests import Request
from starlette.responses import HTMLResponse, JSONResponse, Response

from callmissed import bots, contacts, conversations
from callmissed.channels.webchat import service
from callmissed.channels.webchat.pace import Pace
from callmissed.channels.webchat.problems import TooFast, VisitorUnknown
from callmissed.conversations import MESSAGE_LIMIT, Thread
from callmissed.foundation import i18n
from callmissed.foundation.database import Tx
from callmissed.foundation.directory import Entry
from callmissed.foundation.http import AccessRule, Router, TenantTx, event_stream, public, services
from callmissed.foundation.pages import Pages, content_security_policy
from callmissed.foundation.tenancy import Access

router = Router(tags=["widget"])

LAST = 2**31 - 1
"""The last place that a thread can have."""

LOADER = "channels/loader.js"
ELSEWHERE = {"cross-origin-resource-policy": "cross-origin"}
"""What other websites load from us by design."""

writing = Pace(burst=8, seconds=3)
beginning = Pace(burst=200, seconds=0.5)


async def _widget(request: Request) -> Entry:
    """Whose widget the address names; remembered on the request. Raises WidgetNotFound."""
    async with services(request).db.control() as tx:
        entry = await service.find_widget(tx, request.path_params["widget_id"])
    request.state.widget = entry
    return entry


async def _visitor(request: Request) -> Access | None:
    """The visitor whose token stands in the Authorization header. Raises VisitorUnknown, WidgetNotFound."""
    widget = await _widget(request)
    scheme, _, token = request.headers.get("authorization", "").partition(" ")
    if scheme.lower() != "bearer" or not token:
        raise VisitorUnknown
    return await service.recognise(services(request).db, widget, token)


VISITOR = AccessRule("visitor of this widget", permission=service.PERMISSION, resolve=_visitor)


@router.get("/widget/{widget_id}.js", access=public())
async def loader(request: Request, widget_id: str) -> Response:
    """The script a website includes. Public: it is the same for everyone and names nobody."""
    del widget_id
    pages: Pages = request.app.state.pages
    asset = pages.assets.asset(LOADER)
    headers = {**ELSEWHERE, "cache-control": "public, max-age=3600", "etag": f'"{asset.digest}"'}
    return Response(asset.body, headers=headers, media_type="text/javascript")


@router.get("/widget/{widget_id}/frame", access=public())
async def frame(request: Request, widget_id: str, lang: Annotated[str | None, Query()] = None) -> Response:
    """The chat itself, to be shown in a frame. Public: it holds nothing about a visitor, and sets no cookie."""
    held = services(request)
    widget = await _widget(request)
    async with held.db.tenant(Access.system(widget.tenant_id)) as tx:
        bot = await bots.bot_by_id(tx, widget.target_id)
    code = i18n.choose(lang, None, request.headers.get("accept-language"))
    pages: Pages = request.app.state.pages
    with i18n.speaking(code):
        body = pages.text(
            "channels/frame.html",
            bot=bot,
            widget_id=widget_id,
            limit=MESSAGE_LIMIT,
            days=service.SESSION_DAYS,
            other=next(each for each in i18n.LANGUAGES if each != code),
            closable="closable" in request.query_params,
        )
    framed_by = " ".join(["'self'", *bot.allowed_origins]) if bot.allowed_origins else "*"
    headers = {
        **ELSEWHERE,
        "content-security-policy": content_security_policy(framed_by=framed_by),
        "content-language": code,
        "cache-control": "no-cache",
        "vary": "accept-language",
    }
    return HTMLResponse(body, headers=headers)


@router.post("/widget/{widget_id}/sessions", access=public(), status_code=201)
async def begin(
    request: Request, widget_id: str, lang: Annotated[str, Query(max_length=16)] = "en"
) -> Response:
    """Begin a session: a token that opens the new visitor's own chat. Public: it opens nothing that existed before."""
    _pace(beginning, f"{widget_id} {request.client.host if request.client else ''}")
    widget = await _widget(request)
    async with services(request).db.tenant(Access.system(widget.tenant_id)) as tx:
        begun = await service.begin(tx, widget.target_id, lang if lang in i18n.LANGUAGES else "en")
    content = {"token": begun.token, "expires_at": begun.expires_at.isoformat()}
    return JSONResponse(content, 201, {"cache-control": "no-store"})


@router.get("/widget/{widget_id}/thread", access=VISITOR)
async def thread(request: Request, tx: TenantTx, after: Annotated[int, Query(ge=0, le=LAST)] = 0) -> Response:
    """What was said in the visitor's own conversation after a place in it."""
    return await _thread(request, tx, after)


@router.post("/widget/{widget_id}/messages", access=VISITOR)
async def say(
    request: Request,
    tx: TenantTx,
    text: Annotated[str, Body()],
    client_ref: Annotated[str, Body(min_length=8, max_length=50, pattern=r"^[A-Za-z0-9-]+$")],
    after: Annotated[int, Body(ge=0, le=LAST)] = 0,
) -> Response:
    """Say something to the bot, or to the teammate who has joined. Sent twice, it is said once."""
    _pace(writing, str(tx.access and tx.access.actor.id))
    conversation_id = await service.own_conversation(tx, _bot_id(request))
    await bots.hear(tx, conversation_id, text, client_ref=client_ref)
    return await _thread(request, tx, after)


@router.post("/widget/{widget_id}/person", access=VISITOR)
async def ask_for_person(
    request: Request, tx: TenantTx, after: Annotated[int, Body(ge=0, le=LAST, embed=True)] = 0
) -> Response:
    """Ask for a person to join."""
    conversation_id = await service.own_conversation(tx, _bot_id(request))
    await conversations.ask_for_person(tx, conversation_id)
    return await _thread(request, tx, after)


@router.post("/widget/{widget_id}/assistant", access=VISITOR)
async def go_on_with_assistant(
    request: Request, tx: TenantTx, after: Annotated[int, Body(ge=0, le=LAST, embed=True)] = 0
) -> Response:
    """Go on with the assistant instead of waiting. Refused once a teammate has joined."""
    await bots.hand_back(tx, await service.own_conversation(tx, _bot_id(request)))
    return await _thread(request, tx, after)


@router.get("/widget/{widget_id}/events", access=VISITOR)
async def events(request: Request) -> Response:
    """News of the visitor's own conversation as server-sent events: that there is some, not what it is."""
    held = services(request)
    async with held.db.tenant(request.state.access) as tx:
        topic = conversations.thread_topic(await service.own_conversation(tx, _bot_id(request)))

    async def news() -> AsyncGenerator[tuple[str, str]]:
        # The reader loads the thread on "ready", so whatever came before it is not missed.
        yield "ready", ""
        async for _ in held.live.listen(topic, bound_to=request.state.access.bound_to):
            yield "news", ""

    return event_stream(news())


@router.post("/widget/{widget_id}/erase", access=VISITOR)
async def erase(request: Request) -> Response:
    """Erase the visitor's own chat, for everyone: their key is destroyed (DPDP Act 2023 s. 12, Policy §7)."""
    access: Access = request.state.access
    if access.actor.id is None:
        raise VisitorUnknown
    await contacts.erase_contact(services(request).db, access, access.actor.id)
    return Response(status_code=204)


def _bot_id(request: Request) -> Any:
    widget: Entry = request.state.widget
    return widget.target_id


def _pace(pace: Pace, key: str) -> None:
    seconds = pace.wait(key)
    if seconds:
        raise TooFast(retry_after=seconds)


async def _thread(request: Request, tx: Tx, after: int) -> Response:
    conversation_id = await service.own_conversation(tx, _bot_id(request))
    found = await conversations.thread(tx, conversation_id, after=after)
    return JSONResponse(as_visitor_sees(found), headers={"cache-control": "no-store"})


def as_visitor_sees(thread: Thread) -> dict[str, Any]:
    """A thread for its visitor: words, sources and what happened; not which teammate, not what it cost."""
    return {
        "state": thread.state.value,
        "messages": [
            {
                "ordinal": each.ordinal,
                "author": each.author,
                "client_ref": each.client_ref if each.author == "contact" else None,
                "event": each.event,
                "text": each.text,
                "language": each.language,
                "sources": list(each.citations),
                "at": each.at.isoformat(),
            }
            for each in thread.messages
        ],
    }
