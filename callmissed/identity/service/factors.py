"""A person's own factors, all at a glance: what they have, its names, and taking one away."""

from dataclasses import dataclass
from datetime import datetime
from types import MappingProxyType
from uuid import UUID

from callmissed.foundation import audit
from callmissed.foundation.database import Tx
from callmissed.foundation.vault import SealedValue
from callmissed.identity.factor_problems import FactorNotFound, LastFactor
from callmissed.identity.models import Passkey, TotpFactor
from callmissed.identity.repository import accounts as accounts_sql
from callmissed.identity.repository import passkeys, totp
from callmissed.identity.service import factor_news, providers
from callmissed.identity.service.accounts import RETENTION_CLASS, platform
from callmissed.identity.service.entrance import asked_anywhere
from callmissed.identity.service.naming import factor_name
from callmissed.identity.service.providers import Identity

RENAMED = MappingProxyType({"passkey": "identity:passkey:renamed", "app": "identity:app:renamed"})


@dataclass(frozen=True, slots=True)
class Factor:
    """A passkey or an app, as its holder sees it."""

    id: UUID
    name: str
    added_at: datetime
    last_used_at: datetime | None
    is_synced: bool = False


@dataclass(frozen=True, slots=True)
class Factors:
    """Everything a person proves themselves with, besides the code by e-mail. `required`: a workspace of theirs asks for one."""

    passkeys: list[Factor]
    apps: list[Factor]
    recovery_left: int
    identities: list[Identity]
    required: bool


async def overview(tx: Tx, user_id: UUID) -> Factors:
    """What this person has, in the workspace of the transaction."""
    keys, apps = await passkeys.passkeys_of(tx, user_id), await totp.apps_of(tx, user_id)
    values = [SealedValue(Passkey.name, row.id, user_id, row.name) for row in keys]
    values += [SealedValue(TotpFactor.name, row.id, user_id, row.name) for row in apps]
    names = [name or "" for name in await platform(tx).open_many(values)]
    return Factors(
        [
            Factor(row.id, name, row.created_at, row.last_used_at, row.is_synced)
            for row, name in zip(keys, names[: len(keys)], strict=True)
        ],
        [
            Factor(row.id, name, row.created_at, row.last_used_at)
            for row, name in zip(apps, names[len(keys) :], strict=True)
        ],
        await totp.recovery_left(tx, user_id),
        await providers.identities(tx, user_id),
        await asked_anywhere(tx, user_id),
    )


async def rename(tx: Tx, user_id: UUID, factor_id: UUID, name: str) -> None:
    """Call a passkey or an app something else. Raises FactorNotFound and FactorNameMissing."""
    plain = factor_name(name)
    row, kind = await _existing(tx, user_id, factor_id)
    box = await platform(tx).person(user_id, RETENTION_CLASS)
    row.name = box.seal(Passkey.name if isinstance(row, Passkey) else TotpFactor.name, row.id, plain)
    await audit.record(tx, RENAMED[kind], subject=user_id, target=row.id, body={})


async def remove(tx: Tx, user_id: UUID, factor_id: UUID) -> None:
    """Take a passkey or an app away; recovery codes go with the last app.

    Raises FactorNotFound, and LastFactor where a workspace of theirs asks for one and this is the last.
    """
    await accounts_sql.account(tx, user_id, for_update=True)  # one at a time: two would each leave the other
    row, kind = await _existing(tx, user_id, factor_id)
    keys, apps = await passkeys.count_of(tx, user_id), len(await totp.apps_of(tx, user_id))
    if keys + apps <= 1 and await asked_anywhere(tx, user_id):
        raise LastFactor
    await tx.session.delete(row)
    if isinstance(row, TotpFactor) and apps <= 1:
        await totp.forget_recovery(tx, user_id)
    await tx.session.flush()
    await factor_news.tell(tx, user_id, f"identity:{kind}:removed", row.id)


async def _existing(tx: Tx, user_id: UUID, factor_id: UUID) -> tuple[Passkey | TotpFactor, str]:
    if (key := await passkeys.passkey(tx, user_id, factor_id)) is not None:
        return key, "passkey"
    if (app := await totp.app(tx, user_id, factor_id)) is not None:
        return app, "app"
    raise FactorNotFound
