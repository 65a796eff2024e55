"""Who is asking: an `Access` names the tenant, the actor and what it may do. Everything below the edge starts from one."""

from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Literal
from uuid import UUID

from callmissed.foundation import clock
from callmissed.foundation.problems import Forbidden

ActorKind = Literal["user", "key", "visitor", "system", "staff"]


@dataclass(frozen=True, slots=True)
class Actor:
    """Who acts: a signed-in user, an API key, a visitor of a widget, the system itself, or the operator's staff."""

    kind: ActorKind
    id: UUID | None = None


SYSTEM = Actor("system")

FRESH = timedelta(minutes=15)
"""How long a proof of who is there lets dangerous things be done."""

PAST_CLOSED_DOORS = frozenset({"recovery", "erasure", "audit", "verification"})
"""Purposes that enter a closed tenant: to open it again, to erase it, to prove what was done."""


@dataclass(frozen=True, slots=True)
class Access:
    """One caller's standing in one tenant: who, where, with which permissions, and for which declared purpose.

    `session_id` and `verified_at` belong to people: which of their sessions asks, and when they last proved who they are.
    """

    tenant_id: UUID
    actor: Actor
    permissions: frozenset[str] = field(default_factory=frozenset[str])
    purpose: str = "service"
    session_id: UUID | None = None
    verified_at: datetime | None = None
    approval: UUID | None = None
    """Staff only: the tenant's approval, or the broken glass, under which they look into it."""

    @property
    def is_fresh(self) -> bool:
        """Whether whoever signed in has shown lately that it is them."""
        return self.verified_at is not None and self.verified_at + FRESH > clock.now()

    @property
    def bound_to(self) -> tuple[UUID, ...]:
        """Whose end ends what this caller has open: the tenant's, the session's, the person's."""
        return tuple(each for each in (self.tenant_id, self.session_id, self.actor.id) if each)

    @classmethod
    def system(cls, tenant_id: UUID, purpose: str = "service") -> "Access":
        """The standing of a job or of the installation itself inside a tenant."""
        return cls(tenant_id, SYSTEM, frozenset({"*"}), purpose)

    def may(self, permission: str) -> bool:
        """Whether this caller holds the permission. "*" holds all."""
        return permission in self.permissions or "*" in self.permissions

    def require(self, permission: str) -> None:
        """Raise Forbidden unless the caller holds the permission."""
        if not self.may(permission):
            raise Forbidden(permission=permission)
