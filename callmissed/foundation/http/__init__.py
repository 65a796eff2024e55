"""The HTTP edge: routes that declare their access, transactions that commit before the reply, one shape for problems.

FastAPI is entered through here: a route without `access=` does not register.
"""

from callmissed.foundation.http.access import AccessRule, permits, public, signed_in
from callmissed.foundation.http.errors import (
    TITLES,
    anthropic_document,
    openai_document,
    problem_response,
    speaks_anthropic,
    wants_page,
)
from callmissed.foundation.http.middleware import Edge, EdgeLimits
from callmissed.foundation.http.router import ControlTx, Router, TenantTx, current_access, services
from callmissed.foundation.http.stream import event_stream

__all__ = [
    "TITLES",
    "AccessRule",
    "ControlTx",
    "Edge",
    "EdgeLimits",
    "Router",
    "TenantTx",
    "anthropic_document",
    "current_access",
    "event_stream",
    "openai_document",
    "permits",
    "problem_response",
    "public",
    "services",
    "signed_in",
    "speaks_anthropic",
    "wants_page",
]
