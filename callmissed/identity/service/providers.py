"""Coming in through a provider: going there, coming back, linking and unlinking.

An account is never opened or joined because an address is the same. Whoever comes with a provider's id that we do not know
proves the address first, with a code sent to it; whoever is signed in may link a provider as they are.
"""

import hmac
from base64 import urlsafe_b64decode, urlsafe_b64encode
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from callmissed.foundation import clock
from callmissed.foundation.database import Tx
from callmissed.foundation.problems import Problem
from callmissed.foundation.vault import SealedValue
from callmissed.identity.factor_problems import CeremonyOver, FactorNotFound, IdentityTaken, LastWayIn
from callmissed.identity.models import LinkedIdentity
from callmissed.identity.oidc import Claims, Trip
from callmissed.identity.problems import TooManyStarts
from callmissed.identity.repository import accounts as accounts_sql
from callmissed.identity.repository import passkeys
from callmissed.identity.repository import providers as rows
from callmissed.identity.service import ceremonies, entrance, factor_news, linking, sign_in, tries
from callmissed.identity.service.accounts import platform, profile


@dataclass(frozen=True, slots=True)
class Identity:
    """A linked identity as its holder sees it."""

    id: UUID
    provider: str
    email: str
    linked_at: datetime
    last_used_at: datetime | None


async def set_out(
    tx: Tx,
    provider: str,
    browser: str,
    redirect_uri: str,
    *,
    network: str,
    onward: str = "",
    user_id: UUID | None = None,
) -> Trip:
    """Begin a trip to a provider: to sign in, or with `user_id` to link it to that account. Raises TooManyStarts."""
    if user_id is None:
        await tries.count_asking(tx, network, TooManyStarts)
    kind = "provider.link" if user_id else "provider.sign_in"
    asked = ceremonies.Asked(user_id, provider=provider, onward=onward)
    ticket = await ceremonies.begin(tx, kind, browser, asked, valid=ceremonies.AWAY)
    return _trip(tx, ticket, browser, redirect_uri)


async def come_back(
    tx: Tx, provider: str, browser: str, state: str, redirect_uri: str
) -> tuple[ceremonies.Asked, Trip] | Problem:
    """The trip this answer belongs to, which is over with it. Returns CeremonyOver for any other answer."""
    try:
        ticket = urlsafe_b64decode(f"{state}=")
    except ValueError:
        return CeremonyOver()
    for kind in ("provider.sign_in", "provider.link"):
        asked = await ceremonies.answer(tx, kind, browser, ticket)
        if asked is not None and asked.provider is not None and hmac.compare_digest(asked.provider, provider):
            return asked, _trip(tx, ticket, browser, redirect_uri)
    return CeremonyOver()


async def arrive(
    tx: Tx, provider: str, claims: Claims, *, held: sign_in.Held, network: str, language: str, user_agent: str
) -> entrance.SignedIn | entrance.SecondStep | sign_in.Asked:
    """Let in whoever the provider vouches for, or send the code that proves the address of somebody new.

    Raises AccountLocked, SignInLocked and TooManyCodes.
    """
    index = _subject_index(tx, claims)
    known = await rows.identity_under(tx, index)
    if known is None:
        told = linking.Link(provider, index, claims.name)
        return await sign_in.ask(tx, claims.email, network, language, held=held, link=told)
    account = await accounts_sql.account(tx, known.user_id)
    if account is not None and account.locked_at is not None:
        # Only the mailbox opens it again, and a domain that leads here offers no other way to it.
        address = (await profile(tx, known.user_id)).email
        return await sign_in.ask(tx, address, network, language, held=held)
    known.last_used_at, known.provider = clock.now(), provider
    return await entrance.enter(tx, known.user_id, ("oidc",), user_agent, network)


async def link(tx: Tx, user_id: UUID, provider: str, claims: Claims) -> Problem | None:
    """Link a provider's identity to the account of whoever is signed in. Returns IdentityTaken."""
    index = _subject_index(tx, claims)
    known = await rows.identity_under(tx, index)
    if known is not None:
        return None if known.user_id == user_id else IdentityTaken()
    await linking.link_identity(tx, user_id, provider, index, claims.email)
    return None


async def identities(tx: Tx, user_id: UUID) -> list[Identity]:
    """Who this person is at providers."""
    found = await rows.identities_of(tx, user_id)
    values = [SealedValue(LinkedIdentity.email, row.id, row.user_id, row.email) for row in found]
    texts = await platform(tx).open_many(values)
    return [
        Identity(row.id, row.provider, text or "", row.created_at, row.last_used_at)
        for row, text in zip(found, texts, strict=True)
    ]


async def unlink(tx: Tx, user_id: UUID, identity_id: UUID, only_way: str | None) -> None:
    """Unlink a provider. `only_way`: the provider that the person's domain is sent to, if it is.

    Raises FactorNotFound, and LastWayIn when nothing else would be left to come in with.
    """
    row = await rows.identity(tx, user_id, identity_id)
    if row is None:
        raise FactorNotFound
    if row.provider == only_way and not await passkeys.count_of(tx, user_id):
        raise LastWayIn
    await tx.session.delete(row)
    await factor_news.tell(tx, user_id, "identity:provider:unlinked", row.id, provider=row.provider)


def _trip(tx: Tx, ticket: bytes, browser: str, redirect_uri: str) -> Trip:
    """Nonce and verifier follow from the ticket and the browser, so neither is stored anywhere."""
    state = urlsafe_b64encode(ticket).rstrip(b"=").decode()
    bound = f"{state}:{browser}"
    nonce = tx.vault.keyed_hash("provider_nonce", bound)
    verifier = tx.vault.keyed_hash("provider_verifier", bound)
    return Trip(state, nonce.hex(), verifier.hex(), redirect_uri)


def _subject_index(tx: Tx, claims: Claims) -> bytes:
    """By the issuer, not by our name for it: under a name, the operator may put another provider one day."""
    return tx.vault.keyed_hash("provider_subject", f"{claims.issuer}:{claims.subject}")
