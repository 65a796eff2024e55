"""Standing: what a member may do, and what a caller may therefore do to a member. The rules of the team, in one place.

Nobody gives what they do not have, nobody acts on somebody who has more, and what makes an owner cannot be given at all.
"""

from dataclasses import dataclass
from uuid import UUID

from callmissed.foundation.database import Tx
from callmissed.identity.models import Invitation, Membership
from callmissed.identity.repository import team
from callmissed.identity.roles import GIVABLE, ROLES, permissions_of
from callmissed.identity.team_problems import MoreThanYours, RoleUnknown

CUSTOM = "custom"


@dataclass(frozen=True, slots=True)
class Given:
    """A role as it is given to somebody: one of ours, or `custom` with the id of one that the workspace made."""

    role: str
    role_id: UUID | None
    permissions: frozenset[str]


async def permissions_in(tx: Tx, held: Membership | Invitation) -> frozenset[str]:
    """What this member may do, or may do once they have accepted. A role that is gone allows nothing."""
    if held.role != CUSTOM or held.role_id is None:
        return permissions_of(held.role)
    made = await team.custom_role(tx, held.role_id)
    return frozenset(made.permissions) & GIVABLE if made else frozenset()


async def read_role(tx: Tx, wished: str) -> Given:
    """The role of this name, or of this id. Raises RoleUnknown, also for `owner`: that is handed on, not given."""
    if wished in ROLES and wished != "owner":
        return Given(wished, None, permissions_of(wished))
    try:
        role_id = UUID(wished)
    except ValueError:
        raise RoleUnknown from None
    made = await team.custom_role(tx, role_id)
    if made is None:
        raise RoleUnknown
    return Given(CUSTOM, made.id, frozenset(made.permissions) & GIVABLE)


def may_all(tx: Tx, permissions: frozenset[str]) -> bool:
    """Whether the caller holds every one of these."""
    return tx.access is not None and all(tx.access.may(each) for each in permissions)


def require_all(tx: Tx, permissions: frozenset[str]) -> None:
    """Raise MoreThanYours unless the caller holds every one of these."""
    if not may_all(tx, permissions):
        raise MoreThanYours
