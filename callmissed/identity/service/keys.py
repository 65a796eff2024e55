"""API keys: made, listed, changed, revoked. The secret leaves once, with the reply that made it."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Literal
from uuid import UUID

from callmissed.foundation import audit, clock, directory, live
from callmissed.foundation.database import Tx
from callmissed.foundation.ids import uuid7
from callmissed.foundation.money import micro
from callmissed.identity import key_format, repository
from callmissed.identity.key_problems import (
    KeyAboveYou,
    KeyNotWorking,
    LifetimeUnusable,
    LogDaysUnusable,
    OptionUnusable,
    ScopeUnusable,
    ServiceAccountNotFound,
)
from callmissed.identity.key_rules import KeyLimits, read_limits
from callmissed.identity.key_services import KEY_OPTIONS, KEY_SCOPES, KEY_SERVICES, PROMPT_LOG
from callmissed.identity.models import ApiKey, RetiredSecret
from callmissed.identity.problems import KeyMayNothing, KeyNameMissing, KeyNotFound, TooManyKeys
from callmissed.identity.repository import key_owners, key_secrets, service_accounts
from callmissed.identity.service import key_news
from callmissed.identity.service.standing import may_all

HASH = "api_key"
TOPIC = "api_key"
LONGEST_NAME = 80
LONGEST_DAYS = 3650
MOST = 100
USUAL_LOG_DAYS, MOST_LOG_DAYS = 7, 30

KeyState = Literal["working", "expired", "revoked"]


@dataclass(frozen=True, slots=True)
class OldSecret:
    """A former secret of a key that still works, as lists show it."""

    shown: str
    works_until: datetime
    last_used_at: datetime | None


@dataclass(frozen=True, slots=True)
class KeyCard:
    """A key as lists show it. `old` are former secrets that still work."""

    id: UUID
    name: str
    shown: str
    permissions: tuple[str, ...]
    scopes: tuple[str, ...]
    options: tuple[str, ...]
    log_days: int
    bot_id: UUID | None
    limits: KeyLimits
    state: KeyState
    created_at: datetime
    expires_at: datetime | None
    last_used_at: datetime | None
    rotated_at: datetime | None
    service_account: str | None
    old: tuple[OldSecret, ...] = ()


@dataclass(frozen=True, slots=True)
class NewKey:
    """A key, or its secret, that was just made. `secret` exists nowhere else."""

    id: UUID
    name: str
    secret: str

    def __repr__(self) -> str:
        """Without the secret: a repr ends in logs."""
        return f"NewKey({self.id})"


@dataclass(frozen=True, slots=True)
class KeyWish:
    """What somebody wants a key to be: its name, the services and scopes it may use, what narrows it, and what is done besides.

    `log_days` is for how many days what it asks is kept, where that is switched on; `bot_id` is the bot whose knowledge its answers
    rest on where a request names none, which whoever wishes it has looked up.
    """

    name: str
    permissions: Collection[str] = ("llm",)
    scopes: Collection[str] = ()
    limits: KeyLimits = field(default_factory=KeyLimits)
    options: Collection[str] = ()
    log_days: int = USUAL_LOG_DAYS
    bot_id: UUID | None = None


async def create_key(
    tx: Tx,
    name: str,
    *,
    permissions: Collection[str] = ("llm",),
    scopes: Collection[str] = (),
    limits: KeyLimits | None = None,
    options: Collection[str] = (),
    log_days: int = USUAL_LOG_DAYS,
    bot_id: UUID | None = None,
    days: int | None = None,
    service_account_id: UUID | None = None,
) -> NewKey:
    """Make a key that may use these services, for so many days (None: until it is revoked).

    Raises KeyNameMissing, KeyMayNothing, ScopeUnusable, OptionUnusable, LogDaysUnusable, the Problems of `read_limits`,
    LifetimeUnusable, ServiceAccountNotFound and TooManyKeys.
    """
    wished = KeyWish(name, permissions, scopes, limits or KeyLimits(), options, log_days, bot_id)
    wish, now = _checked(tx, wished), clock.now()
    if days is not None and not 0 < days <= LONGEST_DAYS:
        raise LifetimeUnusable
    if service_account_id is not None:
        await _hold_owner(tx, service_account_id)
    if await repository.working_keys(tx, now) >= MOST:
        raise TooManyKeys
    secret = key_format.mint()
    row = ApiKey(
        tenant_id=tx.tenant_id,
        id=uuid7(),
        last_four=secret[-4:],
        secret_hash=tx.vault.keyed_hash(HASH, secret),
        expires_at=now + timedelta(days=days) if days else None,
        created_by=tx.access.actor.id if tx.access and tx.access.actor.kind == "user" else None,
        service_account_id=service_account_id,
        serial=1,
    )
    _write(row, wish)
    tx.session.add(row)
    await tx.session.flush()
    await directory.put(tx, HASH, row.secret_hash.hex(), row.id)
    leaf = await audit.record(
        tx, "identity:key:created", target=row.id, body={**_told(wish), "days": days or 0}
    )
    await key_news.tell(tx, row, "key_created", leaf)
    return NewKey(row.id, row.name, secret)


async def change_key(tx: Tx, key_id: UUID, wish: KeyWish) -> None:
    """Change what a working key is called, may do and is narrowed by, on every node within a second.

    Whoever loosens a key can use what leaked of it, so they must be allowed all of it themselves. Raises as `create_key`
    does, KeyNotFound, KeyNotWorking and KeyAboveYou.
    """
    row = await working_key(tx, key_id)
    if not may_all(tx, frozenset(row.scopes)):
        raise KeyAboveYou
    checked = _checked(tx, wish)
    if checked == _wish_of(row):
        return
    _write(row, checked)
    await announce(tx, row.id)
    leaf = await audit.record(tx, "identity:key:changed", target=row.id, body=_told(checked))
    await key_news.tell(tx, row, "key_changed", leaf)


async def options_of(tx: Tx, key_id: UUID) -> dict[str, int]:
    """What is switched on for a key now, each with its days where it has any; nothing where there is no such key."""
    row = await repository.key(tx, key_id)
    return {name: row.log_days if name == PROMPT_LOG else 0 for name in row.options} if row else {}


async def list_keys(tx: Tx) -> list[KeyCard]:
    """The workspace's keys: working ones first, newest first."""
    rows, now = await repository.keys(tx), clock.now()
    owners = {each.id: each.name for each in await service_accounts.service_accounts(tx)}
    old: dict[UUID, list[RetiredSecret]] = {}
    for each in await key_secrets.retired_secrets(tx, [row.id for row in rows]):
        if each.works_until > now:
            old.setdefault(each.key_id, []).append(each)
    cards = [_card(row, owners, old.get(row.id, ()), now) for row in rows]
    return sorted(cards, key=lambda card: card.state != "working")


