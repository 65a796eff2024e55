"""What a caller with a key, or with a token made from one, may do. Made once for each secret, and asked on the hot path."""

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

import msgspec

from callmissed.foundation.money import Micro, micro
from callmissed.foundation.problems import Problem, TenantClosed
from callmissed.foundation.tenancy import Access, Actor
from callmissed.identity.key_problems import (
    AddressNotAllowed,
    KeyOwnerGone,
    KeyReplaced,
    ModelNotAllowed,
    OriginNotAllowed,
    ServiceNotAllowed,
)
from callmissed.identity.key_rules import ModelRule, NetworkRule
from callmissed.identity.key_services import GROUNDING
from callmissed.identity.problems import KeyExpired, KeyRevoked, WorkspaceClosed


@dataclass(frozen=True, slots=True)
class KeyAccess:
    """A key's standing in its tenant (permissions are services, such as "llm", and scopes), and what narrows it.

    `expires_at` is when this secret or token ends, and `ended` the Problem that says so. `serial` tells the secrets of a
    key apart. `by_token` is True for a token. `india_only` is what its workspace decided about content leaving India,
    `plan` the plan it is on, `options` what is switched on for it, and `own_keys` how often its workspace's own keys at suppliers have
    changed (0: it has had none). `end_user_budget` is the most that may be spent in a month for each end user,
    `end_user` the tag of whom a token was made for, `grounds` the bot
    whose knowledge its answers rest on where a request names none.
    """

    key_id: UUID
    access: Access
    serial: int = 1
    expires_at: datetime | None = None
    ended: type[Problem] = KeyExpired
    requests_per_minute: int | None = None
    tokens_per_minute: int | None = None
    monthly_budget: Micro | None = None
    models: ModelRule | None = None
    origins: frozenset[str] = frozenset()
    networks: NetworkRule | None = None
    by_token: bool = False
    india_only: bool = True
    plan: str = ""
    options: frozenset[str] = frozenset()
    own_keys: int = 0
    end_user_budget: Micro | None = None
    end_user: UUID | None = None
    grounds: UUID | None = None

    @property
    def tenant_id(self) -> UUID:
        """The tenant it calls for."""
        return self.access.tenant_id

    @property
    def in_browsers(self) -> bool:
        """Whether it stands in pages, where their visitors can read it and say what they like with it."""
        return self.by_token or bool(self.origins)

    def from_where(self, origin: str | None, address: str) -> None:
        """Whether it may call from this website (the header Origin, None for a program) and network address.

        Raises AddressNotAllowed and OriginNotAllowed.
        """
        if self.networks is not None and not self.networks.allows(address):
            raise AddressNotAllowed
        if (origin is not None or self.origins) and origin not in self.origins:
            raise OriginNotAllowed

    def use(self, service: str) -> None:
        """Raise ServiceNotAllowed unless it may use this service."""
        if service not in self.access.permissions:
            raise ServiceNotAllowed(service=service)

    def ask(self, model: str) -> None:
        """Raise ModelNotAllowed unless it may ask this model."""
        if self.models is not None and not self.models.allows(model):
            raise ModelNotAllowed(param="model")


class FormerSecret(msgspec.Struct, frozen=True):
    """A secret that a key had before, and until when it works."""

    serial: int
    works_until: datetime
    secret_hash: bytes


class FoundKey(msgspec.Struct, frozen=True):
    """A key as the database knows it, with its workspace: `closed` doors, and whether whoever answers for it is still here."""

    tenant_id: UUID
    id: UUID
    closed: bool
    state: str
    plan: str
    india_only: bool
    own_keys: int
    owned: bool
    revoked_at: datetime | None
    secret_hash: bytes
    permissions: list[str]
    scopes: list[str]
    monthly_budget: int | None
    end_user_budget: int | None
    expires_at: datetime | None
    requests_per_minute: int | None
    tokens_per_minute: int | None
    models: list[str]
    origins: list[str]
    networks: list[str]
    options: list[str]
    grounds: UUID | None
    serial: int
    retired: list[FormerSecret]

    def check(self) -> None:
        """Raise TenantClosed, KeyRevoked, WorkspaceClosed or KeyOwnerGone when it does not work."""
        if self.closed:
            raise TenantClosed
        if self.revoked_at is not None:
            raise KeyRevoked
        if self.state != "active":
            raise WorkspaceClosed
        if not self.owned:
            raise KeyOwnerGone


def accesses(row: FoundKey) -> dict[bytes, KeyAccess]:
    """What each secret of a key gives, by its keyed hash: the current one, and those it had before."""
    standing = Access(row.tenant_id, Actor("key", row.id), frozenset((*row.permissions, *row.scopes)))
    models = ModelRule(row.models) if row.models else None
    origins = frozenset(row.origins)
    networks = NetworkRule(row.networks) if row.networks else None
    options = frozenset(row.options) | ({GROUNDING} if row.grounds else set[str]())
    budget = micro(row.monthly_budget)

    def of(serial: int, expires_at: datetime | None, ended: type[Problem]) -> KeyAccess:
        rates = row.requests_per_minute, row.tokens_per_minute
        return KeyAccess(
            row.id, standing, serial, expires_at, ended, *rates, budget, models, origins, networks,
            india_only=row.india_only, plan=row.plan, options=options, own_keys=row.own_keys, grounds=row.grounds,
            end_user_budget=micro(row.end_user_budget),
        )  # fmt: skip

    found = {row.secret_hash: of(row.serial, row.expires_at, KeyExpired)}
    for each in row.retired:
        sooner = row.expires_at is not None and row.expires_at < each.works_until
        ended = (row.expires_at, KeyExpired) if sooner else (each.works_until, KeyReplaced)
        found[each.secret_hash] = of(each.serial, *ended)
    return found
