"""Transactions: the unit of work. Only the edge opens one, and leaving the block commits it."""

from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from sqlalchemy import text
from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import AsyncEngine, AsyncSession, async_sessionmaker, create_async_engine

from callmissed.foundation.ids import PLATFORM
from callmissed.foundation.problems import TenantClosed
from callmissed.foundation.tenancy import PAST_CLOSED_DOORS, Access
from callmissed.foundation.vault import TenantVault, Vault

CLOSED = "CM403"
"""The code of the error that `cm.admit` raises (foundation/doors.py)."""


@dataclass(slots=True)
class Tx:
    """One open transaction: the session, whose standing it runs under, and the tenant's view of the vault."""

    session: AsyncSession
    vault: TenantVault
    access: Access | None = None

    @property
    def tenant_id(self) -> UUID:
        """The tenant this transaction works for; the operator's own pseudo-tenant in a control transaction."""
        return self.access.tenant_id if self.access else PLATFORM

    @asynccontextmanager
    async def as_operator(self) -> AsyncGenerator[None]:
        """In a control transaction, for the length of the block: the operator's own rows. Elsewhere nothing changes."""
        if self.access:
            yield
            return
        # house: built-sql the value is a constant of ours
        await self.session.execute(text(f"SET LOCAL app.tenant_id = '{PLATFORM}'"))
        yield  # an exception ends the transaction, or the savepoint, and the setting with it
        await self.session.execute(text("SET LOCAL app.tenant_id = ''"))

    async def driver(self) -> Any:
        """The psycopg connection underneath, for jobs and notifications that must join this transaction."""
        raw = await (await self.session.connection()).get_raw_connection()
        return raw.driver_connection


class Database:
    """The data plane as seen by one role: a pool, and transactions bound to a tenant.

    `url` is an SQLAlchemy URL for psycopg. `vault` seals and opens personal data.
    """

    def __init__(self, url: str, vault: Vault, *, pool_size: int = 8) -> None:
        self.vault = vault
        self.engine: AsyncEngine = create_async_engine(
            url, pool_size=pool_size, max_overflow=pool_size, pool_pre_ping=True, hide_parameters=True
        )
        self._sessions = async_sessionmaker(self.engine, expire_on_commit=False)

    @asynccontextmanager
    async def tenant(self, access: Access) -> AsyncGenerator[Tx]:
        """A transaction that sees one tenant's rows only. Commits at the end of the block, rolls back on an exception.

        Raises TenantClosed unless the access has a purpose that enters closed tenants.
        """
        async with self._sessions.begin() as session:
            # A statement, not set_config(): poolers and Citus treat SET LOCAL right, and it cannot outlive the
            # transaction. The value was parsed as a UUID, so it cannot carry SQL.
            tenant_id = UUID(str(access.tenant_id))
            enter = f"SET LOCAL app.tenant_id = '{tenant_id}'"
            if access.purpose not in PAST_CLOSED_DOORS:
                enter += f"; SELECT cm.admit('{tenant_id}')"  # in the same round trip
            try:
                await session.execute(text(enter))
            except DBAPIError as refused:
                if getattr(refused.orig, "sqlstate", None) == CLOSED:
                    raise TenantClosed from None
                raise
            yield Tx(session, self.vault.for_tenant(access.tenant_id), access)

    @asynccontextmanager
    async def control(self) -> AsyncGenerator[Tx]:
        """A transaction outside any tenant: control tables only; tenant tables show no rows (row security fails closed)."""
        async with self._sessions.begin() as session:
            yield Tx(session, self.vault.for_tenant(PLATFORM))

    async def close(self) -> None:
        """Close the pool."""
        await self.engine.dispose()
