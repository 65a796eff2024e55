"""All SQL of the room. Queries on tenant tables name the tenant; the others name the person, or a keyed hash."""

from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

from sqlalchemy import delete, func, or_, select, update
from sqlalchemy.dialects.postgresql import insert

from callmissed.foundation.database import Tx
from callmissed.identity.models import (
    ApiKey,
    Membership,
    Session,
    SignInCode,
    SignInCounter,
    Tenant,
    UserAccount,
)

# Sign-in


async def counter(tx: Tx, kind: str, subject: bytes, now: datetime) -> SignInCounter:
    """The counter of this subject, held until the transaction ends: guesses queue up instead of racing."""
    row = {"kind": kind, "subject": subject, "tries": 0, "counted_from": now}
    await tx.session.execute(insert(SignInCounter).values(row).on_conflict_do_nothing())
    query = (
        select(SignInCounter)
        .where(SignInCounter.kind == kind, SignInCounter.subject == subject)
        .with_for_update()
        .execution_options(populate_existing=True)
    )
    return (await tx.session.scalars(query)).one()


async def code_under(tx: Tx, token_hash: bytes) -> SignInCode | None:
    """The code that this browser asked for, as it is now."""
    query = select(SignInCode).where(SignInCode.token_hash == token_hash)
    return await tx.session.scalar(query.execution_options(populate_existing=True))


async def replace_codes(tx: Tx, email_index: bytes, now: datetime) -> None:
    """Close every open code that went to this address."""
    query = update(SignInCode).where(
        SignInCode.email_index == email_index,
        SignInCode.consumed_at.is_(None),
        SignInCode.replaced_at.is_(None),
    )
    await tx.session.execute(query.values(replaced_at=now))


async def codes_past(tx: Tx, moment: datetime, limit: int) -> Sequence[UUID]:
    """Codes that ended before this time."""
    query = select(SignInCode.id).where(SignInCode.expires_at < moment).limit(limit)
    return (await tx.session.scalars(query)).all()


async def remove_codes(tx: Tx, ids: Sequence[UUID]) -> None:
    """Remove these codes."""
    await tx.session.execute(delete(SignInCode).where(SignInCode.id.in_(ids)))


async def remove_counters(tx: Tx, moment: datetime) -> None:
    """Remove counters that have counted nothing since, and close nothing."""
    await tx.session.execute(
        delete(SignInCounter).where(
            SignInCounter.counted_from < moment,
            or_(SignInCounter.locked_until.is_(None), SignInCounter.locked_until < moment),
        )
    )


# Accounts and sessions


async def account(tx: Tx, user_id: UUID, *, for_update: bool = False) -> UserAccount | None:
    """One account; `for_update` holds it until the transaction ends."""
    return await tx.session.get(UserAccount, user_id, with_for_update=for_update or None)


async def account_under(tx: Tx, email_index: bytes) -> UserAccount | None:
    """The account that signs in with this address."""
    return await tx.session.scalar(select(UserAccount).where(UserAccount.email_index == email_index))


async def unfinished_accounts(tx: Tx, moment: datetime, limit: int) -> Sequence[UUID]:
    """Accounts begun before this time whose holder never said who they are."""
    query = select(UserAccount.id).where(
        UserAccount.adult_declared_at.is_(None), UserAccount.created_at < moment
    )
    return (await tx.session.scalars(query.limit(limit))).all()


async def erase_rows(tx: Tx, user_ids: Sequence[UUID]) -> None:
    """Remove the rows of these accounts, once their keys are gone."""
    await tx.session.execute(delete(Session).where(Session.user_id.in_(user_ids)))
    await tx.session.execute(delete(UserAccount).where(UserAccount.id.in_(user_ids)))


async def session_under(tx: Tx, token_hash: bytes) -> Session | None:
    """The session with this token, ended or not."""
    return await tx.session.scalar(select(Session).where(Session.token_hash == token_hash))


async def remove_sessions(tx: Tx, moment: datetime) -> None:
    """Remove sessions that ended before this time."""
    await tx.session.execute(delete(Session).where(Session.expires_at < moment))


# Workspaces


async def enter_workspace(tx: Tx, user_id: UUID) -> None:
    """Have this user's sessions that work nowhere yet work in this tenant."""
    query = update(Session).where(Session.user_id == user_id, Session.tenant_id.is_(None))
    await tx.session.execute(query.values(tenant_id=tx.tenant_id))


async def tenant(tx: Tx, tenant_id: UUID) -> Tenant | None:
    """One tenant's own row."""
    return await tx.session.get(Tenant, tenant_id)


async def membership(tx: Tx, user_id: UUID) -> Membership | None:
    """What a user is in this tenant."""
    query = select(Membership).where(Membership.tenant_id == tx.tenant_id, Membership.user_id == user_id)
    return await tx.session.scalar(query)


# Keys


async def keys(tx: Tx) -> Sequence[ApiKey]:
    """The tenant's keys, newest first."""
    query = select(ApiKey).where(ApiKey.tenant_id == tx.tenant_id).order_by(ApiKey.id.desc())
    return (await tx.session.scalars(query)).all()


async def working_keys(tx: Tx, now: datetime) -> int:
    """How many keys of the tenant are neither revoked nor expired."""
    query = select(func.count()).where(
        ApiKey.tenant_id == tx.tenant_id,
        ApiKey.revoked_at.is_(None),
        or_(ApiKey.expires_at.is_(None), ApiKey.expires_at > now),
    )
    return (await tx.session.execute(query)).scalar_one()


async def key(tx: Tx, key_id: UUID, *, for_update: bool = False) -> ApiKey | None:
    """One key of the tenant."""
    return await tx.session.get(ApiKey, (tx.tenant_id, key_id), with_for_update=for_update or None)


async def mark_used(tx: Tx, key_id: UUID, now: datetime) -> None:
    """Note that a key was used."""
    query = update(ApiKey).where(ApiKey.tenant_id == tx.tenant_id, ApiKey.id == key_id)
    await tx.session.execute(query.values(last_used_at=now))
