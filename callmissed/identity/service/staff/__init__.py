"""The operator's staff: members and what they signed, access to a tenant that it approved, the glass, and what was read.

Everything here starts from a person of staff and ends in the audit log of the tenant it touches.
"""

from callmissed.identity.service.staff.access import (
    AccessState,
    Asked,
    Card,
    Step,
    acknowledge,
    approve,
    ask,
    broken_glass,
    card,
    cards,
    end,
    leave,
    refuse,
    story,
)
from callmissed.identity.service.staff.console import TenantLine, asked_in, tenants
from callmissed.identity.service.staff.glass import begin, second
from callmissed.identity.service.staff.members import (
    FRESH,
    Staff,
    add,
    people,
    remove,
    sign,
    standing,
    working,
)
from callmissed.identity.service.staff.reading import look, write_down
from callmissed.identity.staff_roles import SCOPES, STAFF_ROLES
from callmissed.identity.undertakings import Undertaking, text_in, texts

__all__ = [
    "FRESH",
    "SCOPES",
    "STAFF_ROLES",
    "AccessState",
    "Asked",
    "Card",
    "Staff",
    "Step",
    "TenantLine",
    "Undertaking",
    "acknowledge",
    "add",
    "approve",
    "ask",
    "asked_in",
    "begin",
    "broken_glass",
    "card",
    "cards",
    "end",
    "leave",
    "look",
    "people",
    "refuse",
    "remove",
    "second",
    "sign",
    "standing",
    "story",
    "tenants",
    "text_in",
    "texts",
    "working",
    "write_down",
]
