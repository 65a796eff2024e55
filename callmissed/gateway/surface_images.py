"""Pictures on the wire (/v1/images): words come in, pictures go out; and those that are kept are listed, shown by links, and erased."""

from typing import Any
from urllib.parse import parse_qs
from uuid import UUID

import msgspec
from starlette.types import Scope, Send

from callmissed.foundation.problems import NotFound
from callmissed.foundation.services import Services
from callmissed.gateway.headers import cost
from callmissed.gateway.images import Drawn, document, history
from callmissed.gateway.images.history import Kept
from callmissed.gateway.problems import PictureNotFound, PicturesForServers, RequestInvalid
from callmissed.gateway.requests import readable
from callmissed.gateway.surface_browsers import header
from callmissed.gateway.surface_stream import JSON, NO_STORE, send_whole
from callmissed.identity import KeyAccess

GENERATIONS = "/v1/images/generations"
HISTORY, PICTURES = "/v1/images/history", "/v1/images/"
CONTENT = "/content"
USUAL_LISTED, MOST_LISTED = 20, 100

Told = dict[str, Any]


class Page(msgspec.Struct):
    """What the history is asked for in the address."""

    limit: int = USUAL_LISTED
    before: str | None = None


def is_picture_path(path: str) -> bool:
    """Whether an address is one of these."""
    return path.startswith(PICTURES)


def is_picture_link(path: str) -> bool:
    """Whether an address shows a picture to whoever has the link."""
    return path.endswith(CONTENT) and path.startswith(PICTURES)


async def send_pictures(send: Send, done: Drawn) -> None:
    """The pictures, which are paid."""
    await send_whole(send, document(done), [JSON, cost(done.price_micro), *done.provenance.headers])


async def show_linked(services: Services, scope: Scope, send: Send) -> None:
    """A picture for whoever has a link that still works. Raises PictureNotFound."""
    named = scope["path"].removeprefix(PICTURES).removesuffix(CONTENT)
    [said] = parse_qs(scope["query_string"].decode("latin-1")).get("signed", [""])[:1]
    found = await history.linked(services, history.id_of(named), said)
    kind = found.content_type.encode()
    shown = b'inline; filename="%b.%b"' % (named.encode(), kind.rpartition(b"/")[2])
    length = str(len(found.content)).encode()
    headers = [
        (b"content-type", kind),
        (b"content-disposition", shown),
        (b"content-length", length),
        NO_STORE,
    ]
    await send({"type": "http.response.start", "status": 200, "headers": headers})
    await send({"type": "http.response.body", "body": found.content, "more_body": False})


class PictureDesk:
    """Answers for one key at a time: pictures of its workspace that are kept."""

    def __init__(self, services: Services) -> None:
        self._services = services

    async def answer(self, key: KeyAccess, scope: Scope, send: Send) -> None:
        """Answer one request. Raises NotFound, PictureNotFound, PicturesForServers, RequestInvalid."""
        if key.by_token or header(scope, b"origin") is not None:
            raise PicturesForServers
        method, path = scope["method"], scope["path"]
        async with self._services.db.tenant(key.access) as tx:
            if (method, path) == ("GET", HISTORY):
                page = _page(scope)
                found = await history.recent(tx, page.limit + 1, _before(page))
                shown = [self._told(key, each) for each in found[: page.limit]]
                told: Told = {"object": "list", "data": shown, "has_more": len(found) > page.limit}
            elif method == "GET":
                told = self._told(key, await history.find(tx, _named(path)))
            elif method == "DELETE":
                await history.erase(tx, _named(path))
                told = {"id": path.removeprefix(PICTURES), "object": "image", "deleted": True}
            else:
                raise NotFound
        await send_whole(send, told)

    def _told(self, key: KeyAccess, kept: Kept) -> Told:
        said, ends = history.signed(self._services.vault, key.tenant_id, kept.id)
        return {
            "id": kept.name,
            "object": "image",
            "created": int(kept.created_at.timestamp()),
            "expires_at": int(kept.ends_at.timestamp()),
            "model": kept.model,
            "prompt": kept.prompt,
            "content_type": kept.content_type,
            "bytes": kept.size,
            "usage_id": str(kept.usage_id),
            "url": f"{self._services.base_url}{PICTURES}{kept.name}{CONTENT}?signed={said}",
            "url_expires_at": int(ends.timestamp()),
        }


def _named(path: str) -> UUID | None:
    return history.id_of(path.removeprefix(PICTURES))


def _page(scope: Scope) -> Page:
    query = parse_qs(scope["query_string"].decode("latin-1"))
    with readable():
        page = msgspec.convert({name: values[-1] for name, values in query.items()}, Page, strict=False)
    if not 1 <= page.limit <= MOST_LISTED:
        raise RequestInvalid(f"limit is a number from 1 to {MOST_LISTED}.", param="limit")
    return page


def _before(page: Page) -> UUID | None:
    """The cursor. Raises PictureNotFound for what is none."""
    found = history.id_of(page.before) if page.before is not None else None
    if page.before is not None and found is None:
        raise PictureNotFound(param="before")
    return found
