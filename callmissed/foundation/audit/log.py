"""Writing leaves, and reading them back."""

import secrets
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from hashlib import sha256
from typing import Any
from uuid import UUID

from sqlalchemy import func, insert, select

from callmissed.foundation import clock
from callmissed.foundation.audit.models import AuditLeaf, AuditPending
from callmissed.foundation.audit.verify import digest_of
from callmissed.foundation.database import Tx
from callmissed.foundation.ids import uuid7
from callmissed.foundation.tenancy import SYSTEM, Actor
from callmissed.foundation.vault import TenantVault

SALT_CLASS = "audit"
"""The retention class of the key that seals a leaf's salt: erasing the person destroys it with the others."""


async def record(
    tx: Tx,
    action: str,
    *,
    subject: UUID | None = None,
    target: UUID | None = None,
    body: Mapping[str, Any] | None = None,
    actor: Actor | None = None,
) -> UUID:
    """Write one leaf in this transaction, and return its id.

    `action` is "room:subject:action". `subject` is the person it is about: only a salted commitment is kept, and the
    salt is sealed under the person's key, so that nobody can link the leaf to an erased person. `target` is the row;
    when it is the person's own, it is left out for that reason. `body` holds text, whole numbers, truth values, lists
    and maps, and no personal data. `actor` defaults to the caller. Raises NotCanonical for any other value in the body.
    """
    who = actor or (tx.access.actor if tx.access else SYSTEM)
    leaf_id, at = uuid7(), clock.now()
    salt = secrets.token_bytes(32) if subject else b""
    values: dict[str, Any] = {
        "tenant_id": tx.tenant_id,
        "id": leaf_id,
        "created_at": at,
        "actor_kind": who.kind,
        "actor_id": who.id,
        "action": action,
        "subject": commitment(salt, subject) if subject else None,
        "subject_salt": await _seal(tx.vault, leaf_id, subject, salt) if subject else None,
        "target_id": None if target == subject else target,
        "body": dict(body or {}),
    }
    values["digest"] = digest_of(as_record(values))
    waiting = {"leaf_id": leaf_id, "leaf_tenant": tx.tenant_id, "digest": values["digest"], "at": at}
    leaf = insert(AuditLeaf).values(values).cte("leaf")
    statement = insert(AuditPending).values(waiting).add_cte(leaf)
    async with tx.as_operator():
        await tx.session.execute(statement)
    return leaf_id


def commitment(salt: bytes, subject: UUID) -> bytes:
    """SHA-256 of a 32-byte salt and the person's id: says nothing without the salt."""
    return sha256(salt + subject.bytes).digest()


async def _seal(vault: TenantVault, leaf_id: UUID, subject: UUID, salt: bytes) -> bytes:
    return (await vault.person(subject, SALT_CLASS)).seal(AuditLeaf.subject_salt, leaf_id, salt)


def as_record(leaf: Mapping[str, Any]) -> dict[str, Any]:
    """The record that is hashed: every column of a leaf but the digest and the sealed salt."""
    return {
        "v": 1,
        "tenant": str(leaf["tenant_id"]),
        "id": str(leaf["id"]),
        "at": written(leaf["created_at"]),
        "actor": {"kind": leaf["actor_kind"], "id": str(leaf["actor_id"]) if leaf["actor_id"] else None},
        "action": leaf["action"],
        "subject": leaf["subject"].hex() if leaf["subject"] else None,
        "target": str(leaf["target_id"]) if leaf["target_id"] else None,
        "body": leaf["body"],
    }


def written(at: datetime) -> str:
    """A time as it stands in records and checkpoints: UTC with microseconds."""
    return at.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")


async def recent(tx: Tx, *, limit: int = 50, before: UUID | None = None) -> Sequence[AuditLeaf]:
    """This tenant's newest leaves, newest first; `before` is the id of the last one already seen."""
    query = select(AuditLeaf).where(AuditLeaf.tenant_id == tx.tenant_id)
    if before is not None:
        query = query.where(AuditLeaf.id < before)
    return (await tx.session.scalars(query.order_by(AuditLeaf.id.desc()).limit(limit))).all()


@dataclass(frozen=True, slots=True)
class Wanted:
    """Which leaves to look for: one action, one actor or one kind of them, a span of time [since, until). None: any."""

    action: str | None = None
    actor_id: UUID | None = None
    actor_kind: str | None = None
    since: datetime | None = None
    until: datetime | None = None


async def search(
    tx: Tx, wanted: Wanted, *, limit: int = 50, before: UUID | None = None
) -> Sequence[AuditLeaf]:
    """This tenant's leaves that fit, newest first; `before` is the id of the last one already seen."""
    query = select(AuditLeaf).where(AuditLeaf.tenant_id == tx.tenant_id)
    for column, value in (
        (AuditLeaf.action, wanted.action),
        (AuditLeaf.actor_id, wanted.actor_id),
        (AuditLeaf.actor_kind, wanted.actor_kind),
    ):
        query = query.where(column == value) if value is not None else query
    if wanted.since is not None:
        query = query.where(AuditLeaf.created_at >= wanted.since)
    if wanted.until is not None:
        query = query.where(AuditLeaf.created_at < wanted.until)
    if before is not None:
        query = query.where(AuditLeaf.id < before)
    return (await tx.session.scalars(query.order_by(AuditLeaf.id.desc()).limit(limit))).all()


async def leaf(tx: Tx, leaf_id: UUID) -> AuditLeaf | None:
    """One leaf of this tenant."""
    return await tx.session.get(AuditLeaf, (tx.tenant_id, leaf_id))


async def actions_of(tx: Tx, *, newest: int = 5_000) -> list[str]:
    """Every action among this tenant's newest leaves, by name."""
    query = select(AuditLeaf.action).where(AuditLeaf.tenant_id == tx.tenant_id)
    some = query.order_by(AuditLeaf.id.desc()).limit(newest).subquery()
    return sorted((await tx.session.scalars(select(some.c.action).distinct())).all())


async def leaves_about(tx: Tx, person_id: UUID) -> list[AuditLeaf]:
    """This tenant's leaves about a person, oldest first: none once the person is erased."""
    keys = [key.bytes for key in await tx.vault.key_ids(person_id, [SALT_CLASS])]
    sealed_with = func.substring(AuditLeaf.subject_salt, 2, 16)
    query = select(AuditLeaf).where(AuditLeaf.tenant_id == tx.tenant_id, sealed_with.in_(keys))
    found: list[AuditLeaf] = []
    for leaf in await tx.session.scalars(query.order_by(AuditLeaf.id)):
        salt = await tx.vault.open_bytes(AuditLeaf.subject_salt, leaf.id, person_id, leaf.subject_salt or b"")
        if commitment(salt, person_id) == leaf.subject:
            found.append(leaf)
    return found
