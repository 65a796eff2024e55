"""Who is here: people, the workspaces they work in, how they sign in, and the keys that call for a workspace.

An account holds name, e-mail, optional phone, organisation and role, nothing else. No password exists; codes, session
tokens and key secrets are kept as keyed hashes only.
"""

from pathlib import Path

from callmissed.foundation.mail import declare_templates
from callmissed.identity.key_access import KeyAccess
from callmissed.identity.key_rules import KeyLimits, read_budget, typed_limits
from callmissed.identity.key_services import (
    CACHE,
    COMPRESSION,
    IMAGE_HISTORY,
    KEY_OPTIONS,
    KEY_SCOPES,
    KEY_SERVICES,
    MASKING,
    PROMPT_LOG,
    REPAIR,
    service_of,
)
from callmissed.identity.key_tokens import LONGEST_SECONDS as LONGEST_TOKEN_SECONDS
from callmissed.identity.key_tokens import mint as mint_token
from callmissed.identity.keyring import KeyRing
from callmissed.identity.remainder import Kind, Registration, Remainder, Remains
from callmissed.identity.roles import GIVABLE, ROLES
from callmissed.identity.service import (
    accounts,
    alerts,
    children,
    custom_roles,
    email_change,
    erasing,
    invitations,
    keys,
    leaving,
    members,
    onboarding,
    own_keys,
    ownership,
    proofs,
    residency,
    rotation,
    service_accounts,
    sessions,
    sign_in,
    staff,
    ways_in,
    workspaces,
)
from callmissed.identity.service.callers import Callers
from callmissed.identity.service.keys import create_key, list_keys, revoke_key
from callmissed.identity.service.members import MemberLeft
from callmissed.identity.service.onboarding import TenantCreated, workspace
from callmissed.identity.service.readers import Reader, readers

declare_templates("identity", Path(__file__).resolve().parent / "mail")

__all__ = [
    "CACHE",
    "COMPRESSION",
    "GIVABLE",
    "IMAGE_HISTORY",
    "KEY_OPTIONS",
    "KEY_SCOPES",
    "KEY_SERVICES",
    "LONGEST_TOKEN_SECONDS",
    "MASKING",
    "PROMPT_LOG",
    "REPAIR",
    "ROLES",
    "Callers",
    "KeyAccess",
    "KeyLimits",
    "KeyRing",
    "Kind",
    "MemberLeft",
    "Reader",
    "Registration",
    "Remainder",
    "Remains",
    "TenantCreated",
    "accounts",
    "alerts",
    "children",
    "create_key",
    "custom_roles",
    "email_change",
    "erasing",
    "invitations",
    "keys",
    "leaving",
    "list_keys",
    "members",
    "mint_token",
    "onboarding",
    "own_keys",
    "ownership",
    "proofs",
    "read_budget",
    "readers",
    "residency",
    "revoke_key",
    "rotation",
    "service_accounts",
    "service_of",
    "sessions",
    "sign_in",
    "staff",
    "typed_limits",
    "ways_in",
    "workspace",
    "workspaces",
]
