"""Handing a workspace on: the owner offers it to a teammate, who has two days to take it. Both say yes, both are told."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

from callmissed.foundation import audit, clock, mail
from callmissed.foundation.database import Tx
from callmissed.foundation.ids import uuid7
from callmissed.foundation.problems import Forbidden, NotFound
from callmissed.identity import repository
from callmissed.identity.models import OwnershipTransfer
from callmissed.identity.repository import team
from callmissed.identity.service.accounts import profile
from callmissed.identity.team_problems import MemberNotFound, OwnerStays, TransferNotFound, TransferOpen

VALID = timedelta(hours=48)
NEXT_ROLE = "admin"
"""What an owner is after they have handed the workspace on."""


@dataclass(frozen=True, slots=True)
class Offer:
    """An open offer, as the caller sees it."""

    to_user: UUID
    to_name: str
    from_name: str
    expires_at: datetime
    is_to_caller: bool
    is_from_caller: bool


async def pending_offer(tx: Tx) -> Offer | None:
    """The open offer of this workspace, for those it concerns; None for everybody else."""
    row, me = await _standing_offer(tx), _caller(tx)
    if row is None or me not in {row.from_user, row.to_user}:
        return None
    giver, taker = await profile(tx, row.from_user), await profile(tx, row.to_user)
    return Offer(
        row.to_user,
        taker.full_name or taker.email,
        giver.full_name or giver.email,
        row.expires_at,
        me == row.to_user,
        me == row.from_user,
    )


async def offer_ownership(tx: Tx, member_id: UUID, page: str) -> None:
    """Offer the workspace to a teammate: the owner's yes. `page` is where they answer.

    Raises Forbidden unless the caller is the owner; MemberNotFound, OwnerStays and TransferOpen.
    """
    await team.hold_tenant(tx)
    me, row = _caller(tx), await team.member(tx, member_id)
    await _require_owner(tx, me)
    if row is None:
        raise MemberNotFound
    if row.user_id == me:
        raise OwnerStays
    if await _standing_offer(tx) is not None:
        raise TransferOpen
    tx.session.add(
        OwnershipTransfer(
            tenant_id=tx.tenant_id,
            id=uuid7(),
            from_user=me,
            to_user=row.user_id,
            expires_at=clock.now() + VALID,
        )
    )
    await tx.session.flush()
    await _tell(tx, "ownership_offered", me, row.user_id, page)
    await audit.record(
        tx, "identity:ownership:offered", subject=row.user_id, target=row.id, body={"hours": 48}
    )


async def withdraw_offer(tx: Tx) -> None:
    """Take the offer back. Raises TransferNotFound."""
    await team.hold_tenant(tx)
    row = await _standing_offer(tx)
    if row is None or row.from_user != _caller(tx):
        raise TransferNotFound
    await _end(tx, row, "withdrawn")
    await audit.record(tx, "identity:ownership:withdrawn", subject=row.to_user, target=row.id, body={})


async def decline_offer(tx: Tx) -> None:
    """Say no to an offer. Raises TransferNotFound."""
    await team.hold_tenant(tx)
    row = await _standing_offer(tx)
    if row is None or row.to_user != _caller(tx):
        raise TransferNotFound
    await _end(tx, row, "declined")
    await audit.record(tx, "identity:ownership:declined", subject=row.to_user, target=row.id, body={})


async def take_ownership(tx: Tx, page: str) -> None:
    """Take the workspace: the teammate's yes. The former owner stays as admin. Raises TransferNotFound."""
    await team.hold_tenant(tx)
    row = await _standing_offer(tx)
    if row is None or row.to_user != _caller(tx):
        raise TransferNotFound
    giver = await repository.membership(tx, row.from_user)
    taker = await repository.membership(tx, row.to_user)
    if giver is None or giver.role != "owner" or taker is None:
        raise TransferNotFound
    giver.role = NEXT_ROLE
    await tx.session.flush()  # one owner at any moment: the database insists
    taker.role, taker.role_id = "owner", None
    for user_id in (row.from_user, row.to_user):
        await team.forget_proofs(tx, user_id)
    await _end(tx, row, "taken")
    await _tell(tx, "ownership_taken", row.from_user, row.to_user, page)
    await audit.record(tx, "identity:ownership:taken", subject=row.to_user, target=taker.id, body={})


async def forget_offer_to(tx: Tx, user_id: UUID) -> None:
    """End an open offer to somebody who works here no more."""
    row = await team.open_transfer(tx)
    if row is not None and row.to_user == user_id:
        await _end(tx, row, "withdrawn")
        await audit.record(tx, "identity:ownership:withdrawn", subject=user_id, target=row.id, body={})


async def forget_offers_of(tx: Tx, user_id: UUID) -> None:
    """End an open offer that this person made, because it may not have been them."""
    row = await team.open_transfer(tx)
    if row is not None and row.from_user == user_id:
        await _end(tx, row, "withdrawn")
        await audit.record(tx, "identity:ownership:withdrawn", subject=user_id, target=row.id, body={})


async def _standing_offer(tx: Tx) -> OwnershipTransfer | None:
    """The open offer; one that has run out is settled in passing."""
    row = await team.open_transfer(tx)
    if row is not None and row.expires_at <= clock.now():
        await _end(tx, row, "expired")
        await audit.record(tx, "identity:ownership:expired", subject=row.to_user, target=row.id, body={})
        return None
    return row


async def _end(tx: Tx, row: OwnershipTransfer, outcome: str) -> None:
    row.outcome, row.settled_at = outcome, clock.now()
    await tx.session.flush()


async def _require_owner(tx: Tx, user_id: UUID) -> None:
    member = await repository.membership(tx, user_id)
    if member is None or member.role != "owner":
        raise Forbidden(permission="owner.transfer")


async def _tell(tx: Tx, letter: str, from_user: UUID, to_user: UUID, page: str) -> None:
    """Write to both sides, each in their own language."""
    tenant = await repository.tenant(tx, tx.tenant_id)
    if tenant is None:
        raise NotFound
    giver, taker = await profile(tx, from_user), await profile(tx, to_user)
    for reader in (giver, taker):
        await mail.queue(
            tx,
            reader.user_id,
            reader.email,
            f"identity.{letter}",
            language=reader.language,
            giver=giver.full_name or giver.email,
            taker=taker.full_name or taker.email,
            workspace=tenant.name,
            is_taker=reader.user_id == to_user,
            hours=int(VALID.total_seconds()) // 3600,
            page=page,
        )


def _caller(tx: Tx) -> UUID:
    actor = tx.access.actor if tx.access else None
    if actor is None or actor.kind != "user" or actor.id is None:
        raise Forbidden(permission="owner.transfer")
    return actor.id
