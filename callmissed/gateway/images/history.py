"""Pictures that are kept: sealed, for 30 days, for keys that are switched to it and for the playground. Off unless it is.

Each is sealed under a key of its own. Erasing one removes its row at once, and a job destroys its key; the same job does both when its
days are over. To look at one there are links that work for minutes and need nothing else: whoever has one sees that picture.
"""

import base64
import binascii
import hmac
import struct
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Final
from uuid import UUID

from callmissed.foundation import audit, clock, holds, jobs
from callmissed.foundation.database import Tx
from callmissed.foundation.ids import uuid7
from callmissed.foundation.services import Services
from callmissed.foundation.tenancy import Access
from callmissed.foundation.vault import SealedValue, Vault
from callmissed.gateway.images import repository
from callmissed.gateway.images.models import KEPT_DAYS, KeptPicture
from callmissed.gateway.images.pictures import Picture
from callmissed.gateway.limits import Limiter
from callmissed.gateway.problems import PictureNotFound, RateLimited, TooManyPictures

RETENTION_CLASS: Final = "picture"
FORGET: Final = "gateway.forget_picture"
MOST_BYTES: Final = 500_000_000
"""Bytes that a workspace can have kept. Requests of one moment may go past it by what they make."""
LINK_LASTS: Final = timedelta(minutes=10)
LOOKS_PER_MINUTE: Final = 120
MAC: Final = "picture_link"
PREFIX: Final = "img_"
_link = struct.Struct(">16s16sQ")


@dataclass(frozen=True, slots=True)
class Kept:
    """A picture as it is listed. `prompt` is empty for one whose key is gone."""

    id: UUID
    usage_id: UUID
    model: str
    content_type: str
    size: int
    prompt: str
    created_at: datetime

    @property
    def name(self) -> str:
        """What callers call it."""
        return picture_name(self.id)

    @property
    def ends_at(self) -> datetime:
        """When its days are over."""
        return self.created_at + timedelta(days=KEPT_DAYS)


async def room(tx: Tx) -> None:
    """Whether the workspace can keep more. Raises TooManyPictures."""
    if await repository.held_bytes(tx) >= MOST_BYTES:
        raise TooManyPictures


async def keep(
    tx: Tx, key_id: UUID | None, usage_id: UUID, model: str, prompt: str, pictures: Sequence[Picture]
) -> list[UUID]:
    """Keep pictures of one request of a key, or of the playground (None). Returns their ids."""
    made: list[UUID] = []
    for each in pictures:
        row_id, now = uuid7(), clock.now()
        box = await tx.vault.person(row_id, RETENTION_CLASS)
        row = KeptPicture(
            tenant_id=tx.tenant_id, id=row_id, key_id=key_id, usage_id=usage_id, model=model, content_type=each.content_type, created_at=now,
            size=len(each.content), prompt=box.seal(KeptPicture.prompt, row_id, prompt),
            content=box.seal(KeptPicture.content, row_id, each.content),
        )  # fmt: skip
        tx.session.add(row)
        await _forget(tx, row_id, now + timedelta(days=KEPT_DAYS))
        made.append(row_id)
    await tx.session.flush()
    return made


async def recent(tx: Tx, limit: int, before: UUID | None = None, *, tried: bool = False) -> list[Kept]:
    """Pictures, the newest first; `before` is the last one of the page before. `tried`: only those of the playground."""
    rows = await repository.recent(tx, limit, before, tried=tried)
    prompts = await tx.vault.open_many(
        SealedValue(KeptPicture.prompt, row.id, row.id, row.prompt) for row in rows
    )
    return [_kept(row, prompt or "") for row, prompt in zip(rows, prompts, strict=True)]


async def find(tx: Tx, picture_id: UUID | None, *, tried: bool = False) -> Kept:
    """One of them. Raises PictureNotFound, for other tenants' ids too."""
    row = await repository.picture(tx, picture_id, tried=tried) if picture_id else None
    if row is None:
        raise PictureNotFound
    [prompt] = await tx.vault.open_many([SealedValue(KeptPicture.prompt, row.id, row.id, row.prompt)])
    return _kept(row, prompt or "")


