"""Who is on the operator's staff, what they have signed, and what they may do now."""

import secrets
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from uuid import UUID

from callmissed.foundation import audit, clock
from callmissed.foundation.database import Tx
from callmissed.foundation.ids import PLATFORM, uuid7
from callmissed.foundation.problems import NotFound
from callmissed.foundation.tenancy import Access, Actor
from callmissed.identity import repository as accounts_of
from callmissed.identity.contact_points import read_email
from callmissed.identity.models.staff import StaffMember, StaffUndertaking
from callmissed.identity.problems import NameMissing
from callmissed.identity.repository import staff as repository
from callmissed.identity.service import accounts
from callmissed.identity.staff_problems import (
    ProveAgain,
    SignatureDiffers,
    StaffNotFound,
    StaffRoleUnknown,
    UndertakingMissing,
    UndertakingReplaced,
)
from callmissed.identity.staff_roles import STAFF_ROLES
from callmissed.identity.undertakings import VERSION, text_in

FRESH = timedelta(hours=8)
"""The console asks for a sign-in that is younger than this: a working day, not the 90 days of an ordinary session."""

RETENTION_CLASS = "staff"
"""Signatures have a key of their own: the undertaking outlives what the account is kept for."""


@dataclass(frozen=True, slots=True)
class Staff:
    """A person of staff as the console and the terminal show them. `is_bound`: they signed the version in force."""

    user_id: UUID
    name: str
    email: str
    role: str
    handle: str
    added_at: datetime
    removed_at: datetime | None
    signed_version: int | None
    signed_at: datetime | None

    @property
    def is_bound(self) -> bool:
        """Whether their role works."""
        return self.removed_at is None and self.signed_version == VERSION


async def add(tx: Tx, email: str, role: str) -> UUID:
    """Put the holder of this address on the staff, or change their role. Returns whose account it is.

    The role works once they have signed. Raises EmailUnusable and StaffRoleUnknown.
    """
    if role not in STAFF_ROLES:
        raise StaffRoleUnknown(roles=sorted(STAFF_ROLES))
    user_id = (await accounts.account_for(tx, email, "en")).id
    row = await repository.member(tx, user_id, for_update=True)
    if row is None:
        row = StaffMember(id=uuid7(), user_id=user_id, handle=f"staff-{secrets.token_hex(3)}")
        tx.session.add(row)
    row.role, row.removed_at = role, None
    await tx.session.flush()
    await audit.record(
        tx, "identity:staff:added", subject=user_id, target=row.id, body={"role": role, "by": row.handle}
    )
    return user_id


async def remove(tx: Tx, email: str) -> None:
    """Take this person off the staff: their open console and every access of theirs ends with it. Raises StaffNotFound."""
    index = tx.vault.platform_index(accounts.EMAIL_INDEX, read_email(email).lookup)
    known = await accounts_of.account_under(tx, index)
    row = await repository.member(tx, known.id, for_update=True) if known else None
    if row is None or row.removed_at is not None:
        raise StaffNotFound
    row.removed_at = clock.now()
    await audit.record(
        tx, "identity:staff:removed", subject=row.user_id, target=row.id, body={"by": row.handle}
    )


async def people(tx: Tx) -> list[Staff]:
    """Everybody who is or was on the staff, oldest first."""
    signed = {row.user_id: row for row in await repository.undertakings(tx)}  # the last one counts
    return [await _shown(tx, row, signed.get(row.user_id)) for row in await repository.members(tx)]


async def sign(tx: Tx, user_id: UUID, typed_name: str, version: int, language: str) -> UUID:
    """Sign the undertaking in force by typing one's name, which an account without a name takes over. Returns its id.

    Raises NotFound for who is not on the staff, UndertakingReplaced, NameMissing and SignatureDiffers.
    """
    row = await repository.member(tx, user_id, for_update=True)
    if row is None or row.removed_at is not None:
        raise NotFound
    if version != VERSION:
        raise UndertakingReplaced
    name, known = " ".join(typed_name.split()), (await accounts.profile(tx, user_id)).full_name
    if not 0 < len(name) <= accounts.LONGEST_NAME:
        raise NameMissing
    if not known:
        await accounts.introduce(tx, user_id, name, "", adult=True)
    elif name.casefold() != known.casefold():
        raise SignatureDiffers
    text = text_in(language)
    signature = StaffUndertaking(id=uuid7(), user_id=user_id, version=version, language=text.language)
    box = await accounts.platform(tx).person(user_id, RETENTION_CLASS)
    signature.signed_name = box.seal(StaffUndertaking.signed_name, signature.id, name)
    signature.text_digest, signature.signed_at = text.digest, clock.now()
    signature.digest = signature_digest(text.digest, signature.signed_name, user_id, signature.signed_at)
    row.bound_at = row.bound_at or signature.signed_at
    tx.session.add(signature)
    await tx.session.flush()
    body = {"version": version, "digest": signature.digest.hex(), "by": row.handle}
    await audit.record(
        tx, "identity:staff:undertaking_signed", subject=user_id, target=signature.id, body=body
    )
    return signature.id


def signature_digest(text_digest: bytes, signed_name: bytes, user_id: UUID, at: datetime) -> bytes:
    """SHA-256 over the text's digest, the sealed name, the signer's id and the time in UTC with microseconds."""
    moment = at.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")
    return sha256(text_digest + signed_name + user_id.bytes + moment.encode()).digest()


async def standing(tx: Tx, session_id: UUID, *, signed: bool = True) -> Access:
    """What the holder of this session may do for the operator now; without `signed`, before they have signed: nothing.

    Raises NotFound for who is not on the staff, ProveAgain and UndertakingMissing.
    """
    session = await repository.session(tx, session_id)
    row = await repository.member(tx, session.user_id) if session else None
    if session is None or row is None or row.removed_at is not None:
        raise NotFound
    if session.created_at + FRESH <= clock.now():
        raise ProveAgain
    actor = Actor("staff", row.user_id)
    if not signed:
        return Access(PLATFORM, actor, purpose="operations")
    await require_bound(tx, row)
    return Access(PLATFORM, actor, STAFF_ROLES[row.role].permissions, "operations")


async def working(tx: Tx, user_id: UUID) -> StaffMember:
    """This person as a member whose role works. Raises NotFound and UndertakingMissing."""
    row = await repository.member(tx, user_id)
    if row is None or row.removed_at is not None:
        raise NotFound
    await require_bound(tx, row)
    return row


async def require_bound(tx: Tx, row: StaffMember) -> None:
    """Raises UndertakingMissing unless this member has signed the version in force."""
    if not any(each.version == VERSION for each in await repository.undertakings(tx, row.user_id)):
        raise UndertakingMissing


async def _shown(tx: Tx, row: StaffMember, signed: StaffUndertaking | None) -> Staff:
    who = await accounts.profile(tx, row.user_id)
    return Staff(
        row.user_id,
        who.full_name,
        who.email,
        row.role,
        row.handle,
        row.created_at,
        row.removed_at,
        signed.version if signed else None,
        signed.signed_at if signed else None,
    )
