"""How the API answers: JSON with an ETag, pages with a cursor, and once only under an Idempotency-Key."""

import base64
import binascii
import hashlib
from collections.abc import Awaitable, Callable, Sequence
from datetime import timedelta
from typing import Annotated, Generic, TypeVar
from uuid import UUID

from fastapi import Query
from pydantic import BaseModel, ConfigDict, Field
from starlette.requests import Request
from starlette.responses import Response

from callmissed.dashboard.management import repository
from callmissed.dashboard.management.problems import CursorUnusable
from callmissed.foundation import clock
from callmissed.foundation.database import Tx
from callmissed.foundation.problems import OnceKeyReused, OnceKeyUnusable
from callmissed.foundation.tenancy import Access

KEPT = timedelta(hours=24)
LONGEST_KEY = 200
MOST = 100

T = TypeVar("T", bound=BaseModel)
Limit = Annotated[int, Query(ge=1, le=MOST, description="How many items at most.")]
Cursor = Annotated[str, Query(max_length=60, description="`next_cursor` of the page before.")]


class Page(BaseModel, Generic[T]):
    """A page of a list. `next_cursor` leads to the next one; null on the last."""

    model_config = ConfigDict(extra="forbid")

    items: list[T]
    next_cursor: str | None = Field(description="Opaque. Pages stay whole while items are added.")


def after(cursor: str) -> UUID | None:
    """The id that the page before ended with; None for the first page. Raises CursorUnusable."""
    if not cursor:
        return None
    try:
        return UUID(bytes=base64.b64decode(cursor + "==", altchars=b"-_", validate=True))
    except (ValueError, binascii.Error):
        raise CursorUnusable from None


def cursor_to(last: UUID) -> str:
    """The cursor of the page that follows this id."""
    return base64.urlsafe_b64encode(last.bytes).decode().rstrip("=")


def page_of(found: Sequence[T], ids: Sequence[UUID], limit: int) -> Page[T]:
    """The first `limit` of what was found; one more was asked for, to know whether there is a next page."""
    return Page(
        items=list(found[:limit]), next_cursor=cursor_to(ids[limit - 1]) if len(ids) > limit else None
    )


def cut(ids: Sequence[UUID], cursor: str, limit: int) -> list[int]:
    """The places of one page, and one more, in a list that is ordered from the newest to the oldest."""
    last = after(cursor)
    order = sorted(range(len(ids)), key=lambda place: ids[place], reverse=True)
    return [place for place in order if last is None or ids[place] < last][: limit + 1]


def answer(request: Request, document: BaseModel, status: int = 200) -> Response:
    """The document as JSON; for reading, with an ETag, and 304 when the caller has it already (RFC 9110 §13.1.2)."""
    body = document.model_dump_json().encode()
    headers = {"Cache-Control": "no-store"}
    if request.method == "GET":
        tag = f'"{hashlib.sha256(body).hexdigest()[:32]}"'
        headers = {"Cache-Control": "private, no-cache", "ETag": tag}
        known = {
            each.strip().removeprefix("W/") for each in request.headers.get("if-none-match", "").split(",")
        }
        if tag in known or "*" in known:
            return Response(status_code=304, headers=headers)
    return Response(body, status, headers, media_type="application/json")


async def once(
    request: Request,
    tx: Tx,
    body: BaseModel | None,
    work: Callable[[], Awaitable[tuple[UUID, BaseModel | None]]],
    show: Callable[[UUID], Awaitable[BaseModel]],
    status: int = 201,
) -> Response:
    """Do this once for each Idempotency-Key of the caller, for 24 hours; without the header, each time.

    Only hashes, the status and the id of what came of it are kept: asked again, the answer is read afresh from there, so
    nothing personal lies about twice. What fails is undone and may be tried again under the same key. Requests at the same
    time wait for one another. Raises OnceKeyUnusable and OnceKeyReused.
    """
    key = request.headers.get("idempotency-key")
    if key is None:
        target, document = await work()
        return answer(request, document or await show(target), status)
    if not 0 < len(key) <= LONGEST_KEY:
        raise OnceKeyUnusable
    access: Access = request.state.access
    caller = access.actor.id or access.tenant_id
    said = f"{request.method} {request.url.path}\n{body.model_dump_json() if body else ''}"
    key_hash = tx.vault.keyed_hash("idempotency_key", key)
    request_hash = tx.vault.keyed_hash("idempotent_request", said)
    await repository.forget(tx, caller, key_hash, clock.now() - KEPT)
    is_new = await repository.claim(tx, caller, key_hash, request_hash, status)
    row = await repository.found(tx, caller, key_hash)
    if row is None or row.request_hash != request_hash:
        raise OnceKeyReused
    if is_new:
        target, document = await work()
        row.target_id = target
        return answer(request, document or await show(target), status)
    if row.target_id is None:
        raise OnceKeyReused
    reply = answer(request, await show(row.target_id), row.status)
    reply.headers["Idempotency-Replayed"] = "true"
    return reply
