"""Invitations: somebody is asked in by their address, and comes in by proving it.

The link carries 256 random bits of which only a keyed hash is kept. It opens nothing by itself: whoever follows it has to be
signed in with the very address it was sent to. It works seven days, once.
"""

import hmac
import secrets
from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

from callmissed.foundation import audit, clock, directory, jobs, mail
from callmissed.foundation.database import Tx
from callmissed.foundation.directory import Entry
from callmissed.foundation.ids import uuid7
from callmissed.foundation.problems import Forbidden
from callmissed.identity import repository
from callmissed.identity.contact_points import read_email
from callmissed.identity.models import Invitation, Membership, Tenant
from callmissed.identity.problems import WorkspaceClosed
from callmissed.identity.repository import invitations as rows
from callmissed.identity.repository import team
from callmissed.identity.service import sessions
from callmissed.identity.service.accounts import EMAIL_INDEX, profile
from callmissed.identity.service.standing import may_all, permissions_in, read_role, require_all
from callmissed.identity.team_problems import (
    AboveYou,
    AlreadyInvited,
    AlreadyMember,
    InvitationExpired,
    InvitationForAnother,
    InvitationNotFound,
    InvitationUnknown,
    InvitationUsed,
    InvitationWithdrawn,
    SeatsTaken,
)

VALID = timedelta(days=7)
KEPT_AFTER = timedelta(days=7)
"""An invitation that has ended can still be sent again for so long; then its address is erased and the row removed."""

HASH = "invitation"
RETENTION_CLASS = "invitation"
FORGET = "identity.forget_invitation"


@dataclass(frozen=True, slots=True)
class Asking:
    """What inviting needs from outside the room: seats of the plan (None: no limit), where links lead, the language."""

    seats: int | None
    base_url: str
    language: str


@dataclass(frozen=True, slots=True)
class InvitationCard:
    """An invitation as the team sees it."""

    id: UUID
    address: str
    role: str
    role_id: UUID | None
    role_name: str
    invited_by: str
    sent_at: datetime
    expires_at: datetime
    has_expired: bool
    may_change: bool


@dataclass(frozen=True, slots=True)
class Welcome:
    """An invitation as whoever holds the link sees it. Role and inviter are told to the address it was sent to alone."""

    tenant_id: UUID
    workspace: str
    hint: str
    is_for_you: bool
    role: str = ""
    role_name: str = ""
    invited_by: str = ""


async def invite(tx: Tx, typed_email: str, wished_role: str, asking: Asking) -> UUID:
    """Ask an address into the workspace, and write to it.

    Raises EmailUnusable, RoleUnknown, MoreThanYours, AlreadyMember, AlreadyInvited and SeatsTaken.
    """
    tenant, email = await _open_tenant(tx), read_email(typed_email)
    given = await read_role(tx, wished_role)
    require_all(tx, given.permissions)
    index = tx.vault.platform_index(EMAIL_INDEX, email.lookup)
    await _refuse_known(tx, index)
    await _refuse_full(tx, asking.seats, await rows.count_open(tx, clock.now()))
    row = Invitation(tenant_id=tx.tenant_id, id=uuid7(), email_index=index, language=asking.language)
    row.role, row.role_id = given.role, given.role_id
    row.invited_by = await _caller(tx)
    box = await tx.vault.person(row.id, RETENTION_CLASS)
    row.address = box.seal(Invitation.address, row.id, email.address)
    token = await _renew(tx, row)
    tx.session.add(row)
    await tx.session.flush()
    await directory.put(tx, HASH, row.token_hash.hex(), row.id)
    await _write(tx, row, email.address, token, tenant, asking)
    await audit.record(tx, "identity:invitation:sent", target=row.id, body={"role": given.role})
    return row.id


async def resend(tx: Tx, invitation_id: UUID, asking: Asking) -> None:
    """Write again, with a new link that works for seven days; the older link stops working.

    Raises InvitationNotFound, AboveYou and SeatsTaken.
    """
    tenant, row = await _open_tenant(tx), await _open(tx, invitation_id)
    others = await rows.count_open(tx, clock.now()) - (row.expires_at > clock.now())
    await _refuse_full(tx, asking.seats, others)
    address = await tx.vault.open(Invitation.address, row.id, row.id, row.address or b"")
    await directory.drop(tx, HASH, row.token_hash.hex())
    row.invited_by = await _caller(tx)
    token = await _renew(tx, row)
    await tx.session.flush()
    await directory.put(tx, HASH, row.token_hash.hex(), row.id)
    await _write(tx, row, address, token, tenant, asking)
    await audit.record(tx, "identity:invitation:sent_again", target=row.id, body={"role": row.role})


