"""For whom a call is made: the customer of a workspace, as the workspace calls them. A key may limit what each of them costs.

What they are called is kept by nobody: money is counted for a keyed hash of it, which is of use to this workspace alone.
"""

from collections.abc import Mapping
from uuid import UUID

import msgspec

from callmissed.billing import EndUserBudget
from callmissed.foundation.vault import Vault
from callmissed.gateway.problems import EndUserUnusable
from callmissed.identity import KeyAccess

HEADER = b"x-end-user"
MEMBERS = ("safety_identifier", "user")
"""Where OpenAI's clients name them, the newer member first. Anthropic's `metadata.user_id` has become `user` when it is read."""
LONGEST = 512
TAGGED = "end_user_spend.id"
"""Where the tag stands: it means nothing anywhere else."""

_text = msgspec.json.Decoder(str)


def budget_of(
    vault: Vault, key: KeyAccess, header: bytes | None, extra: Mapping[str, msgspec.Raw] | None
) -> EndUserBudget | None:
    """What the key lets the end user of a call cost; None where it does not limit that. Calls that name nobody count together.

    In a browser people would name themselves: there it is whom the token was made for, and nobody otherwise.
    `header` is the value of `HEADER`, `extra` the members of the call. Raises EndUserUnusable.
    """
    if key.end_user_budget is None:
        return None
    if key.in_browsers:
        header, extra = None, None
    tag = key.end_user or end_user_tag(vault, key.tenant_id, header, extra)
    return EndUserBudget(tag, key.end_user_budget)


def end_user_tag(
    vault: Vault, tenant_id: UUID, header: bytes | None, extra: Mapping[str, msgspec.Raw] | None = None
) -> UUID:
    """By what the end user of a call is counted in this workspace. Raises EndUserUnusable."""
    return UUID(bytes=vault.blind_index(tenant_id, TAGGED, _named(header, extra or {})))


def _named(header: bytes | None, extra: Mapping[str, msgspec.Raw]) -> str:
    if header is not None:
        found = header.decode("utf-8", "replace").strip()
    else:
        found = next((_read(extra[name]) for name in MEMBERS if name in extra), "")
    if len(found) > LONGEST:
        raise EndUserUnusable(param="user")
    return found


def _read(member: msgspec.Raw) -> str:
    try:
        return _text.decode(member).strip()
    except msgspec.DecodeError:
        if bytes(member) == b"null":
            return ""
        raise EndUserUnusable(param="user") from None
