"""The keys that a workspace brings to suppliers: shown without their secrets, brought, checked and taken out.

A supplier is asked before anything is written, with no transaction open; what it does not accept is not kept.
"""

import asyncio
from dataclasses import dataclass, field
from datetime import date, datetime
from typing import Final
from uuid import UUID

from callmissed.foundation import audit, clock, jobs
from callmissed.foundation.database import Tx
from callmissed.foundation.ids import uuid7
from callmissed.foundation.services import Services
from callmissed.foundation.tenancy import Access
from callmissed.gateway import repository
from callmissed.gateway.limits import LocalLimiter
from callmissed.gateway.models import ProviderKey
from callmissed.gateway.own.news import mark_accepted, mark_refused
from callmissed.gateway.own.routes import Taker
from callmissed.gateway.problems import (
    OwnKeyNotFound,
    OwnKeyUnchecked,
    OwnKeyUnstated,
    OwnKeyUnusable,
    OwnKeyWrong,
    RateLimited,
)
from callmissed.gateway.register import Upstreams
from callmissed.identity import own_keys

RETENTION_CLASS: Final = "provider_key"
FORGET: Final = "gateway.forget_provider_key"
SHORTEST, LONGEST = 16, 400
LONGEST_CONTRACT: Final = 200
FIRST_DAY: Final = date(2015, 1, 1)
"""No contract with a supplier of models is older (OpenAI was founded in December of that year)."""
PATIENCE_SECONDS: Final = 20.0
CHECKS_A_MINUTE: Final = 10
PACE = LocalLimiter()
"""For each workspace, in this process: nobody tries out keys here that are not theirs."""


@dataclass(frozen=True, slots=True)
class Wish:
    """A key to be used at an upstream, and what its workspace says of the contract behind it."""

    upstream: str
    secret: str = field(repr=False)
    contract: str
    contract_on: date | None
    excludes_training: bool
    falls_back: bool = False

    def check(self) -> "Wish":
        """The same without spaces around. Raises OwnKeyUnusable and OwnKeyUnstated."""
        secret, contract = self.secret.strip(), " ".join(self.contract.split())
        if not SHORTEST <= len(secret) <= LONGEST or not all("!" <= each <= "~" for each in secret):
            raise OwnKeyUnusable(param="secret")
        on = self.contract_on
        if not (self.excludes_training and contract.isprintable() and 0 < len(contract) <= LONGEST_CONTRACT):
            raise OwnKeyUnstated(param="contract")
        if on is None or not FIRST_DAY <= on <= clock.today():
            raise OwnKeyUnstated(param="contract_on")
        return Wish(self.upstream, secret, contract, on, excludes_training=True, falls_back=self.falls_back)


@dataclass(frozen=True, slots=True)
class Card:
    """A key as it is shown: everything but the secret."""

    id: UUID
    upstream: str
    server: str
    last_four: str
    contract: str
    contract_on: date
    falls_back: bool
    made_by: UUID | None
    created_at: datetime
    verified_at: datetime
    refused_at: datetime | None

    @property
    def is_accepted(self) -> bool:
        """Whether its supplier accepted it when it was last used or checked."""
        return self.refused_at is None


async def cards(tx: Tx) -> list[Card]:
    """The workspace's keys, by upstream."""
    return [_card(row) for row in await repository.provider_keys(tx)]


async def card(tx: Tx, key_id: UUID) -> Card:
    """One of them. Raises OwnKeyNotFound."""
    return _card(await _row(tx, key_id))


@dataclass(frozen=True, slots=True)
class Proven:
    """A wish whose key its supplier accepts, and the only server to which it will be sent."""

    wish: Wish
    server: str


async def prove(services: Services, access: Access, wish: Wish) -> Proven:
    """See that a key can be brought, and that its supplier accepts it. Call it with no transaction open, then `bring`.

    Raises OwnKeyUnusable, OwnKeyUnstated, OwnKeyNotTaken, OwnKeyWrong, OwnKeyUnchecked, RateLimited, and the Problems named Upstream… .
    """
    checked = wish.check()
    taker = services.get(Upstreams).taker(checked.upstream)
    await _ask(taker, access, checked.secret)
    return Proven(checked, taker.server)


