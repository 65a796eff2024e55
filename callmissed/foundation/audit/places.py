"""Where single leaves stand in the tree, and the parts from which anybody verifies one by themselves."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import Select, select

from callmissed.foundation.audit.log import as_record
from callmissed.foundation.audit.models import AuditCheckpoint, AuditLeaf, AuditPosition
from callmissed.foundation.audit.sealing import verifier_key
from callmissed.foundation.audit.tree import Tree
from callmissed.foundation.audit.verify import entry_hash
from callmissed.foundation.database import Database, Tx
from callmissed.foundation.tenancy import Access


@dataclass(frozen=True, slots=True)
class LeafPlace:
    """A leaf's place in the tree, and the first signed checkpoint over it: its size and when it was signed."""

    position: int
    checkpoint: int
    signed_at: datetime


def _checkpoint_over(position: Any) -> Select[Any]:
    """The first checkpoint whose tree holds this position."""
    query = select(AuditCheckpoint.size).where(AuditCheckpoint.size > position)
    return query.order_by(AuditCheckpoint.size).limit(1)


async def places_of(tx: Tx, leaf_ids: Iterable[UUID]) -> dict[UUID, LeafPlace]:
    """The place of each of these leaves; one that is not sealed yet has none."""
    first = _checkpoint_over(AuditPosition.position).correlate(AuditPosition).scalar_subquery()
    query = (
        select(AuditPosition.leaf_id, AuditPosition.position, AuditCheckpoint.size, AuditCheckpoint.at)
        .join(AuditCheckpoint, AuditCheckpoint.size == first)
        .where(AuditPosition.leaf_id.in_(list(leaf_ids)))
    )
    found = await tx.session.execute(query)
    return {leaf: LeafPlace(position, size, at) for leaf, position, size, at in found}


async def proof_of(db: Database, tenant_id: UUID, leaf_id: UUID) -> dict[str, Any] | None:
    """The parts that verify one leaf of a tenant; None while it is not sealed.

    `record` (what was hashed), `tenant`, `sequence`, `position`, `proof` (hex hashes, leaf upwards), `note` (the first
    signed checkpoint over it) and `public_key`. Always the same for a leaf, so it may be kept. Reads the hashes of all
    leaves before that checkpoint: about a second per million.
    """
    async with db.tenant(Access.system(tenant_id, purpose="audit")) as tx:
        place = await tx.session.scalar(
            select(AuditPosition).where(
                AuditPosition.leaf_tenant == tenant_id, AuditPosition.leaf_id == leaf_id
            )
        )
        leaf = await tx.session.get(AuditLeaf, (tenant_id, leaf_id))
        if place is None or leaf is None:
            return None
        first = _checkpoint_over(place.position).scalar_subquery()
        signed = await tx.session.scalar(select(AuditCheckpoint).where(AuditCheckpoint.size == first))
        if signed is None:
            return None
        hashes = select(AuditPosition.leaf_tenant, AuditPosition.sequence, AuditPosition.digest)
        rows = await tx.session.execute(
            hashes.where(AuditPosition.position < signed.size).order_by(AuditPosition.position)
        )
        tree = Tree([entry_hash(*row) for row in rows])
        names = AuditLeaf.__table__.columns.keys()
        return {
            "record": as_record({name: getattr(leaf, name) for name in names}),
            "tenant": str(tenant_id),
            "sequence": place.sequence,
            "position": place.position,
            "proof": [step.hex() for step in tree.inclusion(place.position)],
            "note": signed.note,
            "public_key": str(verifier_key(db.vault)),
        }
