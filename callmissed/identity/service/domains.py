"""Sign-in domains: a workspace proves that an e-mail domain is theirs, and its people sign in through its provider.

The proof is a TXT record that only whoever runs the domain can write. One domain leads to one workspace: the first that
proved it and whose record still stands. Records are looked for again every day; a domain whose record is gone for three days
leads nowhere any more, and whoever else proves it takes it over at once: domains are sold. Routing looks at the domain
alone, never at an account, so it tells nothing about who has one.
"""

import secrets
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

from callmissed.foundation import audit, clock, directory
from callmissed.foundation.database import Database, Tx
from callmissed.foundation.ids import uuid7
from callmissed.foundation.problems import TenantClosed
from callmissed.foundation.tenancy import Access
from callmissed.identity import repository
from callmissed.identity.contact_points import read_email
from callmissed.identity.dns import TxtRecords
from callmissed.identity.factor_problems import (
    DomainNotFound,
    DomainTaken,
    DomainUnproven,
    DomainUnusable,
    TooManyDomains,
)
from callmissed.identity.models import SignInDomain
from callmissed.identity.problems import EmailUnusable
from callmissed.identity.repository import providers as rows
from callmissed.identity.service import rule_news

LEADS_TO = "sign_in_domain"
"""Kind of directory entry that leads from a proven domain to its workspace."""

MARK = "callmissed-verify"
MOST = 20
"""Domains of one workspace: each is looked for every day."""

PATIENCE = timedelta(days=3)
"""So long a record may be missing: name servers fail, and people move them."""


@dataclass(frozen=True, slots=True)
class DomainCard:
    """A domain as its workspace sees it: which record has to stand where, and since when it was found there."""

    id: UUID
    domain: str
    provider: str
    record_name: str
    record_text: str
    asked_at: datetime | None
    verified_at: datetime | None


async def list_domains(tx: Tx) -> list[DomainCard]:
    """The workspace's domains."""
    return [_card(row) for row in await rows.domains(tx)]


async def add_domain(tx: Tx, typed: str, provider: str) -> DomainCard:
    """Name a domain and the provider its people use. It leads nowhere before it is proven.

    Raises DomainUnusable and TooManyDomains.
    """
    domain, there = read_domain(typed), await rows.domains(tx)
    for each in there:
        if each.domain == domain:
            await remove_domain(tx, each.id)
    if len(there) >= MOST:
        raise TooManyDomains
    row = SignInDomain(
        tenant_id=tx.tenant_id,
        id=uuid7(),
        domain=domain,
        provider=provider,
        proof=f"{MARK}={secrets.token_hex(16)}",
    )
    tx.session.add(row)
    await tx.session.flush()
    await audit.record(tx, "identity:domain:named", target=row.id, body={"provider": provider})
    return _card(row)


async def remove_domain(tx: Tx, domain_id: UUID) -> None:
    """Stop sending a domain's people to the provider. Raises DomainNotFound."""
    row = await _existing(tx, domain_id)
    await directory.drop(tx, LEADS_TO, _lookup(tx, row.domain), row.id)
    await tx.session.delete(row)
    await tx.session.flush()
    if row.verified_at is None:  # it led nowhere
        await audit.record(tx, "identity:domain:forgotten", target=domain_id, body={})
        return
    leaf = await audit.record(tx, "identity:domain:removed", target=domain_id, body={})
    await rule_news.tell(tx, domain_id, leaf)


async def domain_to_prove(tx: Tx, domain_id: UUID) -> DomainCard:
    """A domain whose record is about to be looked up. Raises DomainNotFound."""
    return _card(await _existing(tx, domain_id))


async def prove_domain(
    db: Database, access: Access, domain_id: UUID, found: list[str] | None
) -> DomainTaken | DomainUnproven | None:
    """Judge the texts that were found. Returns why the domain is not proven. Raises DomainNotFound."""
    async with db.tenant(access) as tx:
        row = await _existing(tx, domain_id)
        row.asked_at = clock.now()
        if found is None or row.proof not in found:
            return DomainUnproven()
        others = await _led_elsewhere(tx, row)
    for entry in others:
        if not await _yields(db, entry, found):
            return DomainTaken()
    async with db.tenant(access) as tx:
        row = await _existing(tx, domain_id)
        await rows.one_at_a_time(tx, _lookup(tx, row.domain))
        if await _led_elsewhere(tx, row):
            return DomainTaken()
        row.missed_from = None
        if row.verified_at is None:
            await _lead(tx, row)
    return None