async def withdraw(tx: Tx, invitation_id: UUID) -> None:
    """Take an invitation back; its address is erased. Raises InvitationNotFound and AboveYou."""
    await _withdraw(tx, await _open(tx, invitation_id))


async def withdraw_those_of(tx: Tx, user_id: UUID, *, beyond: frozenset[str] | None = None) -> int:
    """Take back what this member has sent; with `beyond` only what leads to more than that. Returns how many."""
    sent = [row for row in await rows.unsettled(tx) if row.invited_by == user_id]
    if beyond is not None:
        sent = [row for row in sent if not await permissions_in(tx, row) <= beyond]
    for row in sent:
        await _withdraw(tx, row)
    return len(sent)


async def list_invitations(tx: Tx) -> list[InvitationCard]:
    """Invitations that nobody has accepted, newest first; also those that have expired, so that they can be sent again."""
    found = await rows.unsettled(tx)
    made = {row.id: row.name for row in await team.custom_roles(tx)}
    return [await _card(tx, row, made) for row in found]


async def invitation_card(tx: Tx, invitation_id: UUID) -> InvitationCard:
    """One open invitation. Raises InvitationNotFound."""
    found = next((card for card in await list_invitations(tx) if card.id == invitation_id), None)
    if found is None:
        raise InvitationNotFound
    return found


async def find(tx: Tx, token: str) -> Entry:
    """Which invitation of which tenant this link means; works in any transaction. Raises InvitationUnknown."""
    entry = await directory.find(tx, HASH, tx.vault.keyed_hash(HASH, token).hex())
    if entry is None:
        raise InvitationUnknown
    return entry


async def look(tx: Tx, invitation_id: UUID, user_id: UUID | None) -> Welcome:
    """What an invitation says to whoever follows its link, signed in as this account or not at all.

    Raises InvitationUnknown, InvitationExpired, InvitationWithdrawn, InvitationUsed and WorkspaceClosed.
    """
    row, tenant = await _followed(tx, invitation_id)
    address = await tx.vault.open(Invitation.address, row.id, row.id, row.address or b"")
    name, _, domain = address.partition("@")
    hint = f"{name[:1]}•••@{domain}"
    if user_id is None or not await _is_for(tx, row, user_id):
        return Welcome(tenant.id, tenant.name, hint, is_for_you=False)
    made = await team.custom_role(tx, row.role_id) if row.role_id else None
    inviter = await profile(tx, row.invited_by)
    return Welcome(
        tenant.id,
        tenant.name,
        hint,
        is_for_you=True,
        role=row.role,
        role_name=made.name if made else "",
        invited_by=inviter.full_name or inviter.email,
    )


async def accept(tx: Tx, invitation_id: UUID, user_id: UUID, seats: int | None) -> None:
    """Come in: the account becomes a member, in the role of the invitation. Its address is erased then.

    Raises what `look` raises, InvitationForAnother, AlreadyMember and SeatsTaken.
    """
    await team.hold_tenant(tx)
    row, _ = await _followed(tx, invitation_id)
    if not await _is_for(tx, row, user_id):
        raise InvitationForAnother
    if await repository.membership(tx, user_id) is not None:
        raise AlreadyMember
    await _refuse_full(tx, seats, 0)
    member = Membership(tenant_id=tx.tenant_id, id=uuid7(), user_id=user_id)
    member.role, member.role_id = row.role, row.role_id
    row.accepted_at = clock.now()
    await _settle(tx, row)
    tx.session.add(member)
    await tx.session.flush()
    await directory.put(tx, sessions.WORKS_IN, str(user_id), member.id)
    await audit.record(
        tx, "identity:invitation:accepted", subject=user_id, target=row.id, body={"role": row.role}
    )


async def forget(tx: Tx, invitation_id: UUID) -> bool:
    """Remove an invitation once it has ended for a week; False while it has not. Its keys are destroyed by the job."""
    row = await rows.invitation(tx, invitation_id)
    if row is None:
        return True
    if row.expires_at + KEPT_AFTER > clock.now():
        return row.address is None
    await directory.drop(tx, HASH, row.token_hash.hex())
    await rows.remove(tx, invitation_id)
    await audit.record(tx, "identity:invitation:forgotten", target=invitation_id, body={})
    return True


