"""SQL of linked identities and sign-in domains."""

from collections.abc import Sequence
from uuid import UUID

from sqlalchemy import func, select

from callmissed.foundation.database import Tx
from callmissed.identity.models import LinkedIdentity, SignInDomain


async def identity_under(tx: Tx, subject_index: bytes) -> LinkedIdentity | None:
    """Who an issuer's subject is to us, whatever the operator calls the issuer."""
    return await tx.session.scalar(
        select(LinkedIdentity).where(LinkedIdentity.subject_index == subject_index)
    )


async def identities_of(tx: Tx, user_id: UUID) -> Sequence[LinkedIdentity]:
    """A person's identities at providers, oldest first."""
    query = select(LinkedIdentity).where(LinkedIdentity.user_id == user_id).order_by(LinkedIdentity.id)
    return (await tx.session.scalars(query)).all()


async def identity(tx: Tx, user_id: UUID, identity_id: UUID) -> LinkedIdentity | None:
    """One identity of this person."""
    query = select(LinkedIdentity).where(LinkedIdentity.user_id == user_id, LinkedIdentity.id == identity_id)
    return await tx.session.scalar(query.with_for_update())


async def one_at_a_time(tx: Tx, lookup: str) -> None:
    """Wait until nobody else decides about this domain, until the transaction ends."""
    await tx.session.execute(select(func.pg_advisory_xact_lock(func.hashtextextended(lookup, 0))))


async def domains(tx: Tx) -> Sequence[SignInDomain]:
    """The tenant's domains, oldest first."""
    query = select(SignInDomain).where(SignInDomain.tenant_id == tx.tenant_id).order_by(SignInDomain.id)
    return (await tx.session.scalars(query)).all()


async def domain(tx: Tx, domain_id: UUID) -> SignInDomain | None:
    """One domain of the tenant."""
    return await tx.session.get(SignInDomain, (tx.tenant_id, domain_id))
