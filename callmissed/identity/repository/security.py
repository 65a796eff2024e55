"""SQL of proofs and warnings."""

from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

from sqlalchemy import delete, func, or_, select, update

from callmissed.foundation.database import Tx
from callmissed.identity.models import (
    LinkedIdentity,
    Passkey,
    ProofCode,
    RecoveryCode,
    SecurityAlert,
    TotpFactor,
    UserAccount,
)


async def alert(tx: Tx, alert_id: UUID, *, for_update: bool = False) -> SecurityAlert | None:
    """One warning."""
    return await tx.session.get(
        SecurityAlert, alert_id, with_for_update=for_update or None, populate_existing=for_update
    )


async def told_of(tx: Tx, alert: SecurityAlert, since: datetime) -> UUID | None:
    """The letter that has told the same person of the same, about the same thing, since then; None when none has."""
    query = select(SecurityAlert.letter_id).where(
        SecurityAlert.user_id == alert.user_id,
        SecurityAlert.what == alert.what,
        SecurityAlert.about == alert.about,
        SecurityAlert.created_at > since,
    )
    return await tx.session.scalar(query.limit(1))


async def stopped_of(tx: Tx, user_id: UUID) -> list[UUID]:
    """The keys of a person that were stopped by a lock and not chosen about yet."""
    query = select(SecurityAlert.stopped_keys).where(
        SecurityAlert.user_id == user_id, SecurityAlert.stopped_keys.is_not(None)
    )
    return [each for keys in (await tx.session.scalars(query)).all() for each in keys or ()]


async def forget_stopped(tx: Tx, user_id: UUID) -> None:
    """The choice has been made."""
    query = update(SecurityAlert).where(SecurityAlert.user_id == user_id)
    await tx.session.execute(query.values(stopped_keys=None))


async def newest_code(tx: Tx, session_id: UUID, purpose: str) -> ProofCode | None:
    """The newest code a browser asked for, held until the transaction ends: guesses queue up instead of racing."""
    query = (
        select(ProofCode)
        .where(ProofCode.session_id == session_id, ProofCode.purpose == purpose)
        .order_by(ProofCode.id.desc())
        .limit(1)
        .with_for_update()
    )
    return await tx.session.scalar(query)


async def codes_since(tx: Tx, user_id: UUID, moment: datetime) -> int:
    """How many codes a person was sent since this time."""
    query = select(func.count()).where(ProofCode.user_id == user_id, ProofCode.created_at > moment)
    return (await tx.session.execute(query)).scalar_one()


async def undo_email_changes(tx: Tx, account: UserAccount, since: datetime, now: datetime) -> None:
    """Take back what was begun or done to an account's address since then; the oldest address comes back."""
    query = (
        select(ProofCode)
        .where(
            ProofCode.user_id == account.id,
            ProofCode.purpose == "email",
            ProofCode.created_at > since,
            ProofCode.undone_at.is_(None),
        )
        .order_by(ProofCode.id.desc())
    )
    changes: Sequence[ProofCode] = (await tx.session.scalars(query)).all()
    for each in changes:
        each.undone_at = now
        if each.consumed_at is not None and each.previous is not None and each.previous_index is not None:
            account.email_index = each.previous_index
            account.email = each.previous


async def is_left_lately(tx: Tx, email_index: bytes, since: datetime, *, but: UUID | None = None) -> bool:
    """Whether an account (any but this one) changed away from this address since then, which "this wasn't me" may still take back."""
    query = select(func.count()).where(
        ProofCode.previous_index == email_index,
        ProofCode.purpose == "email",
        ProofCode.consumed_at > since,
        ProofCode.undone_at.is_(None),
    )
    if but is not None:
        query = query.where(ProofCode.user_id != but)
    return bool((await tx.session.execute(query)).scalar_one())


async def forget_new_factors(tx: Tx, user_id: UUID, since: datetime) -> None:
    """Remove the ways to sign in that were added to an account since then."""
    for factor in (Passkey, TotpFactor, RecoveryCode, LinkedIdentity):
        added = factor.created_at > since
        if factor is TotpFactor:  # it counts from its first code; one without a code yet is nobody's
            added = or_(added, TotpFactor.confirmed_at.is_(None), TotpFactor.confirmed_at > since)
        await tx.session.execute(delete(factor).where(factor.user_id == user_id, added))