# Parts


async def _open_tenant(tx: Tx) -> Tenant:
    tenant = await team.hold_tenant(tx)
    if tenant is None or tenant.state != "active":
        raise WorkspaceClosed
    return tenant


async def _open(tx: Tx, invitation_id: UUID) -> Invitation:
    row = await rows.invitation(tx, invitation_id)
    if row is None or row.accepted_at is not None or row.withdrawn_at is not None:
        raise InvitationNotFound
    if not may_all(tx, await permissions_in(tx, row)):
        raise AboveYou
    return row


async def _followed(tx: Tx, invitation_id: UUID) -> tuple[Invitation, Tenant]:
    row, tenant = await rows.invitation(tx, invitation_id), await repository.tenant(tx, tx.tenant_id)
    if row is None or tenant is None:
        raise InvitationUnknown
    if tenant.state != "active":
        raise WorkspaceClosed
    if row.withdrawn_at is not None:
        raise InvitationWithdrawn
    if row.accepted_at is not None:
        raise InvitationUsed
    if row.expires_at <= clock.now():
        raise InvitationExpired
    return row, tenant


async def _is_for(tx: Tx, row: Invitation, user_id: UUID) -> bool:
    account = await repository.account(tx, user_id)
    return account is not None and hmac.compare_digest(account.email_index, row.email_index)


async def _refuse_known(tx: Tx, index: bytes) -> None:
    if any(row.email_index == index for row in await rows.unsettled(tx)):
        raise AlreadyInvited
    account = await repository.account_under(tx, index)
    if account is not None and await repository.membership(tx, account.id) is not None:
        raise AlreadyMember


async def _refuse_full(tx: Tx, seats: int | None, invited: int) -> None:
    if seats is not None and await team.count_members(tx) + invited >= seats:
        raise SeatsTaken(seats=seats)


async def _renew(tx: Tx, row: Invitation) -> str:
    token = secrets.token_urlsafe(32)
    row.token_hash = tx.vault.keyed_hash(HASH, token)
    row.expires_at = clock.now() + VALID
    await jobs.insert(tx, FORGET, _ids(row), at=row.expires_at + KEPT_AFTER)
    return token


async def _withdraw(tx: Tx, row: Invitation) -> None:
    row.withdrawn_at = clock.now()
    await _settle(tx, row)
    await audit.record(tx, "identity:invitation:withdrawn", target=row.id, body={"role": row.role})


async def _settle(tx: Tx, row: Invitation) -> None:
    """What is settled needs no address any more."""
    row.address = None
    await tx.session.flush()
    await jobs.insert(tx, FORGET, _ids(row))


def _ids(row: Invitation) -> dict[str, str | int]:
    return {"tenant_id": str(row.tenant_id), "invitation_id": str(row.id)}


async def _write(tx: Tx, row: Invitation, address: str, token: str, tenant: Tenant, asking: Asking) -> None:
    inviter = await profile(tx, row.invited_by)
    await mail.queue(
        tx,
        row.id,
        address,
        "identity.invitation",
        language=row.language,
        within=VALID,
        inviter=inviter.full_name or inviter.email,
        workspace=tenant.name,
        link=f"{asking.base_url}/app/invitation/{token}",
        days=VALID.days,
    )


async def _caller(tx: Tx) -> UUID:
    """Who invites: a person, by themselves or through a key that they made. Raises Forbidden for anybody else."""
    actor = tx.access.actor if tx.access else None
    if actor is not None and actor.id is not None and actor.kind == "user":
        return actor.id
    key = await repository.key(tx, actor.id) if actor and actor.id and actor.kind == "key" else None
    if key is None or key.created_by is None:
        raise Forbidden(permission="team.write")
    return key.created_by


async def _card(tx: Tx, row: Invitation, made: dict[UUID, str]) -> InvitationCard:
    address = await tx.vault.open(Invitation.address, row.id, row.id, row.address or b"")
    inviter = await profile(tx, row.invited_by)
    return InvitationCard(
        row.id,
        address,
        row.role,
        row.role_id,
        made.get(row.role_id, "") if row.role_id else "",
        inviter.full_name or inviter.email,
        row.expires_at - VALID,
        row.expires_at,
        row.expires_at <= clock.now(),
        may_all(tx, await permissions_in(tx, row)),
    )