async def bring(tx: Tx, proven: Proven) -> UUID:
    """Keep a key that was proven, in place of the one before, which is destroyed. Every node uses it within a second."""
    wish = proven.wish
    await own_keys.changed(tx)
    before = next((row for row in await repository.provider_keys(tx) if row.upstream == wish.upstream), None)
    if before is not None:
        await _remove(tx, before)
    row = ProviderKey(id=uuid7(), upstream=wish.upstream, server=proven.server, last_four=wish.secret[-4:])
    row.tenant_id = tx.tenant_id
    row.contract, row.contract_on, row.falls_back = (
        wish.contract,
        wish.contract_on or FIRST_DAY,
        wish.falls_back,
    )
    row.made_by = tx.access.actor.id if tx.access and tx.access.actor.kind == "user" else None
    row.verified_at = clock.now()
    row.secret = (await tx.vault.person(row.id, RETENTION_CLASS)).seal(
        ProviderKey.secret, row.id, wish.secret
    )
    tx.session.add(row)
    await tx.session.flush()
    body = {
        "upstream": row.upstream, "server": row.server, "contract": row.contract, "contract_on": str(row.contract_on),
        "excludes_training": True, "falls_back": row.falls_back,
    }  # fmt: skip
    action = "gateway:provider_key:replaced" if before is not None else "gateway:provider_key:brought"
    await audit.record(tx, action, target=row.id, body=body)
    await own_keys.write(tx, "gateway.own_key_brought", upstream=row.upstream, last_four=row.last_four)
    return row.id


async def ask_again(services: Services, access: Access, key_id: UUID) -> bool:
    """Whether a supplier accepts a key now. Call it with no transaction open, then `note`. Raises as `prove` does, and OwnKeyNotFound."""
    async with services.db.tenant(access) as tx:
        row = await _row(tx, key_id)
        secret = await tx.vault.open(ProviderKey.secret, row.id, row.id, row.secret)
    taker = services.get(Upstreams).taker(row.upstream)
    if taker.server != row.server:
        raise OwnKeyUnchecked
    try:
        await _ask(taker, access, secret)
    except OwnKeyWrong:
        return False
    return True


async def note(tx: Tx, key_id: UUID, *, accepted: bool) -> None:
    """Write down what the supplier said."""
    await (mark_accepted if accepted else mark_refused)(tx, key_id)


async def take_out(tx: Tx, key_id: UUID) -> None:
    """Use a key no more, within a second, and destroy it. Raises OwnKeyNotFound."""
    await own_keys.changed(tx)
    row = await _row(tx, key_id)
    await _remove(tx, row)
    body = {"upstream": row.upstream}
    await audit.record(tx, "gateway:provider_key:taken_out", target=row.id, body=body)


async def _ask(taker: Taker, access: Access, secret: str) -> None:
    window = await PACE.request(access.tenant_id, CHECKS_A_MINUTE)
    if window.wait:
        raise RateLimited(retry_after=window.wait)
    try:
        async with asyncio.timeout(PATIENCE_SECONDS):
            await taker.prove(access, secret)
    except TimeoutError:
        raise OwnKeyUnchecked from None


async def _remove(tx: Tx, row: ProviderKey) -> None:
    """Delete the row now; deletes are no erasure, so a job destroys the key it is sealed under."""
    await tx.session.delete(row)
    await tx.session.flush()
    await jobs.defer(tx, FORGET, tenant_id=str(row.tenant_id), key_id=str(row.id))


async def _row(tx: Tx, key_id: UUID) -> ProviderKey:
    row = await repository.provider_key(tx, key_id)
    if row is None:
        raise OwnKeyNotFound
    return row


def _card(row: ProviderKey) -> Card:
    return Card(
        row.id, row.upstream, row.server, row.last_four, row.contract, row.contract_on, row.falls_back, row.made_by,
        row.created_at, row.verified_at, row.refused_at,
    )  # fmt: skip
