"""The operator's staff, as data: what each role may do about the installation, and which parts of a tenant it may ask to see.

No role has standing access to what a tenant holds. These permissions begin with `operator.` and open nothing else; a tenant's
roles (`roles.py`) open nothing of the operator's.
"""

from dataclasses import dataclass
from types import MappingProxyType


@dataclass(frozen=True, slots=True)
class StaffRole:
    """A named set of permissions, and the scopes its holders may ask a tenant for."""

    permissions: frozenset[str]
    scopes: tuple[str, ...] = ()


SCOPES: MappingProxyType[str, frozenset[str]] = MappingProxyType(
    {
        "conversation": frozenset({"inbox.read"}),
        "bots": frozenset({"bots.read"}),
        "usage": frozenset({"usage.read"}),
        "billing": frozenset({"billing.read"}),
    }
)
"""What can be asked for: one conversation, or one kind of page; each with the reading permissions it gives."""

HOME = frozenset({"operator.home", "operator.promises"})
TENANTS = frozenset({"operator.tenants"})
ASK = frozenset({"operator.access", "operator.ask"})
WATCH = frozenset(
    {"operator.staff", "operator.access", "operator.audit", "operator.holds", "operator.sealed"}
)
KEEPING = frozenset({"operator.hold", "operator.release"})
SECOND = frozenset({"operator.second"})
GLASS = frozenset({"operator.glass"})

STAFF_ROLES: MappingProxyType[str, StaffRole] = MappingProxyType(
    {
        "support": StaffRole(HOME | TENANTS | ASK | SECOND, ("conversation", "bots", "usage", "billing")),
        "finance": StaffRole(HOME | TENANTS | ASK | {"operator.payments"}, ("usage", "billing")),
        "security": StaffRole(
            HOME | TENANTS | ASK | WATCH | SECOND | GLASS | KEEPING | {"operator.incidents"}, tuple(SCOPES)
        ),
        "grievance": StaffRole(HOME | TENANTS | ASK | SECOND | {"operator.grievances"}, ("conversation",)),
        "privacy": StaffRole(
            HOME
            | TENANTS
            | WATCH
            | SECOND
            | KEEPING
            | {"operator.incidents", "operator.grievances", "operator.policy"},
            (),
        ),
        "auditor": StaffRole(HOME | WATCH, ()),
    }
)
"""Role to what it may. `operator.glass` begins breaking the glass, `operator.second` is the other person it takes. `operator.hold`
places legal holds, `operator.release` hands out what is sealed; releasing either takes two people who may."""