async def erase(tx: Tx, picture_id: UUID | None) -> None:
    """Erase one: its row now, its key by a job of this transaction. Raises PictureNotFound."""
    if picture_id is None or not await repository.remove(tx, picture_id):
        raise PictureNotFound
    await _forget(tx, picture_id)
    await audit.record(tx, "gateway:picture:erased", target=picture_id, body={})


async def forget(services: Services, tenant_id: UUID, picture_id: UUID) -> None:
    """What the job does: nothing is left that could open it, in whatever copy; under a legal hold, on a later day. May be repeated."""
    async with services.db.tenant(Access.system(tenant_id)) as tx:
        if any(each.covers([tenant_id], [picture_id]) for each in await holds.in_force(tx)):
            await _forget(tx, picture_id, clock.now() + timedelta(days=1))
            return
        await repository.remove(tx, picture_id)
    await services.vault.erase_person(tenant_id, picture_id, (RETENTION_CLASS,))


async def _forget(tx: Tx, picture_id: UUID, at: datetime | None = None) -> None:
    await jobs.defer(tx, FORGET, at=at, tenant_id=str(tx.tenant_id), picture_id=str(picture_id))


def _kept(row: KeptPicture, prompt: str) -> Kept:
    return Kept(row.id, row.usage_id, row.model, row.content_type, row.size, prompt, row.created_at)


# Links


def signed(
    vault: Vault, tenant_id: UUID, picture_id: UUID, lasts: timedelta = LINK_LASTS
) -> tuple[str, datetime]:
    """What stands behind `?signed=` in a link to a picture, and until when it works."""
    ends = int((clock.now() + lasts).timestamp())
    body = _text(_link.pack(tenant_id.bytes, picture_id.bytes, ends))
    return f"{body}.{_text(vault.keyed_hash(MAC, body))}", datetime.fromtimestamp(ends, UTC)


async def linked(services: Services, picture_id: UUID | None, said: str) -> Picture:
    """The picture that a link is for. Raises PictureNotFound for a link that is over, or none of ours, and for a picture that is gone;
    RateLimited for one that is looked at all the time, because a link needs no key.
    """
    tenant_id = _tenant_of(services.vault, picture_id, said)
    if tenant_id is None or picture_id is None:
        raise PictureNotFound
    pace = await services.get(Limiter).request(picture_id, LOOKS_PER_MINUTE)
    if pace.wait:
        raise RateLimited(retry_after=pace.wait)
    async with services.db.tenant(Access(tenant_id, Access.system(tenant_id).actor, frozenset())) as tx:
        return await opened(tx, picture_id)


async def opened(tx: Tx, picture_id: UUID | None, *, tried: bool = False) -> Picture:
    """A picture itself. Raises PictureNotFound, and Erased where its key is gone."""
    row = await repository.picture(tx, picture_id, content=True, tried=tried) if picture_id else None
    if row is None:
        raise PictureNotFound
    return Picture(
        await tx.vault.open_bytes(KeptPicture.content, row.id, row.id, row.content), row.content_type
    )


def _tenant_of(vault: Vault, picture_id: UUID | None, said: str) -> UUID | None:
    body, _, mac = said.partition(".")
    if not hmac.compare_digest(_text(vault.keyed_hash(MAC, body)).encode(), mac.encode()):
        return None
    try:
        tenant, picture, ends = _link.unpack(base64.urlsafe_b64decode(body + "=" * (-len(body) % 4)))
    except (struct.error, binascii.Error):
        return None
    alive = picture_id == UUID(bytes=picture) and ends > clock.now().timestamp()
    return UUID(bytes=tenant) if alive else None


def _text(raw: bytes) -> str:
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode()


def picture_name(picture_id: UUID) -> str:
    """What callers call a picture."""
    return f"{PREFIX}{picture_id.hex}"


def id_of(named: str) -> UUID | None:
    """The id of a picture that callers call that; None where it cannot be one."""
    try:
        return UUID(hex=named.removeprefix(PREFIX)) if named.startswith(PREFIX) else None
    except ValueError:
        return None
