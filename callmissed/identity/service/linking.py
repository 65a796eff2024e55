"""Linking: noting who a person is at an identity provider, once everything that signing in asks of them is proven."""

from dataclasses import dataclass
from uuid import UUID

from callmissed.foundation import clock
from callmissed.foundation.database import Tx
from callmissed.foundation.ids import uuid7
from callmissed.identity.models import LinkedIdentity
from callmissed.identity.repository import providers
from callmissed.identity.service import factor_news
from callmissed.identity.service.accounts import RETENTION_CLASS, platform, profile


@dataclass(frozen=True, slots=True)
class Link:
    """A provider's identity that waits to be linked to whoever proves the address it came with."""

    provider: str
    subject_index: bytes
    name: str = ""

    def __repr__(self) -> str:
        """Without the person: a repr ends in logs."""
        return f"Link({self.provider})"


async def complete(tx: Tx, user_id: UUID, link: Link) -> None:
    """Link what was waiting, unless it is linked already. The address proven was the account's own."""
    if await providers.identity_under(tx, link.subject_index) is None:
        await link_identity(
            tx, user_id, link.provider, link.subject_index, (await profile(tx, user_id)).email
        )


async def link_identity(tx: Tx, user_id: UUID, provider: str, subject_index: bytes, email: str) -> None:
    """Note who a person is at a provider: of what it said, its id as a keyed hash, and the address, sealed."""
    row = LinkedIdentity(id=uuid7(), user_id=user_id, provider=provider, subject_index=subject_index)
    box = await platform(tx).person(user_id, RETENTION_CLASS)
    row.email, row.last_used_at = box.seal(LinkedIdentity.email, row.id, email), clock.now()
    tx.session.add(row)
    await tx.session.flush()
    await factor_news.tell(tx, user_id, "identity:provider:linked", row.id, provider=provider)
