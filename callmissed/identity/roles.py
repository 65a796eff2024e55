"""Roles, as data: what each may do in its tenant. A role is a named set of permissions and nothing more (Policy §3)."""

from types import MappingProxyType

READ = frozenset(
    {"inbox.read", "bots.read", "knowledge.read", "contacts.read", "usage.read", "privacy.read", "team.read"}
)
ANSWER = frozenset({"inbox.reply", "contacts.write"})
BUILD = frozenset(
    {
        "bots.write",
        "knowledge.write",
        "keys.read",
        "keys.write",
        "playground.use",
        "prompts.read",
        "cache.write",
    }
)
PAY = frozenset({"billing.read", "billing.write", "usage.read"})
RUN = frozenset(
    {
        "team.write", "privacy.write", "audit.read", "contacts.erase", "channels.write", "billing.read",
        "residency.write",
    }
)  # fmt: skip
GUARD = frozenset(
    {"contacts.read", "contacts.erase", "privacy.read", "privacy.write", "audit.read", "team.read"}
)
OWN = frozenset({"tenant.write", "tenant.close", "owner.transfer"})

ROLES: MappingProxyType[str, frozenset[str]] = MappingProxyType(
    {
        "owner": READ | ANSWER | BUILD | PAY | RUN | OWN,
        "admin": READ | ANSWER | BUILD | PAY | RUN,
        "developer": READ | BUILD | {"channels.write"},
        "teammate": READ | ANSWER,
        "billing": PAY | {"team.read", "privacy.read"},
        "privacy": GUARD,
    }
)
"""Role to its permissions. A permission is "room.verb"; a route asks for exactly one."""

GIVABLE = ROLES["admin"]
"""What a role made by a workspace may hold: everything but what makes an owner."""


def permissions_of(role: str) -> frozenset[str]:
    """The permissions of a role. Raises KeyError for an unknown one."""
    return ROLES[role]
