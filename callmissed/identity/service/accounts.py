"""Accounts: who a person is to us."""

from dataclasses import dataclass
from uuid import UUID

from callmissed.foundation import audit, clock, i18n
from callmissed.foundation.database import Tx
from callmissed.foundation.ids import PLATFORM, uuid7
from callmissed.foundation.problems import NotFound
from callmissed.foundation.vault import SealedValue, TenantVault
from callmissed.identity import repository
from callmissed.identity.contact_points import read_email, read_phone
from callmissed.identity.models import UserAccount
from callmissed.identity.problems import AdultsOnly, NameMissing

EMAIL_INDEX = "user.email"
RETENTION_CLASS = "account"
LONGEST_NAME = 120


@dataclass(frozen=True, slots=True)
class Profile:
    """An account as its holder sees it. `full_name` is empty until they have introduced themselves."""

    user_id: UUID
    full_name: str
    email: str
    phone: str | None
    language: str


def platform(tx: Tx) -> TenantVault:
    """The operator's own keys: accounts are sealed under them, whatever tenant the transaction is in."""
    return tx.vault.vault.for_tenant(PLATFORM)


async def begin_account(tx: Tx, address: str, email_index: bytes, language: str) -> UserAccount:
    """An account for an address that has just proved itself. Its holder is asked who they are next."""
    row = UserAccount(id=uuid7(), email_index=email_index, language=language)
    box = await platform(tx).person(row.id, RETENTION_CLASS)
    row.email = box.seal(UserAccount.email, row.id, address)
    tx.session.add(row)
    await tx.session.flush()
    await audit.record(tx, "identity:account:begun", subject=row.id, target=row.id, body={})
    return row


async def account_for(tx: Tx, typed_email: str, language: str) -> UserAccount:
    """The account of an address, begun when there is none: for people the operator brings in. Raises EmailUnusable."""
    email = read_email(typed_email)
    index = tx.vault.platform_index(EMAIL_INDEX, email.lookup)
    known = await repository.account_under(tx, index)
    return known or await begin_account(tx, email.address, index, language)


async def introduce(tx: Tx, user_id: UUID, name: str, phone: str, *, adult: bool) -> None:
    """Note who an account holder is, and that they are 18 or older (Policy §9).

    Raises NameMissing, PhoneUnusable, AdultsOnly.
    """
    plain = " ".join(name.split())
    if not 0 < len(plain) <= LONGEST_NAME:
        raise NameMissing
    number = read_phone(phone)
    if not adult:
        raise AdultsOnly
    row = await _existing(tx, user_id, for_update=True)
    box = await platform(tx).person(user_id, RETENTION_CLASS)
    row.full_name = box.seal(UserAccount.full_name, user_id, plain)
    row.phone = box.seal(UserAccount.phone, user_id, number) if number else None
    row.adult_declared_at = clock.now()
    await audit.record(tx, "identity:account:introduced", subject=user_id, target=user_id, body={})


async def change_profile(tx: Tx, user_id: UUID, name: str, phone: str, language: str) -> None:
    """Correct who an account holder is. Raises NameMissing and PhoneUnusable; an unknown language changes nothing."""
    plain = " ".join(name.split())
    if not 0 < len(plain) <= LONGEST_NAME:
        raise NameMissing
    number = read_phone(phone)
    row = await _existing(tx, user_id, for_update=True)
    box = await platform(tx).person(user_id, RETENTION_CLASS)
    row.full_name = box.seal(UserAccount.full_name, user_id, plain)
    row.phone = box.seal(UserAccount.phone, user_id, number) if number else None
    if language in i18n.LANGUAGES:
        row.language = language
    await audit.record(tx, "identity:account:changed", subject=user_id, target=user_id, body={})


async def profile(tx: Tx, user_id: UUID) -> Profile:
    """Who an account holder is. Works in any transaction. Raises NotFound."""
    row = await _existing(tx, user_id)
    values = [SealedValue(UserAccount.email, row.id, row.id, row.email)]
    if row.full_name is not None:
        values.append(SealedValue(UserAccount.full_name, row.id, row.id, row.full_name))
    if row.phone is not None:
        values.append(SealedValue(UserAccount.phone, row.id, row.id, row.phone))
    texts = await platform(tx).open_many(values)
    read = {value.column: text for value, text in zip(values, texts, strict=True)}
    return Profile(
        row.id,
        read.get(UserAccount.full_name) or "",
        read.get(UserAccount.email) or "",
        read.get(UserAccount.phone),
        row.language,
    )


async def _existing(tx: Tx, user_id: UUID, *, for_update: bool = False) -> UserAccount:
    row = await repository.account(tx, user_id, for_update=for_update)
    if row is None:
        raise NotFound
    return row
