"""The verbs: queue a letter, claim it for sending, settle it, read what was kept."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

from sqlalchemy import delete, select

from callmissed.foundation import clock, i18n, jobs
from callmissed.foundation.database import Tx
from callmissed.foundation.ids import PLATFORM, uuid7
from callmissed.foundation.mail.letters import Letter, compose
from callmissed.foundation.mail.models import MailMessage
from callmissed.foundation.vault import SealedValue, TenantVault

RETENTION_CLASS = "mail"
SEND = "foundation.mail.send"
SHOWN = 100


@dataclass(frozen=True, slots=True)
class Intent:
    """A letter about to be sent."""

    id: UUID
    recipient: str
    letter: Letter
    language: str
    attempts: int


@dataclass(frozen=True, slots=True)
class Kept:
    """A letter as the outbox page shows it."""

    id: UUID
    recipient: str
    letter: Letter
    state: str
    language: str
    created_at: datetime


def _vault(tx: Tx) -> TenantVault:
    """Letters go to account holders, so the operator's own keys seal them whatever tenant the transaction is in."""
    return tx.vault.vault.for_tenant(PLATFORM)


async def queue(
    tx: Tx,
    person_id: UUID,
    address: str,
    template: str,
    *,
    language: str | None = None,
    within: timedelta | None = None,
    **context: object,
) -> UUID:
    """Write the letter `room.name` to this person and have it sent once the transaction has committed.

    `language` defaults to the one being spoken; after `within` it is no longer sent. Returns the letter's id.
    """
    spoken = language or i18n.language()
    letter = compose(template, spoken, **context)
    row = MailMessage(id=uuid7(), person_id=person_id, template=template, language=spoken)
    box = await _vault(tx).person(person_id, RETENTION_CLASS)
    row.recipient = box.seal(MailMessage.recipient, row.id, address)
    row.body = box.seal(MailMessage.body, row.id, letter.stored())
    row.send_before = clock.now() + within if within else None
    tx.session.add(row)
    await tx.session.flush()
    await jobs.defer(tx, SEND, message_id=str(row.id))
    return row.id


async def claim(tx: Tx, message_id: UUID) -> Intent | None:
    """Count an attempt and return what is to be sent; None when there is nothing left to do."""
    row = await tx.session.get(MailMessage, message_id, with_for_update=True)
    if row is None or row.state != "queued" or row.body is None:
        return None
    if row.send_before is not None and row.send_before <= clock.now():
        _settle(row, "failed", "too late")
        return None
    values = [
        SealedValue(MailMessage.recipient, row.id, row.person_id, row.recipient),
        SealedValue(MailMessage.body, row.id, row.person_id, row.body),
    ]
    recipient, body = await _vault(tx).open_many(values)
    if recipient is None or body is None:
        _settle(row, "failed", "erased")
        return None
    row.attempts += 1
    return Intent(row.id, recipient, Letter.parse(body), row.language, row.attempts)


async def settle(tx: Tx, message_id: UUID, state: str, failure: str | None = None) -> None:
    """Note how sending ended: "sent", "outbox" or "failed". Repeating it changes nothing."""
    row = await tx.session.get(MailMessage, message_id, with_for_update=True)
    if row is not None and row.state == "queued":
        _settle(row, state, failure)


async def note_delay(tx: Tx, message_id: UUID, failure: str) -> None:
    """Note why an attempt failed; the letter stays queued."""
    row = await tx.session.get(MailMessage, message_id, with_for_update=True)
    if row is not None:
        row.failure = failure


def _settle(row: MailMessage, state: str, failure: str | None) -> None:
    row.state, row.failure, row.settled_at = state, failure, clock.now()
    if state != "outbox":
        row.body = None


async def kept_letters(tx: Tx, limit: int = SHOWN) -> list[Kept]:
    """The newest letters whose text is still here, newest first. For the outbox page of a laptop."""
    query = (
        select(MailMessage)
        .where(MailMessage.body.is_not(None))
        .order_by(MailMessage.created_at.desc(), MailMessage.id.desc())
        .limit(limit)
    )
    return await _readable(tx, (await tx.session.scalars(query)).all())


async def kept(tx: Tx, message_id: UUID) -> Kept | None:
    """One letter whose text is still here and can be read."""
    row = await tx.session.get(MailMessage, message_id)
    found = await _readable(tx, [row]) if row is not None and row.body is not None else []
    return found[0] if found else None


async def _readable(tx: Tx, rows: Sequence[MailMessage]) -> list[Kept]:
    values: list[SealedValue] = []
    for row in rows:
        values.append(SealedValue(MailMessage.recipient, row.id, row.person_id, row.recipient))
        values.append(SealedValue(MailMessage.body, row.id, row.person_id, row.body or b""))
    texts = await _vault(tx).open_many(values)
    found: list[Kept] = []
    for row, recipient, body in zip(rows, texts[::2], texts[1::2], strict=True):
        if recipient is not None and body is not None:
            letter = Letter.parse(body)
            found.append(Kept(row.id, recipient, letter, row.state, row.language, row.created_at))
    return found


async def purge(tx: Tx) -> int:
    """Remove letters past their keeping time; returns how many."""
    oldest = clock.now() - timedelta(days=MailMessage.__keep__.days or 0)
    gone = await tx.session.execute(
        delete(MailMessage).where(MailMessage.created_at < oldest).returning(MailMessage.id)
    )
    return len(gone.all())
