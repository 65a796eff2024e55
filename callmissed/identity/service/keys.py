"""API keys: made, listed, revoked. The secret leaves once, with the reply that made it."""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Literal
from uuid import UUID

from callmissed.foundation import audit, clock, directory, live
from callmissed.foundation.database import Tx
from callmissed.foundation.ids import uuid7
from callmissed.foundation.money import Micro
from callmissed.identity import key_format, repository
from callmissed.identity.models import ApiKey
from callmissed.identity.problems import KeyMayNothing, KeyNameMissing, KeyNotFound, TooManyKeys
from callmissed.identity.roles import KEY_SERVICES

HASH = "api_key"
TOPIC = "api_key"
LONGEST_NAME = 80
MOST = 100

KeyState = Literal["working", "expired", "revoked"]


@dataclass(frozen=True, slots=True)
class KeyCard:
    """A key as lists show it."""

    id: UUID
    name: str
    shown: str
    permissions: tuple[str, ...]
    state: KeyState
    monthly_budget: Micro | None
    created_at: datetime
    expires_at: datetime | None
    last_used_at: datetime | None


@dataclass(frozen=True, slots=True)
class NewKey:
    """A key that was just made. `secret` exists nowhere else."""

    id: UUID
    name: str
    secret: str

    def __repr__(self) -> str:
        """Without the secret: a repr ends in logs."""
        return f"NewKey({self.id})"


async def create_key(
    tx: Tx,
    name: str,
    *,
    permissions: Collection[str] = ("llm",),
    days: int | None = None,
    monthly_budget: Micro | None = None,
) -> NewKey:
    """Make a key that may use these services, for so many days (None: until it is revoked).

    Raises KeyNameMissing, KeyMayNothing and TooManyKeys.
    """
    plain, now = " ".join(name.split()), clock.now()
    if not 0 < len(plain) <= LONGEST_NAME:
        raise KeyNameMissing
    allowed = sorted(set(permissions) & KEY_SERVICES.keys())
    if not allowed:
        raise KeyMayNothing
    if await repository.working_keys(tx, now) >= MOST:
        raise TooManyKeys
    secret = key_format.mint()
    row = ApiKey(
        tenant_id=tx.tenant_id,
        id=uuid7(),
        name=plain,
        last_four=secret[-4:],
        secret_hash=tx.vault.keyed_hash(HASH, secret),
        permissions=allowed,
        monthly_budget=monthly_budget,
        expires_at=now + timedelta(days=days) if days else None,
        created_by=tx.access.actor.id if tx.access else None,
    )
    tx.session.add(row)
    await tx.session.flush()
    await directory.put(tx, HASH, row.secret_hash.hex(), row.id)
    await audit.record(
        tx, "identity:key:created", target=row.id, body={"permissions": allowed, "days": days or 0}
    )
    return NewKey(row.id, plain, secret)


async def list_keys(tx: Tx) -> list[KeyCard]:
    """The workspace's keys: working ones first, newest first."""
    cards = [_card(row) for row in await repository.keys(tx)]
    return sorted(cards, key=lambda card: card.state != "working")


async def revoke_key(tx: Tx, key_id: UUID) -> None:
    """Stop a key, on every node within a second. Repeating it changes nothing. Raises KeyNotFound."""
    row = await repository.key(tx, key_id, for_update=True)
    if row is None:
        raise KeyNotFound
    if row.revoked_at is not None:
        return
    row.revoked_at = clock.now()
    await live.announce(tx, TOPIC, {"hash": row.secret_hash.hex()})
    await audit.record(tx, "identity:key:revoked", target=row.id, body={})


def _card(row: ApiKey) -> KeyCard:
    state: KeyState = "working"
    if row.revoked_at is not None:
        state = "revoked"
    elif row.expires_at is not None and row.expires_at <= clock.now():
        state = "expired"
    return KeyCard(
        row.id,
        row.name,
        key_format.shown(row.last_four),
        tuple(row.permissions),
        state,
        Micro(row.monthly_budget) if row.monthly_budget is not None else None,
        row.created_at,
        row.expires_at,
        row.last_used_at,
    )
