"""Files: what a key uploads for a batch, and what a batch leaves. Sealed in parts, kept for 30 days, removed at any time."""

from collections.abc import AsyncGenerator, Sequence
from itertools import count
from uuid import UUID

from sqlalchemy import insert

from callmissed.foundation import audit, clock
from callmissed.foundation.database import Tx
from callmissed.foundation.ids import uuid7
from callmissed.foundation.services import Services
from callmissed.foundation.tenancy import Access
from callmissed.foundation.vault import SealedValue
from callmissed.gateway.batches import repository
from callmissed.gateway.batches.lines import PART_BYTES, cut
from callmissed.gateway.batches.models import RETENTION_CLASS, FilePart, StoredFile
from callmissed.gateway.batches.names import FILE, id_of
from callmissed.gateway.batches.problems import FileInUse, FileNotFound, FileTooLarge, TooManyFiles
from callmissed.gateway.problems import RequestInvalid

UPLOADED, LEFT = "batch", "batch_output"
"""Purposes, as OpenAI's clients name them."""
LARGEST = 20_000_000
MOST_FILES, MOST_BYTES = 100, 500_000_000
LONGEST_NAME = 200


class Writer:
    """Writes one file, line by line, within a transaction. Holds one part in memory."""

    def __init__(self, tx: Tx, key_id: UUID, purpose: str, name: str) -> None:
        self._tx = tx
        self._key_id = key_id
        self._purpose = purpose
        self._name = name
        self._file: StoredFile | None = None
        self._part = bytearray()
        self._parts = 0
        self._size = 0

    async def add(self, lines: bytes) -> None:
        """Whole lines."""
        self._part += lines
        if len(self._part) >= PART_BYTES:
            await self._flush()

    async def close(self) -> StoredFile | None:
        """The file; None where nothing was written."""
        if self._part:
            await self._flush()
        if self._file is not None:
            self._file.size = self._size
        return self._file

    async def _flush(self) -> None:
        tx = self._tx
        box = await tx.vault.person(self._key_id, RETENTION_CLASS)
        if self._file is None:
            file_id = uuid7()
            self._file = StoredFile(
                tenant_id=tx.tenant_id,
                id=file_id,
                key_id=self._key_id,
                purpose=self._purpose,
                size=0,
                name=box.seal(StoredFile.name, file_id, self._name),
                created_at=clock.now(),
            )
            tx.session.add(self._file)
            await tx.session.flush()
        part_id = uuid7()
        row = {
            "tenant_id": tx.tenant_id, "id": part_id, "file_id": self._file.id, "number": self._parts, "key_id": self._key_id,
            "content": box.seal(FilePart.content, part_id, bytes(self._part)), "created_at": self._file.created_at,
        }  # fmt: skip
        await tx.session.execute(insert(FilePart), row)  # not through the session, which would keep it
        self._size += len(self._part)
        self._parts += 1
        self._part.clear()


async def store(tx: Tx, key_id: UUID, name: str, content: bytes) -> StoredFile:
    """Keep an uploaded file. Raises RequestInvalid (empty), FileTooLarge, TooManyFiles."""
    if len(content) > LARGEST:
        raise FileTooLarge(param="file")
    await repository.one_at_a_time(tx)
    files, size = await repository.held(tx)
    if files >= MOST_FILES or size + len(content) > MOST_BYTES:
        raise TooManyFiles
    writer = Writer(tx, key_id, UPLOADED, "".join(each for each in name if each.isprintable())[:LONGEST_NAME])
    for part in cut(content):
        await writer.add(part)
    made = await writer.close()
    if made is None:
        raise RequestInvalid("The file is empty.", param="file")
    await audit.record(tx, "gateway:file:stored", target=made.id, body={"bytes": made.size})
    return made


async def room(tx: Tx, size: int) -> None:
    """Whether the workspace can keep so many bytes more of answers. Raises TooManyFiles."""
    _, held = await repository.held(tx)
    if held + size > MOST_BYTES:
        raise TooManyFiles


async def find(tx: Tx, file_id: UUID | None, *, lock: bool = False) -> StoredFile:
    """One file. Raises FileNotFound, for other tenants' ids too."""
    found = await repository.file(tx, file_id, lock=lock) if file_id else None
    if found is None:
        raise FileNotFound
    return found


async def find_called(tx: Tx, called: str) -> StoredFile:
    """The file that callers call that. Raises FileNotFound."""
    return await find(tx, id_of(FILE, called))


async def names(tx: Tx, found: Sequence[StoredFile]) -> list[str]:
    """What they are called; empty for one whose key is erased."""
    values = [SealedValue(StoredFile.name, each.id, each.key_id, each.name) for each in found]
    return [name or "" for name in await tx.vault.open_many(values)]


async def recent(
    tx: Tx, limit: int, after: UUID | None, purpose: str | None, *, newest_first: bool = True
) -> Sequence[StoredFile]:
    """Files, page by page."""
    return await repository.files(tx, limit, after, purpose, newest_first=newest_first)


async def remove(tx: Tx, file_id: UUID | None) -> StoredFile:
    """Remove a file. Raises FileNotFound and FileInUse."""
    found = await find(tx, file_id, lock=True)
    if await repository.is_read(tx, found.id):
        raise FileInUse
    await repository.remove_file(tx, found.id)
    await audit.record(tx, "gateway:file:removed", target=found.id, body={})
    return found


async def part(tx: Tx, file_id: UUID, number: int) -> bytes | None:
    """The content of one part; None after the last. Raises Erased when its key is gone."""
    row = await repository.part(tx, file_id, number)
    if row is None:
        return None
    return await tx.vault.open_bytes(FilePart.content, row.id, row.key_id, row.content)


async def parts(services: Services, access: Access, file_id: UUID) -> AsyncGenerator[bytes]:
    """The content of a file, part by part, each in a transaction of its own: its reader may be slow."""
    for number in count():
        async with services.db.tenant(access) as tx:
            content = await part(tx, file_id, number)
        if content is None:
            return
        yield content
