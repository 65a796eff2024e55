"""Rotation: a key gets a new secret, and its old one works on for a few days while programs change over."""

from datetime import timedelta
from uuid import UUID

from callmissed.foundation import audit, clock, directory
from callmissed.foundation.database import Tx
from callmissed.foundation.ids import uuid7
from callmissed.identity import key_format
from callmissed.identity.key_problems import KeyAboveYou, OverlapUnusable, TooManyOldSecrets
from callmissed.identity.models import RetiredSecret
from callmissed.identity.repository import key_secrets
from callmissed.identity.service import key_news
from callmissed.identity.service.keys import HASH, NewKey, announce, working_key
from callmissed.identity.service.standing import may_all

LONGEST_OVERLAP_DAYS = 7
MOST_OLD = 5


async def rotate_key(tx: Tx, key_id: UUID, overlap_days: int) -> NewKey:
    """Give a working key a new secret; the old one works on for so many days, 0 to 7. All else stays as it is.

    Whoever sees the new secret can do what the key does, so they must be allowed all of it themselves. Raises OverlapUnusable,
    KeyNotFound, KeyNotWorking, KeyAboveYou and TooManyOldSecrets.
    """
    if not 0 <= overlap_days <= LONGEST_OVERLAP_DAYS:
        raise OverlapUnusable
    row, now, secret = await working_key(tx, key_id), clock.now(), key_format.mint()
    if not may_all(tx, frozenset(row.scopes)):
        raise KeyAboveYou
    old = await key_secrets.retired_secrets(tx, [row.id])
    if sum(each.works_until > now for each in old) >= MOST_OLD:
        raise TooManyOldSecrets
    retired = RetiredSecret(
        tenant_id=tx.tenant_id,
        id=uuid7(),
        key_id=row.id,
        serial=row.serial,
        last_four=row.last_four,
        secret_hash=row.secret_hash,
        works_until=now + timedelta(days=overlap_days),
        last_used_at=row.last_used_at,
    )
    tx.session.add(retired)
    row.secret_hash, row.last_four = tx.vault.keyed_hash(HASH, secret), secret[-4:]
    row.serial, row.rotated_at, row.last_used_at = row.serial + 1, now, None
    row.rotated_by = tx.access.actor.id if tx.access and tx.access.actor.kind == "user" else None
    await tx.session.flush()
    await directory.put(tx, HASH, row.secret_hash.hex(), row.id)
    await announce(tx, row.id)
    leaf = await audit.record(tx, "identity:key:rotated", target=row.id, body={"overlap_days": overlap_days})
    await key_news.tell(tx, row, "key_changed", leaf)
    return NewKey(row.id, row.name, secret)


async def end_overlap(tx: Tx, key_id: UUID) -> None:
    """Stop the former secrets of a working key now. Repeating it changes nothing. Raises KeyNotFound and KeyNotWorking."""
    row = await working_key(tx, key_id)
    ended = await key_secrets.end_overlaps(tx, row.id, clock.now())
    if ended:
        await announce(tx, row.id)
        await audit.record(tx, "identity:key:overlap_ended", target=row.id, body={"secrets": ended})
