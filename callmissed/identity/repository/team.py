"""SQL of teams: members, the roles a workspace made, and what a member leaves behind."""

from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

from sqlalchemy import delete, func, select, update

from callmissed.foundation.database import Tx
from callmissed.identity.models import (
    ApiKey,
    CustomRole,
    Invitation,
    Membership,
    OwnershipTransfer,
    Session,
    Tenant,
    UserAccount,
)
from callmissed.identity.repository.keys import seen_by


async def hold_tenant(tx: Tx) -> Tenant | None:
    """The tenant's own row, held until the transaction ends: teams change one step after another."""
    return await tx.session.get(Tenant, tx.tenant_id, with_for_update=True, populate_existing=True)


async def tenants(tx: Tx, tenant_ids: Sequence[UUID]) -> Sequence[Tenant]:
    """Open workspaces among these."""
    query = select(Tenant).where(Tenant.id.in_(tenant_ids), Tenant.state == "active")
    return (await tx.session.scalars(query)).all()


async def accounts(tx: Tx, user_ids: Sequence[UUID]) -> Sequence[UserAccount]:
    """Several accounts, in no order."""
    return (await tx.session.scalars(select(UserAccount).where(UserAccount.id.in_(user_ids)))).all()


async def members(tx: Tx) -> Sequence[Membership]:
    """Everybody who works in the tenant, the longest here first."""
    query = select(Membership).where(Membership.tenant_id == tx.tenant_id).order_by(Membership.id)
    return (await tx.session.scalars(query)).all()


async def member(tx: Tx, member_id: UUID) -> Membership | None:
    """One member of the tenant, as it is now, held until the transaction ends."""
    return await tx.session.get(
        Membership, (tx.tenant_id, member_id), with_for_update=True, populate_existing=True
    )


async def count_members(tx: Tx) -> int:
    """How many work in the tenant."""
    query = select(func.count()).select_from(Membership).where(Membership.tenant_id == tx.tenant_id)
    return (await tx.session.execute(query)).scalar_one()


async def remove_membership(tx: Tx, member_id: UUID) -> None:
    """Remove one membership."""
    await tx.session.execute(
        delete(Membership).where(Membership.tenant_id == tx.tenant_id, Membership.id == member_id)
    )


async def custom_roles(tx: Tx) -> Sequence[CustomRole]:
    """The roles the tenant made, oldest first."""
    query = select(CustomRole).where(CustomRole.tenant_id == tx.tenant_id).order_by(CustomRole.id)
    return (await tx.session.scalars(query)).all()


async def custom_role(tx: Tx, role_id: UUID, *, for_update: bool = False) -> CustomRole | None:
    """One role the tenant made."""
    return await tx.session.get(CustomRole, (tx.tenant_id, role_id), with_for_update=for_update or None)


async def role_is_used(tx: Tx, role_id: UUID) -> bool:
    """Whether a member has this role, or an invitation leads or led to it."""
    member = select(Membership.id).where(Membership.tenant_id == tx.tenant_id, Membership.role_id == role_id)
    invited = select(Invitation.id).where(
        Invitation.tenant_id == tx.tenant_id,
        Invitation.role_id == role_id,
        Invitation.accepted_at.is_(None),
        Invitation.withdrawn_at.is_(None),
    )
    return bool(await tx.session.scalar(select(member.exists() | invited.exists())))


async def remove_role(tx: Tx, role_id: UUID) -> None:
    """Remove a role, and settled invitations to it."""
    await tx.session.execute(
        delete(Invitation).where(Invitation.tenant_id == tx.tenant_id, Invitation.role_id == role_id)
    )
    await tx.session.execute(
        delete(CustomRole).where(CustomRole.tenant_id == tx.tenant_id, CustomRole.id == role_id)
    )


async def end_sessions(tx: Tx, user_id: UUID, now: datetime) -> int:
    """End the sessions in which this user works in this tenant; returns how many."""
    query = (
        update(Session)
        .where(Session.user_id == user_id, Session.tenant_id == tx.tenant_id, Session.revoked_at.is_(None))
        .values(revoked_at=now)
        .returning(Session.id)
    )
    return len((await tx.session.execute(query)).all())


async def keys_made_by(tx: Tx, user_id: UUID) -> Sequence[UUID]:
    """Keys of the tenant whose secret this user has seen, that no service account owns and nobody has revoked."""
    query = select(ApiKey.id).where(
        ApiKey.tenant_id == tx.tenant_id,
        seen_by(user_id),
        ApiKey.service_account_id.is_(None),
        ApiKey.revoked_at.is_(None),
    )
    return (await tx.session.scalars(query)).all()


async def keys_beyond(tx: Tx, user_id: UUID, permissions: frozenset[str]) -> Sequence[UUID]:
    """Of the keys whose secret this user has seen, those that a member with these permissions could not make: all, or by their scopes."""
    query = select(ApiKey.id, ApiKey.scopes).where(ApiKey.tenant_id == tx.tenant_id, seen_by(user_id))
    rows = (await tx.session.execute(query.where(ApiKey.revoked_at.is_(None)))).all()
    may_make = "keys.write" in permissions
    return [key_id for key_id, scopes in rows if not (may_make and permissions.issuperset(scopes))]


async def forget_proofs(tx: Tx, user_id: UUID) -> None:
    """Have this user's sessions that work in this tenant prove again who they are."""
    query = update(Session).where(Session.user_id == user_id, Session.tenant_id == tx.tenant_id)
    await tx.session.execute(query.values(verified_at=None))


async def members_with(tx: Tx, role_id: UUID) -> Sequence[UUID]:
    """The users who have this role of the workspace's own."""
    query = select(Membership.user_id).where(
        Membership.tenant_id == tx.tenant_id, Membership.role_id == role_id
    )
    return (await tx.session.scalars(query)).all()


async def open_transfer(tx: Tx) -> OwnershipTransfer | None:
    """The offer of this workspace that nobody has settled, held until the transaction ends."""
    query = (
        select(OwnershipTransfer)
        .where(OwnershipTransfer.tenant_id == tx.tenant_id, OwnershipTransfer.settled_at.is_(None))
        .with_for_update()
    )
    return await tx.session.scalar(query)
