"""Who is asking: an `Access` names the tenant, the actor and what it may do. Everything below the edge starts from one."""

from dataclasses import dataclass, field
from typing import Literal
from uuid import UUID

from callmissed.foundation.problems import Forbidden

ActorKind = Literal["user", "key", "visitor", "system", "staff"]


@dataclass(frozen=True, slots=True)
class Actor:
    """Who acts: a signed-in user, an API key, a visitor of a widget, the system itself, or the operator's staff."""

    kind: ActorKind
    id: UUID | None = None


SYSTEM = Actor("system")


@dataclass(frozen=True, slots=True)
class Access:
    """One caller's standing in one tenant: who, where, with which permissions, and for which declared purpose."""

    tenant_id: UUID
    actor: Actor
    permissions: frozenset[str] = field(default_factory=frozenset[str])
    purpose: str = "service"

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
