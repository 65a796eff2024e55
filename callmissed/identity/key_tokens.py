"""Short-lived tokens for browsers and sockets: made from a key by a server, checked without the database.

`cmt_`, what the token says (MessagePack), a dot, and its HMAC-SHA-256 under a key derived from the keyring; both parts in
base64url (RFC 4648 §5) without padding. A token names its key and the secret it was made with: when either stops, it stops.
"""

import base64
import binascii
import hmac
import re
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from uuid import UUID

import msgspec

from callmissed.foundation import clock
from callmissed.foundation.tenancy import Access
from callmissed.foundation.vault import Vault
from callmissed.identity.key_access import KeyAccess
from callmissed.identity.key_problems import (
    OriginNotAllowed,
    TokenExpired,
    TokenMalformed,
    TokenMayNotMint,
    TokenTooWide,
)
from callmissed.identity.key_rules import read_origin

PREFIX = "cmt_"
LONGEST_SECONDS = 300
LONGEST = 4_000
"""Characters: more than any token of ours has."""

MAC = "key_token"
_FORM = re.compile(r"cmt_[A-Za-z0-9_-]{40,}\.[A-Za-z0-9_-]{43}")


class Claims(msgspec.Struct, array_like=True, frozen=True, forbid_unknown_fields=True):
    """What a token says. `ends` is in seconds since 1970; `origin` is the one website it works from, or None.

    `end_user` is the tag of whom it was made for; the last, and left out where it is nobody, as in tokens of the release before.
    """

    version: int
    tenant: UUID
    key: UUID
    serial: int
    ends: float
    scopes: list[str]
    origin: str | None
    end_user: UUID | None = None


@dataclass(frozen=True, slots=True)
class NewToken:
    """A token that was just made. It is kept nowhere."""

    token: str
    expires_at: datetime
    scopes: tuple[str, ...]
    origin: str | None

    def __repr__(self) -> str:
        """Without the token: a repr ends in logs."""
        return f"NewToken({self.expires_at})"


_encode = msgspec.msgpack.Encoder(uuid_format="bytes").encode
_decode = msgspec.msgpack.Decoder(Claims).decode


def mint(
    vault: Vault,
    key: KeyAccess,
    seconds: int,
    scopes: list[str] | None,
    origin: str | None,
    end_user: UUID | None = None,
) -> NewToken:
    """A token that lives for so many seconds (1 to 300), may do these of what the key may (None: all), from there, for that end user.

    Raises TokenMayNotMint, TokenTooWide, OriginsUnusable and OriginNotAllowed.
    """
    if key.by_token:
        raise TokenMayNotMint
    given = key.access.permissions if scopes is None else frozenset(scopes)
    if not given or not given <= key.access.permissions:
        raise TokenTooWide(param="scopes")
    site = read_origin(origin) if origin is not None else None
    if key.origins and site is not None and site not in key.origins:
        raise OriginNotAllowed(param="origin")
    ends = clock.now() + timedelta(seconds=seconds)
    if key.expires_at is not None:
        ends = min(ends, key.expires_at)
    claims = Claims(1, key.tenant_id, key.key_id, key.serial, ends.timestamp(), sorted(given), site, end_user)
    said = msgspec.structs.astuple(claims)
    body = PREFIX + _text(_encode(said if end_user else said[:-1]))
    token = f"{body}.{_text(vault.keyed_hash(MAC, body))}"
    return NewToken(token, datetime.fromtimestamp(claims.ends, UTC), tuple(claims.scopes), site)


def read(vault: Vault, token: str) -> Claims:
    """What a token of ours says, while it lives. Raises TokenMalformed and TokenExpired."""
    if len(token) > LONGEST or _FORM.fullmatch(token) is None:
        raise TokenMalformed
    body, _, mac = token.rpartition(".")
    if not hmac.compare_digest(_text(vault.keyed_hash(MAC, body)), mac):
        raise TokenMalformed
    try:
        claims = _decode(_bytes(body[len(PREFIX) :]))
    except (msgspec.DecodeError, binascii.Error):
        raise TokenMalformed from None
    if claims.ends <= clock.now().timestamp():
        raise TokenExpired
    return claims


def narrowed(key: KeyAccess, claims: Claims) -> KeyAccess:
    """What a token gives: of its key's standing, what it was made for and what the key may still do.

    A token for a website is bound to it instead of the key's address ranges: its visitors are at home.
    """
    kept = key.access.permissions.intersection(claims.scopes)
    standing = Access(key.access.tenant_id, key.access.actor, kept)
    if claims.origin is None:
        return replace(key, access=standing, by_token=True, end_user=claims.end_user)
    return replace(
        key,
        access=standing,
        origins=frozenset((claims.origin,)),
        networks=None,
        by_token=True,
        end_user=claims.end_user,
    )


def _text(raw: bytes) -> str:
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode()


def _bytes(text: str) -> bytes:
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))
