"""Roles that a workspace makes itself, out of the same permissions as ours."""

from collections.abc import Collection
from dataclasses import dataclass
from uuid import UUID

from callmissed.foundation import audit
from callmissed.foundation.database import Tx
from callmissed.foundation.ids import uuid7
from callmissed.identity.models import CustomRole
from callmissed.identity.repository import team
from callmissed.identity.roles import GIVABLE, ROLES
from callmissed.identity.service import members
from callmissed.identity.service.standing import may_all, require_all
from callmissed.identity.team_problems import (
    AboveYou,
    MoreThanYours,
    RoleInUse,
    RoleMayNothing,
    RoleNameMissing,
    RoleNotFound,
    TooManyRoles,
)

LONGEST_NAME = 40
MOST = 20


@dataclass(frozen=True, slots=True)
class RoleCard:
    """A role as lists show it: `value` is what gives it, `name` is empty for ours, whose names are translated."""

    value: str
    name: str
    permissions: frozenset[str]
    may_give: bool

    @property
    def made_here(self) -> bool:
        """Whether the workspace made it."""
        return bool(self.name)


async def list_roles(tx: Tx) -> list[RoleCard]:
    """Every role of the workspace: ours first, the owner's before all."""
    ours = [
        RoleCard(name, "", permissions, name != "owner" and may_all(tx, permissions))
        for name, permissions in ROLES.items()
    ]
    return ours + [_card(tx, row) for row in await team.custom_roles(tx)]


async def role_card(tx: Tx, role_id: UUID) -> RoleCard:
    """One role that the workspace made. Raises RoleNotFound."""
    return _card(tx, await _existing(tx, role_id))


async def make_role(tx: Tx, name: str, permissions: Collection[str]) -> UUID:
    """Make a role that allows this. Raises RoleNameMissing, RoleMayNothing, MoreThanYours and TooManyRoles."""
    await team.hold_tenant(tx)
    allowed = _checked(tx, permissions)
    if len(await team.custom_roles(tx)) >= MOST:
        raise TooManyRoles
    row = CustomRole(
        tenant_id=tx.tenant_id,
        id=uuid7(),
        name=await _free_name(tx, name),
        permissions=allowed,
        created_by=tx.access.actor.id if tx.access else None,
    )
    tx.session.add(row)
    await tx.session.flush()
    await audit.record(tx, "identity:role:made", target=row.id, body={"permissions": allowed})
    return row.id


async def change_role(tx: Tx, role_id: UUID, name: str, permissions: Collection[str]) -> None:
    """Say anew what a role allows, for everybody who has it and at once; keys they made that go beyond it end.

    Raises RoleNotFound, AboveYou when it allows more than the caller may, and what `make_role` raises.
    """
    await team.hold_tenant(tx)
    row = await _existing(tx, role_id)
    if not may_all(tx, frozenset(row.permissions)):
        raise AboveYou
    before, allowed = list(row.permissions), _checked(tx, permissions)
    row.name = await _free_name(tx, name, role_id)
    row.permissions = allowed
    await tx.session.flush()
    for user_id in await team.members_with(tx, role_id):
        await members.stop_keys_beyond(tx, user_id, frozenset(allowed))
        await team.forget_proofs(tx, user_id)
    await audit.record(
        tx, "identity:role:changed", target=row.id, body={"before": before, "permissions": allowed}
    )


async def remove_role(tx: Tx, role_id: UUID) -> None:
    """Remove a role that nobody has. Raises RoleNotFound, AboveYou and RoleInUse."""
    await team.hold_tenant(tx)
    row = await _existing(tx, role_id)
    if not may_all(tx, frozenset(row.permissions)):
        raise AboveYou
    if await team.role_is_used(tx, role_id):
        raise RoleInUse
    await team.remove_role(tx, role_id)
    await audit.record(tx, "identity:role:removed", target=role_id, body={})


def _checked(tx: Tx, permissions: Collection[str]) -> list[str]:
    wished = frozenset(permissions)
    if not wished:
        raise RoleMayNothing
    if wished - GIVABLE:
        raise MoreThanYours
    require_all(tx, wished)
    return sorted(wished)


async def _free_name(tx: Tx, typed: str, own: UUID | None = None) -> str:
    name = " ".join(typed.split())
    taken = {row.name.casefold() for row in await team.custom_roles(tx) if row.id != own} | ROLES.keys()
    if not 0 < len(name) <= LONGEST_NAME or name.casefold() in taken:
        raise RoleNameMissing
    return name


async def _existing(tx: Tx, role_id: UUID) -> CustomRole:
    row = await team.custom_role(tx, role_id, for_update=True)
    if row is None:
        raise RoleNotFound
    return row


def _card(tx: Tx, row: CustomRole) -> RoleCard:
    permissions = frozenset(row.permissions) & GIVABLE
    return RoleCard(str(row.id), row.name, permissions, may_all(tx, permissions))
