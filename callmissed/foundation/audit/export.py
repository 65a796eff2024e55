"""Exporting the log as JSON lines, for `verify.py`: one tenant's leaves with proofs, or the whole log."""

import json
from collections.abc import AsyncGenerator
from typing import Any

from sqlalchemy import Row, Select, select

from callmissed.foundation.audit.log import as_record
from callmissed.foundation.audit.models import AuditCheckpoint, AuditLeaf, AuditPosition
from callmissed.foundation.audit.sealing import verifier_key
from callmissed.foundation.audit.tree import Tree
from callmissed.foundation.audit.verify import Reading, Report, entry_hash
from callmissed.foundation.database import Database, Tx
from callmissed.foundation.ids import PLATFORM
from callmissed.foundation.problems import Conflict
from callmissed.foundation.tenancy import Access
from callmissed.foundation.vault import Vault

PORTION = 2_000


class NothingSealed(Conflict):
    """Nothing has been sealed in the audit log yet. Try again in a minute."""

    code = "nothing_sealed"


async def export_tenant(tx: Tx, *, since: int | None = None) -> AsyncGenerator[str]:
    """This tenant's sealed leaves with proofs of inclusion in the newest checkpoint, as lines of JSON.

    `since` is the size of a checkpoint the reader kept: a proof is added that the log still begins with it. Reads all
    entry hashes of the installation once: about a second per million. Raises NothingSealed.
    """
    newest = await tx.session.scalar(select(AuditCheckpoint).order_by(AuditCheckpoint.size.desc()).limit(1))
    if newest is None:
        raise NothingSealed
    yield _line(kind="log", format=1, tenant=str(tx.tenant_id), public_key=str(verifier_key(tx.vault.vault)))
    yield _line(kind="checkpoint", note=newest.note)
    tree = Tree(await _hashes(tx, newest.size))
    if since is not None and 0 < since <= newest.size:
        proof = [step.hex() for step in tree.consistency(since)]
        yield _line(**{"kind": "consistency", "from": since, "to": newest.size, "proof": proof})
    number = 0
    query = _leaves().where(AuditPosition.leaf_tenant == tx.tenant_id, AuditPosition.position < newest.size)
    while rows := (await tx.session.execute(_after(query, AuditPosition.sequence, number))).all():
        for row in rows:
            proof = [step.hex() for step in tree.inclusion(row.AuditPosition.position)]
            yield _leaf_line(row, proof=proof)
        number = rows[-1].AuditPosition.sequence
    yield _line(kind="end", leaves=number)


async def export_all(verifier: Database, vault: Vault) -> AsyncGenerator[str]:
    """The whole log of the installation with every checkpoint, as lines of JSON. `verifier` reads across tenants."""
    yield _line(kind="log", format=1, tenant=None, public_key=str(verifier_key(vault)))
    leaves = 0
    async with verifier.tenant(Access.system(PLATFORM, purpose="audit")) as tx:
        query = select(AuditCheckpoint.size, AuditCheckpoint.note).order_by(AuditCheckpoint.size)
        for size, note in (await tx.session.execute(query)).all():
            while rows := await _between(tx, leaves, size):
                for row in rows:
                    yield _leaf_line(row)
                leaves = rows[-1].AuditPosition.position + 1
            yield _line(kind="checkpoint", note=note)
    yield _line(kind="end", leaves=leaves)


async def verify_log(verifier: Database, vault: Vault, earlier: str | None = None) -> Report:
    """Verify the whole live log, every record and checkpoint of it, as `verify.py` does with an export."""
    reading = Reading(verifier_key(vault), earlier)
    async for line in export_all(verifier, vault):
        reading.take(line)
    return reading.close()


def _leaves() -> Select[AuditPosition, AuditLeaf]:
    """Every position with its leaf; without one where the leaf has gone."""
    return select(AuditPosition, AuditLeaf).outerjoin(
        AuditLeaf,
        (AuditLeaf.tenant_id == AuditPosition.leaf_tenant) & (AuditLeaf.id == AuditPosition.leaf_id),
    )


def _after(
    query: Select[AuditPosition, AuditLeaf], number: Any, after: int
) -> Select[AuditPosition, AuditLeaf]:
    return query.where(number > after).order_by(number).limit(PORTION)


async def _between(tx: Tx, first: int, end: int) -> list[Row[AuditPosition, AuditLeaf]]:
    query = _leaves().where(AuditPosition.position < end)
    return list((await tx.session.execute(_after(query, AuditPosition.position, first - 1))).all())


async def _hashes(tx: Tx, size: int) -> list[bytes]:
    query = (
        select(AuditPosition.leaf_tenant, AuditPosition.sequence, AuditPosition.digest)
        .where(AuditPosition.position < size)
        .order_by(AuditPosition.position)
    )
    return [entry_hash(*row) for row in await tx.session.execute(query)]


def _leaf_line(row: Row[AuditPosition, AuditLeaf], **more: object) -> str:
    place: AuditPosition = row.AuditPosition
    leaf: AuditLeaf | None = row.AuditLeaf
    return _line(
        kind="leaf",
        position=place.position,
        tenant=str(place.leaf_tenant),
        sequence=place.sequence,
        digest=place.digest.hex(),
        record=as_record({name: getattr(leaf, name) for name in _COLUMNS}) if leaf else None,
        **more,
    )


_COLUMNS = AuditLeaf.__table__.columns.keys()


def _line(**fields: object) -> str:
    return json.dumps(fields, ensure_ascii=False, separators=(",", ":"))
