"""All SQL of the room. Queries on tenant tables name the tenant; the others name the person, or a keyed hash."""

from callmissed.identity.repository.accounts import account, account_under, erase_rows, unfinished_accounts
from callmissed.identity.repository.keys import key, keys, working_keys
from callmissed.identity.repository.sessions import enter_workspace, remove_sessions, session_under
from callmissed.identity.repository.sign_in import (
    code_under,
    codes_past,
    counter,
    remove_codes,
    remove_counters,
    replace_code,
)
from callmissed.identity.repository.tenants import membership, tenant

__all__ = [
    "account",
    "account_under",
    "code_under",
    "codes_past",
    "counter",
    "enter_workspace",
    "erase_rows",
    "key",
    "keys",
    "membership",
    "remove_codes",
    "remove_counters",
    "remove_sessions",
    "replace_code",
    "session_under",
    "tenant",
    "unfinished_accounts",
    "working_keys",
]
