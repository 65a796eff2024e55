"""Passkeys (WebAuthn Level 3): made, used, named and removed.

A passkey is found by itself (discoverable) and its holder is verified by the device (finger, face or PIN), so nobody has to
say who they are first and nothing about accounts can be learned by asking. We ask for no attestation: the maker and model
of a person's device are none of our business.
"""

from dataclasses import dataclass
from uuid import UUID

from webauthn import (
    generate_authentication_options,
    generate_registration_options,
    options_to_json,
    verify_authentication_response,
    verify_registration_response,
)
from webauthn.helpers import (
    parse_authentication_credential_json,
    parse_client_data_json,
    parse_registration_credential_json,
)
from webauthn.helpers.exceptions import WebAuthnException
from webauthn.helpers.structs import (
    AuthenticationCredential,
    AuthenticatorSelectionCriteria,
    AuthenticatorTransport,
    PublicKeyCredentialDescriptor,
    ResidentKeyRequirement,
    UserVerificationRequirement,
)

from callmissed.foundation import clock
from callmissed.foundation.database import Tx
from callmissed.foundation.ids import uuid7
from callmissed.foundation.problems import Problem
from callmissed.identity.factor_problems import (
    CeremonyOver,
    PasskeyCopied,
    PasskeyKnown,
    PasskeyRefused,
    TooManyFactors,
)
from callmissed.identity.models import Passkey
from callmissed.identity.problems import TooManyStarts
from callmissed.identity.repository import passkeys as rows
from callmissed.identity.service import ceremonies, factor_news, tries
from callmissed.identity.service.accounts import RETENTION_CLASS, Profile, platform
from callmissed.identity.service.naming import factor_name

MOST = 20
MILLISECONDS = int(ceremonies.VALID.total_seconds() * 1000)
TRANSPORTS = frozenset(each.value for each in AuthenticatorTransport)
REFUSALS = (WebAuthnException, ValueError, KeyError, TypeError)
"""What the library raises for answers that are wrong or no answers at all."""


@dataclass(frozen=True, slots=True)
class Site:
    """Where passkeys are bound to: the host's name, and the origin pages have (WebAuthn §4, relying party identifier)."""

    host: str
    origin: str


async def ask_to_add(tx: Tx, who: Profile, browser: str, site: Site) -> str:
    """What the browser needs to make a passkey, as JSON. Raises TooManyFactors."""
    own = await rows.passkeys_of(tx, who.user_id)
    if len(own) >= MOST:
        raise TooManyFactors
    asked = ceremonies.Asked(who.user_id)
    ticket = await ceremonies.begin(tx, "passkey.add", browser, asked)
    return options_to_json(
        generate_registration_options(
            rp_id=site.host,
            rp_name="CallMissed",
            user_id=who.user_id.bytes,
            user_name=who.email,
            user_display_name=who.full_name or who.email,
            challenge=ticket,
            timeout=MILLISECONDS,
            authenticator_selection=AuthenticatorSelectionCriteria(
                resident_key=ResidentKeyRequirement.REQUIRED,
                require_resident_key=True,
                user_verification=UserVerificationRequirement.REQUIRED,
            ),
            exclude_credentials=[_described(each) for each in own],
        )
    )


async def add(tx: Tx, user_id: UUID, credential: str, name: str, browser: str, site: Site) -> UUID | Problem:
    """Keep a passkey the browser has made. Returns its id, or CeremonyOver, PasskeyRefused, PasskeyKnown. Raises FactorNameMissing."""
    plain = factor_name(name)
    try:
        answer = parse_registration_credential_json(credential)
        ticket = parse_client_data_json(answer.response.client_data_json).challenge
    except REFUSALS:
        return PasskeyRefused()
    asked = await ceremonies.answer(tx, "passkey.add", browser, ticket)
    if asked is None or asked.user_id != user_id:
        return CeremonyOver()
    try:
        made = verify_registration_response(
            credential=answer,
            expected_challenge=ticket,
            expected_rp_id=site.host,
            expected_origin=site.origin,
            require_user_verification=True,
        )
    except REFUSALS:
        return PasskeyRefused()
    if await rows.passkey_under(tx, made.credential_id) is not None:
        return PasskeyKnown()
    row = Passkey(
        id=uuid7(),
        user_id=user_id,
        credential_id=made.credential_id,
        public_key=made.credential_public_key,
        sign_count=made.sign_count,
        transports=[each.value for each in answer.response.transports or ()],
        is_synced=made.credential_backed_up,
    )
    box = await platform(tx).person(user_id, RETENTION_CLASS)
    row.name = box.seal(Passkey.name, row.id, plain)
    tx.session.add(row)
    await tx.session.flush()
    await factor_news.tell(tx, user_id, "identity:passkey:added", row.id)
    return row.id


async def ask_to_sign_in(tx: Tx, browser: str, site: Site, network: str) -> str:
    """What the browser needs to offer its passkeys, as JSON: the same for everybody, and it names nobody. Raises TooManyStarts."""
    await tries.count_asking(tx, network, TooManyStarts)
    ticket = await ceremonies.begin(tx, "passkey.sign_in", browser)
    return options_to_json(
        generate_authentication_options(
            rp_id=site.host,
            challenge=ticket,
            timeout=MILLISECONDS,
            user_verification=UserVerificationRequirement.REQUIRED,
        )
    )


async def prove(tx: Tx, credential: str, browser: str, site: Site) -> UUID | Problem:
    """Who holds the passkey that signed this answer, or CeremonyOver, PasskeyRefused, PasskeyCopied."""
    try:
        answer = parse_authentication_credential_json(credential)
        ticket = parse_client_data_json(answer.response.client_data_json).challenge
    except REFUSALS:
        return PasskeyRefused()
    if await ceremonies.answer(tx, "passkey.sign_in", browser, ticket) is None:
        return CeremonyOver()
    row = await rows.passkey_under(tx, answer.raw_id)
    if row is None or answer.response.user_handle != row.user_id.bytes:
        return PasskeyRefused()
    return await _check(tx, row, answer, ticket, site)


async def _check(
    tx: Tx, row: Passkey, answer: AuthenticationCredential, ticket: bytes, site: Site
) -> UUID | Problem:
    """Verify the signature, and that the device counts on (WebAuthn §7.2, step 22)."""
    try:
        proof = verify_authentication_response(
            credential=answer,
            expected_challenge=ticket,
            expected_rp_id=site.host,
            expected_origin=site.origin,
            credential_public_key=row.public_key,
            credential_current_sign_count=0,  # compared below, where a copy gets its own words
            require_user_verification=True,
        )
    except REFUSALS:
        return PasskeyRefused()
    if (proof.new_sign_count or row.sign_count) and proof.new_sign_count <= row.sign_count:
        await factor_news.tell(tx, row.user_id, "identity:passkey:copy_suspected", row.id)
        return PasskeyCopied()
    row.sign_count, row.is_synced = proof.new_sign_count, proof.credential_backed_up
    row.last_used_at = clock.now()
    return row.user_id


def _described(row: Passkey) -> PublicKeyCredentialDescriptor:
    known = [AuthenticatorTransport(each) for each in row.transports if each in TRANSPORTS]
    return PublicKeyCredentialDescriptor(id=row.credential_id, transports=known)