async def _led_elsewhere(tx: Tx, row: SignInDomain) -> list[directory.Entry]:
    """The other workspaces that this domain leads to."""
    entries = await directory.find_all(tx, LEADS_TO, _lookup(tx, row.domain))
    return [entry for entry in entries if entry.tenant_id != row.tenant_id]


async def _lead(tx: Tx, row: SignInDomain) -> None:
    """Have a domain lead here."""
    await directory.put(tx, LEADS_TO, _lookup(tx, row.domain), row.id)
    row.verified_at = row.asked_at
    leaf = await audit.record(tx, "identity:domain:proven", target=row.id, body={"provider": row.provider})
    await rule_news.tell(tx, row.id, leaf)


async def _yields(db: Database, entry: directory.Entry, found: list[str]) -> bool:
    """Whether the workspace that a domain leads to has no record there any more; it then loses the domain."""
    async with db.tenant(Access.system(entry.tenant_id, "recovery")) as tx:
        row = await rows.domain(tx, entry.target_id)
        if row is not None and row.proof in found:
            return False
        if row is not None:
            await _lose(tx, row)
    return True


async def look_again(db: Database, records: TxtRecords) -> int:
    """Look for the record of every proven domain; returns how many domains were lost. Where nobody answers, nothing changes."""
    lost = 0
    async with db.control() as tx:
        entries = await directory.all_of(tx, LEADS_TO)
    for entry in entries:
        with suppress(TenantClosed, DomainNotFound):  # nothing is sent anywhere from there
            async with db.tenant(Access.system(entry.tenant_id)) as tx:
                card = await domain_to_prove(tx, entry.target_id)
            found = await records.texts(card.record_name)
            if found is None:
                continue
            async with db.tenant(Access.system(entry.tenant_id)) as tx:
                lost += await _judge(tx, await _existing(tx, entry.target_id), found)
    return lost


async def _judge(tx: Tx, row: SignInDomain, found: list[str]) -> bool:
    """Note whether the record stands; lose the domain when it has been gone for too long."""
    now = clock.now()
    row.asked_at = now
    if row.proof in found:
        row.missed_from = None
        return False
    row.missed_from = since = row.missed_from or now
    if since + PATIENCE > now:
        return False
    await _lose(tx, row)
    return True


async def _lose(tx: Tx, row: SignInDomain) -> None:
    """Have a domain lead here no longer; its row stays, to be proven again."""
    await directory.drop(tx, LEADS_TO, _lookup(tx, row.domain), row.id)
    row.verified_at = row.missed_from = None
    leaf = await audit.record(tx, "identity:domain:lost", target=row.id, body={"provider": row.provider})
    await rule_news.tell(tx, row.id, leaf)


async def require_second_factor(tx: Tx, *, wanted: bool) -> None:
    """Ask a passkey or a second step of every member of the workspace, or stop asking."""
    row = await repository.tenant(tx, tx.tenant_id)
    if row is not None and row.requires_second_factor != wanted:
        row.requires_second_factor = wanted
        leaf = await audit.record(
            tx, "identity:second_factor:required", target=row.id, body={"required": wanted}
        )
        await rule_news.tell(tx, row.id, leaf)


async def provider_of(db: Database, typed_email: str) -> str | None:
    """The provider that an address's domain is sent to; None when it is sent nowhere, or is no address."""
    try:
        domain = read_email(typed_email).lookup.rpartition("@")[2]
    except EmailUnusable:
        return None
    async with db.control() as tx:
        entry = await directory.find(tx, LEADS_TO, _lookup(tx, domain))
    if entry is None:
        return None
    try:
        async with db.tenant(Access.system(entry.tenant_id)) as tx:
            row = await rows.domain(tx, entry.target_id)
    except TenantClosed:  # its people still come in with a code, to see that it is closed
        return None
    return row.provider if row else None


def read_domain(typed: str) -> str:
    """A domain in ASCII and small letters. Raises DomainUnusable."""
    try:
        return read_email(f"anybody@{typed.strip().removeprefix('@')}").lookup.rpartition("@")[2]
    except EmailUnusable:
        raise DomainUnusable from None


def _card(row: SignInDomain) -> DomainCard:
    return DomainCard(
        row.id,
        row.domain,
        row.provider,
        f"_callmissed.{row.domain}",
        row.proof,
        row.asked_at,
        row.verified_at,
    )


async def _existing(tx: Tx, domain_id: UUID) -> SignInDomain:
    row = await rows.domain(tx, domain_id)
    if row is None:
        raise DomainNotFound
    return row


def _lookup(tx: Tx, domain: str) -> str:
    return tx.vault.keyed_hash("sign_in_domain", domain).hex()