async def revoke_key(tx: Tx, key_id: UUID) -> None:
    """Stop a key and its former secrets, on every node within a second. Repeating it changes nothing. Raises KeyNotFound."""
    row = await repository.key(tx, key_id, for_update=True)
    if row is None:
        raise KeyNotFound
    if row.revoked_at is None:
        await stop_keys(tx, [row])
        await audit.record(tx, "identity:key:revoked", target=row.id, body={})


async def revoke_keys_of(tx: Tx, user_id: UUID) -> int:
    """Stop the keys that a user made and no service account owns: for when they leave. Returns how many."""
    rows = await key_owners.keys_of(tx, made_by=user_id)
    if rows:
        await stop_keys(tx, rows)
        await audit.record(tx, "identity:key:maker_left", subject=user_id, body={"keys": len(rows)})
    return len(rows)


async def forget_keys(tx: Tx) -> None:
    """Have every node ask the database again about all keys of this tenant: when it closes or opens again."""
    await live.announce(tx, TOPIC, {"tenant": str(tx.tenant_id)})


async def stop_keys(tx: Tx, rows: Sequence[ApiKey]) -> None:
    """Mark keys as revoked and announce it. The caller writes the audit leaf."""
    for row in rows:
        row.revoked_at = clock.now()
        await announce(tx, row.id)


async def announce(tx: Tx, key_id: UUID) -> None:
    """Have every node ask the database again about this key, once the transaction is committed."""
    await live.announce(tx, TOPIC, {"key": str(key_id)})


