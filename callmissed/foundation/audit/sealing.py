"""Sealing: leaves get their place in the tree, and the tree is signed.

Leaves are written without order, so that business transactions never wait for each other. The sealer gives places to
those that have committed, in one transaction at a time, and signs what the tree then is.
"""

import base64
from dataclasses import dataclass
from datetime import timedelta
from uuid import UUID

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from sqlalchemy import delete, func, insert, select
from sqlalchemy.ext.asyncio import AsyncSession

from callmissed.foundation import clock
from callmissed.foundation.audit.log import record, written
from callmissed.foundation.audit.models import AuditCheckpoint, AuditPending, AuditPosition
from callmissed.foundation.audit.verify import Checkpoint, Frontier, PublicKey, entry_hash
from callmissed.foundation.database import Database, Tx
from callmissed.foundation.ids import PLATFORM
from callmissed.foundation.tenancy import Access
from callmissed.foundation.vault import Vault

ORIGIN = "callmissed/audit"
"""The name the log signs with (C2SP tlog-checkpoint: the first line of every checkpoint)."""

HEARTBEAT = timedelta(minutes=5)
"""After so long without a checkpoint the sealer writes a leaf of its own: silence then means it does not run."""

BATCH = 5_000
ONE_SEALER = 1_160_962_962
"""Number of the advisory lock that lets one process seal at a time."""


@dataclass(frozen=True, slots=True)
class LogState:
    """How the log stands: its size, how long ago it was signed, and how many leaves wait since when."""

    size: int
    since_checkpoint: timedelta | None
    pending: int
    oldest_pending: timedelta | None


def verifier_key(vault: Vault) -> PublicKey:
    """The public key of this installation's log: publish it where the operator's database administrators cannot reach."""
    return public_key(ORIGIN, vault.keyring.secret("audit"))


async def seal_batch(db: Database, *, most: int = BATCH) -> Checkpoint | None:
    """Give places to up to `most` waiting leaves and sign the tree. None when nothing waits or another process seals."""
    async with db.tenant(Access.system(PLATFORM)) as tx:
        if not await tx.session.scalar(select(func.pg_try_advisory_xact_lock(ONE_SEALER))):
            return None
        last = await tx.session.scalar(select(AuditCheckpoint).order_by(AuditCheckpoint.size.desc()).limit(1))
        if last is None or clock.now() - last.at >= HEARTBEAT:
            await record(tx, "foundation:audit:heartbeat")
        positions = await _place(tx.session, last.size if last else 0, most)
        if not positions:
            return None
        frontier = Frontier(last.size, _cut(last.frontier)) if last else Frontier()
        for each in positions:
            frontier.append(entry_hash(each.leaf_tenant, each.sequence, each.digest))
        return await _sign(tx.session, frontier, db.vault.keyring.secret("audit"))


async def seal_all(db: Database) -> int:
    """Seal until nothing waits; returns the size of the log. For exports and orderly ends."""
    while await seal_batch(db):
        pass
    async with db.control() as tx:
        return (await state(tx)).size


async def _place(session: AsyncSession, size: int, most: int) -> list[AuditPosition]:
    """Take the oldest waiting leaves and write their positions, in order of their ids."""
    chosen = select(AuditPending.leaf_id).order_by(AuditPending.leaf_id).limit(most)
    taken = await session.execute(
        delete(AuditPending)
        .where(AuditPending.leaf_id.in_(chosen))
        .returning(AuditPending.leaf_id, AuditPending.leaf_tenant, AuditPending.digest)
    )
    waiting = sorted(taken.all(), key=lambda row: row.leaf_id.bytes)
    numbers = await _last_numbers(session, {row.leaf_tenant for row in waiting})
    positions: list[AuditPosition] = []
    for position, row in enumerate(waiting, size):
        numbers[row.leaf_tenant] = sequence = numbers.get(row.leaf_tenant, 0) + 1
        positions.append(
            AuditPosition(
                position=position,
                leaf_tenant=row.leaf_tenant,
                sequence=sequence,
                leaf_id=row.leaf_id,
                digest=row.digest,
            )
        )
    session.add_all(positions)
    await session.flush()
    return positions


async def _last_numbers(session: AsyncSession, tenants: set[UUID]) -> dict[UUID, int]:
    query = (
        select(AuditPosition.leaf_tenant, func.max(AuditPosition.sequence))
        .where(AuditPosition.leaf_tenant.in_(tenants))
        .group_by(AuditPosition.leaf_tenant)
    )
    return {row[0]: row[1] for row in (await session.execute(query)).all()}


def public_key(name: str, seed: bytes) -> PublicKey:
    """The verifier key that belongs to a private key, a 32-byte Ed25519 seed."""
    return PublicKey(name, Ed25519PrivateKey.from_private_bytes(seed).public_key().public_bytes_raw())


def sign(checkpoint: Checkpoint, seed: bytes) -> str:
    """A checkpoint as a signed note (C2SP signed-note)."""
    text = checkpoint.text()
    signature = Ed25519PrivateKey.from_private_bytes(seed).sign(text.encode())
    encoded = base64.b64encode(public_key(checkpoint.origin, seed).id + signature).decode()
    return f"{text}\n\N{EM DASH} {checkpoint.origin} {encoded}\n"


async def _sign(session: AsyncSession, frontier: Frontier, seed: bytes) -> Checkpoint:
    at = clock.now()
    checkpoint = Checkpoint(ORIGIN, frontier.size, frontier.root(), written(at))
    values = {
        "size": checkpoint.size,
        "at": at,
        "root": checkpoint.root,
        "frontier": b"".join(frontier.peaks),
        "key_id": public_key(ORIGIN, seed).id,
        "note": sign(checkpoint, seed),
    }
    await session.execute(insert(AuditCheckpoint).values(values))
    return checkpoint


def _cut(frontier: bytes) -> list[bytes]:
    return [frontier[start : start + 32] for start in range(0, len(frontier), 32)]


async def state(tx: Tx) -> LogState:
    """How the log stands now; reads tables of the whole installation only, so any transaction will do."""
    last = (
        await tx.session.execute(
            select(AuditCheckpoint.size, AuditCheckpoint.at).order_by(AuditCheckpoint.size.desc()).limit(1)
        )
    ).first()
    waiting = (
        await tx.session.execute(select(func.count(), func.min(AuditPending.at)).select_from(AuditPending))
    ).one()
    now = clock.now()
    return LogState(
        size=last.size if last else 0,
        since_checkpoint=now - last.at if last else None,
        pending=waiting[0],
        oldest_pending=now - waiting[1] if waiting[1] else None,
    )
