"""Members: who works in a workspace, as what, and how somebody stops working there."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from callmissed.foundation import audit, clock, directory, events, live
from callmissed.foundation.database import Tx
from callmissed.foundation.events import Event
from callmissed.foundation.vault import SealedValue
from callmissed.identity.models import Membership, UserAccount
from callmissed.identity.repository import team
from callmissed.identity.service import alerts, invitations, ownership, sessions
from callmissed.identity.service.accounts import platform
from callmissed.identity.service.keys import revoke_key
from callmissed.identity.service.standing import may_all, permissions_in, read_role, require_all
from callmissed.identity.team_problems import AboveYou, MemberNotFound, OwnerStays, OwnRole


@dataclass(frozen=True, slots=True)
class MemberLeft(Event):
    """Somebody works here no more. Rooms above let go of what they held."""

    user_id: UUID


@dataclass(frozen=True, slots=True)
class MemberCard:
    """A member as the team sees them. `role_name` is set for a role that the workspace made."""

    id: UUID
    user_id: UUID
    name: str
    email: str
    role: str
    role_id: UUID | None
    role_name: str
    since: datetime
    is_caller: bool
    may_change: bool

    @property
    def role_value(self) -> str:
        """What gives this role."""
        return str(self.role_id or self.role)


@dataclass(frozen=True, slots=True)
class Left:
    """What stopped working with a member: sessions, keys they had made, invitations they had sent."""

    sessions: int
    keys: int
    invitations: int


async def list_members(tx: Tx) -> list[MemberCard]:
    """Everybody who works here, the longest here first."""
    rows = await team.members(tx)
    people = await _people(tx, [row.user_id for row in rows])
    made = {row.id: row.name for row in await team.custom_roles(tx)}
    return [await _card(tx, row, people.get(row.user_id, ("", "")), made) for row in rows]


async def member_card(tx: Tx, member_id: UUID) -> MemberCard:
    """One member. Raises MemberNotFound, for members of other workspaces too."""
    found = next((card for card in await list_members(tx) if card.id == member_id), None)
    if found is None:
        raise MemberNotFound
    return found


async def change_member_role(tx: Tx, member_id: UUID, wished: str) -> None:
    """Give a member another role; their sessions have it from the next request on.

    Invitations they sent and keys they made that go beyond the new role end, and whoever got it shows who they are, under a
    new token, before they do anything dangerous with it. Raises MemberNotFound, OwnRole, OwnerStays,
    AboveYou, RoleUnknown and MoreThanYours.
    """
    await team.hold_tenant(tx)
    row = await _subject(tx, member_id)
    if _is_caller(tx, row):
        raise OwnRole
    given = await read_role(tx, wished)
    require_all(tx, given.permissions)
    before = row.role
    row.role, row.role_id = given.role, given.role_id
    await tx.session.flush()
    await invitations.withdraw_those_of(tx, row.user_id, beyond=given.permissions)
    stopped = await stop_keys_beyond(tx, row.user_id, given.permissions)
    await team.forget_proofs(tx, row.user_id)
    body = {"from": before, "to": given.role, "keys": stopped}
    leaf = await audit.record(
        tx, "identity:member:role_changed", subject=row.user_id, target=row.id, body=body
    )
    await alerts.tell(tx, row.user_id, "role_changed", leaf=leaf, role=given.role)


async def stop_keys_beyond(tx: Tx, user_id: UUID, permissions: frozenset[str]) -> int:
    """Stop keys this member made that may do more than they may now themselves; returns how many."""
    beyond = await team.keys_beyond(tx, user_id, permissions)
    for key_id in beyond:
        await revoke_key(tx, key_id)
    return len(beyond)


async def remove_member(tx: Tx, member_id: UUID) -> Left:
    """Have somebody work here no more: their sessions here, keys they made and invitations they sent end at once.

    A member may remove themselves. Raises MemberNotFound, OwnerStays and AboveYou.
    """
    await team.hold_tenant(tx)
    row = await _subject(tx, member_id)
    ended = await team.end_sessions(tx, row.user_id, clock.now())
    return await part_with(tx, row, sessions_ended=ended, by_themselves=_is_caller(tx, row))


async def part_with(tx: Tx, row: Membership, *, sessions_ended: int, by_themselves: bool) -> Left:
    """End a membership, and with it the keys they made, the invitations they sent, and the pages they have open."""
    user_id, member_id, role = row.user_id, row.id, row.role
    await team.remove_membership(tx, member_id)
    await directory.drop(tx, sessions.WORKS_IN, str(user_id))
    await live.end(tx, user_id)
    stopped = await team.keys_made_by(tx, user_id)
    for key_id in stopped:
        await revoke_key(tx, key_id)
    withdrawn = await invitations.withdraw_those_of(tx, user_id)
    await ownership.forget_offer_to(tx, user_id)
    left = Left(sessions_ended, len(stopped), withdrawn)
    body = {"role": role, "sessions": sessions_ended, "keys": len(stopped), "invitations": withdrawn}
    action = "identity:member:left" if by_themselves else "identity:member:removed"
    await audit.record(tx, action, subject=user_id, target=member_id, body=body)
    await events.publish(tx, MemberLeft(tx.tenant_id, user_id))
    return left


async def keys_that_end_with(tx: Tx, member_id: UUID) -> int:
    """How many working keys would stop if this member were removed. Raises MemberNotFound."""
    row = await team.member(tx, member_id)
    if row is None:
        raise MemberNotFound
    return len(await team.keys_made_by(tx, row.user_id))


async def _subject(tx: Tx, member_id: UUID) -> Membership:
    """The member that the caller is about to act on. Raises MemberNotFound, OwnerStays, AboveYou."""
    row = await team.member(tx, member_id)
    if row is None:
        raise MemberNotFound
    if row.role == "owner":
        raise OwnerStays
    if not _is_caller(tx, row) and not may_all(tx, await permissions_in(tx, row)):
        raise AboveYou
    return row


def _is_caller(tx: Tx, row: Membership) -> bool:
    actor = tx.access.actor if tx.access else None
    return actor is not None and actor.kind == "user" and actor.id == row.user_id


async def _card(tx: Tx, row: Membership, who: tuple[str, str], made: dict[UUID, str]) -> MemberCard:
    is_caller = _is_caller(tx, row)
    beneath = row.role != "owner" and may_all(tx, await permissions_in(tx, row))
    return MemberCard(
        row.id,
        row.user_id,
        who[0],
        who[1],
        row.role,
        row.role_id,
        made.get(row.role_id, "") if row.role_id else "",
        row.created_at,
        is_caller,
        beneath and not is_caller,
    )


async def names_of(tx: Tx, user_ids: Iterable[UUID]) -> dict[UUID, str]:
    """Names of these account holders, their address where they gave none; who was erased is left out."""
    people = await _people(tx, list(user_ids))
    return {user_id: name or email for user_id, (name, email) in people.items() if name or email}


async def _people(tx: Tx, user_ids: list[UUID]) -> dict[UUID, tuple[str, str]]:
    """Name and address of each, opened in one go."""
    rows = await team.accounts(tx, user_ids)
    values = [SealedValue(UserAccount.email, row.id, row.id, row.email) for row in rows]
    named = [row for row in rows if row.full_name is not None]
    values += [SealedValue(UserAccount.full_name, row.id, row.id, row.full_name or b"") for row in named]
    texts = await platform(tx).open_many(values)
    emails = dict(zip((row.id for row in rows), texts, strict=False))
    names = dict(zip((row.id for row in named), texts[len(rows) :], strict=True))
    return {row.id: (names.get(row.id) or "", emails[row.id] or "") for row in rows}
