"""Files and batches under /v1, as OpenAI's clients use them. For servers: what is in files is shown to no website."""

from collections.abc import Awaitable, Callable, Sequence
from typing import Any, Literal
from urllib.parse import parse_qs

import msgspec
from starlette.types import Scope, Send

from callmissed.foundation.database import Tx
from callmissed.foundation.problems import NotFound
from callmissed.foundation.services import Services
from callmissed.gateway.batches import Batch, StoredFile, files, service, wire
from callmissed.gateway.batches.names import BATCH, FILE, file_name, id_of
from callmissed.gateway.forms import read_form
from callmissed.gateway.problems import FilesForServers, RequestInvalid
from callmissed.gateway.requests import readable
from callmissed.gateway.surface_browsers import header
from callmissed.gateway.surface_stream import send_whole
from callmissed.identity import KeyAccess

FILES, BATCHES = "/v1/files", "/v1/batches"
MOST_FILES_LISTED, MOST_BATCHES_LISTED = 10_000, 100
USUAL_FILES_LISTED, USUAL_BATCHES_LISTED = 100, 20

Told = dict[str, Any]
Tell = Callable[[Tx, str], Awaitable[Told]]


class Page(msgspec.Struct):
    """What a list is asked for in the address."""

    limit: int | None = None
    after: str | None = None
    order: Literal["asc", "desc"] = "desc"
    purpose: Literal["batch", "batch_output"] | None = None


def is_file_path(path: str) -> bool:
    """Whether an address is one of these."""
    return path.startswith((FILES, BATCHES))


class FileDesk:
    """Answers for one key at a time: files and batches of its workspace."""

    def __init__(self, services: Services) -> None:
        self._services = services

    async def answer(self, key: KeyAccess, scope: Scope, body: bytes, send: Send) -> None:
        """Answer one request. Raises NotFound and the Problems of files and batches, before anything was sent."""
        if key.by_token or header(scope, b"origin") is not None:
            raise FilesForServers
        room, named, verb = _parts(scope["path"])
        if (scope["method"], room, verb) == ("GET", FILES, "content"):
            await self._content(key, named, send)
            return
        async with self._services.db.tenant(key.access) as tx:
            told = await self._tell(tx, key, scope, (room, named, verb), body)
        await send_whole(send, told)

    async def _tell(
        self, tx: Tx, key: KeyAccess, scope: Scope, place: tuple[str, str, str], body: bytes
    ) -> Told:
        room, named, verb = place
        match scope["method"], room, bool(named), verb:
            case "POST", "/v1/files", False, "":
                return await _upload(tx, key, header(scope, b"content-type") or b"", body)
            case "GET", "/v1/files", False, "":
                return await _list_files(tx, _page(scope))
            case "GET", "/v1/files", True, "":
                return await _file(tx, await files.find_called(tx, named))
            case "DELETE", "/v1/files", True, "":
                gone = await files.remove(tx, id_of(FILE, named))
                return {"id": file_name(gone.id), "object": "file", "deleted": True}
            case "POST", "/v1/batches", False, "":
                wish = service.read_wish(body)
                file_id = id_of(FILE, wish.input_file_id)
                return await _batch(
                    tx, await service.create(tx, key.key_id, wish, file_id, header(scope, b"idempotency-key"))
                )
            case "GET", "/v1/batches", False, "":
                return await _list_batches(tx, _page(scope))
            case "GET", "/v1/batches", True, "":
                return await _batch(tx, await service.find(tx, id_of(BATCH, named)))
            case "POST", "/v1/batches", True, "cancel":
                return await _batch(tx, await service.cancel(tx, id_of(BATCH, named)))
            case _:
                raise NotFound

    async def _content(self, key: KeyAccess, named: str, send: Send) -> None:
        """A file as it is, part by part."""
        async with self._services.db.tenant(key.access) as tx:
            found = await files.find_called(tx, named)
        headers = [
            (b"content-type", b"application/octet-stream"),
            (b"cache-control", b"no-store"),
            (b"content-length", str(found.size).encode()),
        ]
        begun = False
        async for part in files.parts(self._services, key.access, found.id):
            if not begun:  # not before its first part could be opened
                await send({"type": "http.response.start", "status": 200, "headers": headers})
                begun = True
            await send({"type": "http.response.body", "body": part, "more_body": True})
        if not begun:
            raise NotFound
        await send({"type": "http.response.body", "body": b"", "more_body": False})


def _parts(path: str) -> tuple[str, str, str]:
    """Room, id and verb of an address. Raises NotFound."""
    pieces = path.split("/")[1:]
    if not 2 <= len(pieces) <= 4:
        raise NotFound
    root, room, named, verb = [*pieces, "", ""][:4]
    return f"/{root}/{room}", named, verb


def _page(scope: Scope) -> Page:
    query = parse_qs(scope["query_string"].decode("latin-1"))
    with readable():
        return msgspec.convert({name: values[-1] for name, values in query.items()}, Page, strict=False)


def _limit(page: Page, usual: int, most: int) -> int:
    limit = usual if page.limit is None else page.limit
    if not 1 <= limit <= most:
        raise RequestInvalid(f"limit is a number from 1 to {most}.", param="limit")
    return limit


async def _upload(tx: Tx, key: KeyAccess, content_type: bytes, body: bytes) -> Told:
    form = read_form(content_type.decode("latin-1"), body)
    if form.one("purpose") != files.UPLOADED:
        raise RequestInvalid("The purpose of a file must be `batch`.", param="purpose")
    if form.one("expires_after[anchor]") is not None:
        raise RequestInvalid(
            "Files are kept for 30 days; expires_after is not supported.", param="expires_after"
        )
    sent = form.file("file")
    return await _file(tx, await files.store(tx, key.key_id, sent.name, sent.content))


async def _file(tx: Tx, found: StoredFile) -> Told:
    [name] = await files.names(tx, [found])
    return wire.file(found, name)


async def _list_files(tx: Tx, page: Page) -> Told:
    limit = _limit(page, USUAL_FILES_LISTED, MOST_FILES_LISTED)
    after = (await files.find_called(tx, page.after)).id if page.after else None
    newest = page.order == "desc"
    found = await files.recent(tx, limit + 1, after, page.purpose, newest_first=newest)
    shown: Sequence[StoredFile] = found[:limit]
    told = [wire.file(each, name) for each, name in zip(shown, await files.names(tx, shown), strict=True)]
    return wire.page(told, more=len(found) > limit)


async def _batch(tx: Tx, found: Batch) -> Told:
    return wire.batch(found, await service.labels(tx, found))


async def _list_batches(tx: Tx, page: Page) -> Told:
    limit = _limit(page, USUAL_BATCHES_LISTED, MOST_BATCHES_LISTED)
    after = (await service.find(tx, id_of(BATCH, page.after))).id if page.after else None
    found = await service.recent(tx, limit + 1, after)
    return wire.page([await _batch(tx, each) for each in found[:limit]], more=len(found) > limit)
