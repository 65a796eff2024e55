"""SQL of the operator's staff and of their access. Queries on tenant tables name the tenant."""

from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

from sqlalchemy import and_, func, or_, select

from callmissed.foundation.audit import AuditLeaf
from callmissed.foundation.database import Tx
from callmissed.identity.models import Membership, Session, Tenant
from callmissed.identity.models.staff import StaffAccess, StaffMember, StaffUndertaking


async def member(tx: Tx, user_id: UUID, *, for_update: bool = False) -> StaffMember | None:
    """This person as one of the staff, removed ones too."""
    query = select(StaffMember).where(StaffMember.user_id == user_id)
    return await tx.session.scalar(query.with_for_update() if for_update else query)


async def members(tx: Tx) -> Sequence[StaffMember]:
    """Everybody who is or was on the staff, oldest first."""
    return (await tx.session.scalars(select(StaffMember).order_by(StaffMember.id))).all()


async def undertakings(tx: Tx, user_id: UUID | None = None) -> Sequence[StaffUndertaking]:
    """Signatures, oldest first: of one person, or of everybody."""
    query = select(StaffUndertaking).order_by(StaffUndertaking.id)
    if user_id is not None:
        query = query.where(StaffUndertaking.user_id == user_id)
    return (await tx.session.scalars(query)).all()


async def session(tx: Tx, session_id: UUID) -> Session | None:
    """One session."""
    return await tx.session.get(Session, session_id)


async def tenants(tx: Tx) -> Sequence[Tenant]:
    """Every workspace of the installation, newest first."""
    return (await tx.session.scalars(select(Tenant).order_by(Tenant.id.desc()))).all()


async def people(tx: Tx, roles: Sequence[str]) -> Sequence[UUID]:
    """Who works in this tenant in one of these roles."""
    query = select(Membership.user_id).where(Membership.tenant_id == tx.tenant_id, Membership.role.in_(roles))
    return (await tx.session.scalars(query.order_by(Membership.id))).all()


async def access(tx: Tx, access_id: UUID, *, for_update: bool = False) -> StaffAccess | None:
    """One request of this tenant, as it is now."""
    query = select(StaffAccess).where(StaffAccess.tenant_id == tx.tenant_id, StaffAccess.id == access_id)
    if for_update:
        query = query.with_for_update().execution_options(populate_existing=True)
    return await tx.session.scalar(query)


async def accesses(tx: Tx, limit: int, now: datetime) -> Sequence[StaffAccess]:
    """The tenant's newest requests, and whatever is open, newest first."""
    mine = StaffAccess.tenant_id == tx.tenant_id
    newest = select(StaffAccess.id).where(mine).order_by(StaffAccess.id.desc()).limit(limit)
    is_open = and_(StaffAccess.ends_at > now, StaffAccess.ended_at.is_(None))
    query = select(StaffAccess).where(mine, or_(StaffAccess.id.in_(newest), is_open))
    return (await tx.session.scalars(query.order_by(StaffAccess.id.desc()))).all()


async def waiting_of(tx: Tx, user_id: UUID, since: datetime) -> int:
    """How many requests of this person wait for the tenant."""
    query = select(func.count()).where(
        StaffAccess.tenant_id == tx.tenant_id,
        StaffAccess.asked_by == user_id,
        StaffAccess.created_at > since,
        StaffAccess.opened_at.is_(None),
        StaffAccess.refused_at.is_(None),
    )
    return (await tx.session.execute(query)).scalar_one()


async def unacknowledged_glass(tx: Tx) -> Sequence[StaffAccess]:
    """Broken glass of this tenant that nobody of it has acknowledged yet."""
    query = select(StaffAccess).where(
        StaffAccess.tenant_id == tx.tenant_id,
        StaffAccess.kind == "glass",
        StaffAccess.opened_at.is_not(None),
        StaffAccess.acknowledged_at.is_(None),
    )
    return (await tx.session.scalars(query.order_by(StaffAccess.id))).all()


async def leaves(tx: Tx, access_ids: Sequence[UUID], limit: int) -> Sequence[AuditLeaf]:
    """What this tenant's audit log says about these requests, newest first."""
    query = select(AuditLeaf).where(AuditLeaf.tenant_id == tx.tenant_id, AuditLeaf.target_id.in_(access_ids))
    return (await tx.session.scalars(query.order_by(AuditLeaf.id.desc()).limit(limit))).all()
