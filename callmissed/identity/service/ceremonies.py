"""Ceremonies: a question with 256 random bits, put to one browser, answered there once and in time."""

import secrets
from dataclasses import dataclass
from datetime import timedelta
from typing import Literal
from uuid import UUID

from callmissed.foundation import clock
from callmissed.foundation.database import Tx
from callmissed.foundation.ids import uuid7
from callmissed.identity.models import Ceremony
from callmissed.identity.repository import ceremonies as rows
from callmissed.identity.service.linking import Link

VALID = timedelta(minutes=5)
AWAY = timedelta(minutes=10)
"""Signing in at a provider, perhaps in two steps there, takes longer."""

LONGEST_WAY = 500

Kind = Literal["passkey.add", "passkey.sign_in", "second", "provider.sign_in", "provider.link"]


@dataclass(frozen=True, slots=True)
class Asked:
    """What is behind a ceremony: who is asked, what they proved before, through which provider, and where to go then.

    `link` is what a provider said about them, and is linked when they are in.
    """

    user_id: UUID | None = None
    methods: tuple[str, ...] = ()
    provider: str | None = None
    onward: str = ""
    link: Link | None = None


def cookie_name(*, production: bool) -> str:
    """The cookie that binds a ceremony to the browser it began in, for a quarter of an hour."""
    return "__Host-cm_step" if production else "cm_step"


def new_browser() -> str:
    """What a browser holds while it is in ceremonies."""
    return secrets.token_urlsafe(32)


async def begin(
    tx: Tx, kind: Kind, browser: str, asked: Asked | None = None, *, valid: timedelta = VALID
) -> bytes:
    """Ask; returns the 32 random bytes that the answer has to name."""
    ticket, told = secrets.token_bytes(32), asked or Asked()
    row = Ceremony(
        id=uuid7(),
        kind=kind,
        user_id=told.user_id,
        methods=list(told.methods),
        provider=told.link.provider if told.link else told.provider,
        subject_index=told.link.subject_index if told.link else None,
        onward=told.onward[:LONGEST_WAY],
        expires_at=clock.now() + valid,
    )
    row.ticket_hash, row.browser_hash = _ticket_hash(tx, ticket), _browser_hash(tx, browser)
    tx.session.add(row)
    await tx.session.flush()
    return ticket


async def answer(tx: Tx, kind: Kind, browser: str, ticket: bytes) -> Asked | None:
    """Take the answer: closes the ceremony whatever the answer is worth. None when it is not this browser's open one."""
    row = await rows.answer(tx, kind, _ticket_hash(tx, ticket), _browser_hash(tx, browser), clock.now())
    return _asked(row) if row else None


async def waiting(tx: Tx, kind: Kind, browser: str) -> Asked | None:
    """What this browser has not answered yet, left open."""
    row = await rows.open_in(tx, kind, _browser_hash(tx, browser), clock.now())
    return _asked(row) if row else None


async def close(tx: Tx, kind: Kind, browser: str) -> Asked | None:
    """Close what this browser has open, once it is answered."""
    row = await rows.open_in(tx, kind, _browser_hash(tx, browser), clock.now(), for_update=True)
    if row is None:
        return None
    row.consumed_at = clock.now()
    return _asked(row)


def _asked(row: Ceremony) -> Asked:
    link = Link(row.provider, row.subject_index) if row.provider and row.subject_index else None
    return Asked(row.user_id, tuple(row.methods), row.provider, row.onward, link)


def _ticket_hash(tx: Tx, ticket: bytes) -> bytes:
    return tx.vault.keyed_hash("ceremony_ticket", ticket.hex())


def _browser_hash(tx: Tx, browser: str) -> bytes:
    return tx.vault.keyed_hash("ceremony_browser", browser)
