"""Who is here: people, the workspaces they work in, how they sign in, and the keys that call for a workspace.

An account holds name, e-mail, optional phone, organisation and role, nothing else. No password exists; codes, session
tokens and key secrets are kept as keyed hashes only.
"""

from pathlib import Path

from callmissed.foundation.mail import declare_templates
from callmissed.identity.keyring import KeyAccess, KeyRing
from callmissed.identity.roles import KEY_SERVICES
from callmissed.identity.service import accounts, onboarding, sessions, sign_in, ways_in
from callmissed.identity.service.keys import create_key, list_keys, revoke_key
from callmissed.identity.service.onboarding import TenantCreated, workspace

declare_templates("identity", Path(__file__).resolve().parent / "mail")

__all__ = [
    "KEY_SERVICES",
    "KeyAccess",
    "KeyRing",
    "TenantCreated",
    "accounts",
    "create_key",
    "list_keys",
    "onboarding",
    "revoke_key",
    "sessions",
    "sign_in",
    "ways_in",
    "workspace",
]