async def working_key(tx: Tx, key_id: UUID) -> ApiKey:
    """A key that works, held until the transaction ends. Raises KeyNotFound and KeyNotWorking."""
    row = await repository.key(tx, key_id, for_update=True)
    if row is None:
        raise KeyNotFound
    if row.revoked_at is not None or (row.expires_at is not None and row.expires_at <= clock.now()):
        raise KeyNotWorking
    return row


async def _hold_owner(tx: Tx, account_id: UUID) -> None:
    """Keep a service account open until the transaction ends. Raises ServiceAccountNotFound."""
    if await service_accounts.service_account(tx, account_id, for_update=True) is None:
        raise ServiceAccountNotFound


def _checked(tx: Tx, wish: KeyWish) -> KeyWish:
    """The wish in the form it is kept. A scope must be the caller's own."""
    plain = " ".join(wish.name.split())
    if not 0 < len(plain) <= LONGEST_NAME:
        raise KeyNameMissing
    services = sorted(set(wish.permissions) & KEY_SERVICES.keys())
    scopes = sorted(set(wish.scopes))
    for each in scopes:
        if each not in KEY_SCOPES or tx.access is None or not tx.access.may(each):
            raise ScopeUnusable
    if not services and not scopes:
        raise KeyMayNothing
    options = sorted(set(wish.options))
    if not set(options) <= set(KEY_OPTIONS):
        raise OptionUnusable
    if not 0 < wish.log_days <= MOST_LOG_DAYS:
        raise LogDaysUnusable
    return KeyWish(plain, services, scopes, read_limits(wish.limits), options, wish.log_days, wish.bot_id)


def _write(row: ApiKey, wish: KeyWish) -> None:
    limits = wish.limits
    row.name, row.permissions, row.scopes = wish.name, list(wish.permissions), list(wish.scopes)
    row.requests_per_minute, row.tokens_per_minute = limits.requests_per_minute, limits.tokens_per_minute
    row.monthly_budget, row.end_user_budget = limits.monthly_budget, limits.end_user_budget
    row.options = list(wish.options)
    row.log_days, row.bot_id = wish.log_days, wish.bot_id
    row.models, row.origins, row.networks = list(limits.models), list(limits.origins), list(limits.networks)


def _wish_of(row: ApiKey) -> KeyWish:
    """What is decided about a key now."""
    return KeyWish(
        row.name,
        list(row.permissions),
        list(row.scopes),
        _limits(row),
        list(row.options),
        row.log_days,
        row.bot_id,
    )


def _told(wish: KeyWish) -> dict[str, object]:
    """What the audit leaf says of a key: what it may do and how it is narrowed, without names and addresses."""
    limits = wish.limits
    return {
        "permissions": list(wish.permissions), "scopes": list(wish.scopes), "budget_micro": limits.monthly_budget or 0,
        "end_user_budget_micro": limits.end_user_budget or 0,
        "requests_per_minute": limits.requests_per_minute or 0, "tokens_per_minute": limits.tokens_per_minute or 0,
        "models": len(limits.models), "origins": len(limits.origins), "networks": len(limits.networks),
        "options": list(wish.options), "log_days": wish.log_days,
        "grounded": wish.bot_id is not None,
    }  # fmt: skip


def _limits(row: ApiKey) -> KeyLimits:
    rates = row.requests_per_minute, row.tokens_per_minute
    lists = tuple(row.models), tuple(row.origins), tuple(row.networks)
    return KeyLimits(*rates, micro(row.monthly_budget), *lists, micro(row.end_user_budget))


def _card(row: ApiKey, owners: dict[UUID, str], old: Sequence[RetiredSecret], now: datetime) -> KeyCard:
    state: KeyState = "working"
    if row.revoked_at is not None:
        state = "revoked"
    elif row.expires_at is not None and row.expires_at <= now:
        state = "expired"
    return KeyCard(
        row.id,
        row.name,
        key_format.shown(row.last_four),
        tuple(row.permissions),
        tuple(row.scopes),
        tuple(row.options),
        row.log_days,
        row.bot_id,
        _limits(row),
        state,
        row.created_at,
        row.expires_at,
        row.last_used_at,
        row.rotated_at,
        owners.get(row.service_account_id) if row.service_account_id else None,
        tuple(
            OldSecret(key_format.shown(each.last_four), each.works_until, each.last_used_at) for each in old
        ),
    )
