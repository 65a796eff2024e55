"""Transactions: the unit of work. Only the edge opens one, and leaving the block commits it.

The operator's staff look into a tenant only under an approval, in a transaction that cannot write; which rows they read is
handed to the witness in a second one, which must commit before the block is left and so before anything is shown.
"""

from collections.abc import AsyncGenerator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from sqlalchemy import text
from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import AsyncEngine, AsyncSession, async_sessionmaker, create_async_engine

from callmissed.foundation.database.direct import DirectConnection
from callmissed.foundation.database.watching import Seen, Watch
from callmissed.foundation.ids import PLATFORM
from callmissed.foundation.problems import Forbidden, TenantClosed
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
    watch: Watch | None = None

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
        await _work_for(self.session, PLATFORM)
        yield  # an exception ends the transaction, or the savepoint, and the setting with it
        await self.session.execute(text("SET LOCAL app.tenant_id = ''"))

    @asynccontextmanager
    async def operators_side(self) -> AsyncGenerator["Tx"]:
        """In a tenant's transaction, for the length of the block: the same one as the operator's own, for what must stand in
        both logs or in neither.
        """
        await _work_for(self.session, PLATFORM)
        yield Tx(self.session, self.vault.vault.for_tenant(PLATFORM), Access.system(PLATFORM))
        await _work_for(self.session, self.tenant_id)

    def shown(self, table: str, row_ids: Sequence[UUID]) -> None:
        """Rows that a plain SQL statement found: told to whoever watches this transaction, mapped rows are seen by themselves."""
        if self.watch is not None:
            self.watch.add(table, row_ids)

    async def driver(self) -> Any:
        """The psycopg connection underneath, for jobs and notifications that must join this transaction."""
        raw = await (await self.session.connection()).get_raw_connection()
        return raw.driver_connection


Witness = Callable[[Tx, Sequence[Seen]], Awaitable[None]]
"""Writes down which rows of a tenant the operator's staff have read, in a transaction of that tenant."""


async def _work_for(session: AsyncSession, tenant_id: UUID, *, if_open: bool = False) -> None:
    # A statement, not set_config(): poolers and Citus treat SET LOCAL right, and it cannot outlive the
    # transaction. The value was parsed as a UUID, so it cannot carry SQL.
    tenant = UUID(str(tenant_id))
    admitted = f"; SELECT cm.admit('{tenant}')" if if_open else ""  # in the same round trip
    # house: built-sql a parsed UUID, and SET takes no bound values
    await session.execute(text(f"SET LOCAL app.tenant_id = '{tenant}'{admitted}"))


async def _enter(session: AsyncSession, access: Access) -> None:
    """Work for the tenant of this access from here on, if its doors are open to it. Raises TenantClosed."""
    try:
        await _work_for(session, access.tenant_id, if_open=access.purpose not in PAST_CLOSED_DOORS)
    except DBAPIError as refused:
        if getattr(refused.orig, "sqlstate", None) == CLOSED:
            raise TenantClosed from None
        raise


class Database:
    """The data plane as seen by one role: a pool, and transactions bound to a tenant.

    `url` is an SQLAlchemy URL for psycopg. `vault` seals and opens personal data. Without a `witness`, staff see nothing.
    """

    witness: Witness | None = None

    def __init__(self, url: str, vault: Vault, *, pool_size: int = 8) -> None:
        self.vault = vault
        self.engine: AsyncEngine = create_async_engine(
            url, pool_size=pool_size, max_overflow=pool_size, pool_pre_ping=True, hide_parameters=True
        )
        self._sessions = async_sessionmaker(self.engine, expire_on_commit=False)
        self._direct: list[DirectConnection] = []

    @asynccontextmanager
    async def tenant(self, access: Access) -> AsyncGenerator[Tx]:
        """A transaction that sees one tenant's rows only. Commits at the end of the block, rolls back on an exception.

        Raises TenantClosed unless the access has a purpose that enters closed tenants, Forbidden for staff without an approval.
        """
        if access.actor.kind == "staff" and access.tenant_id != PLATFORM:
            async with self._watched(access) as tx:
                yield tx
            return
        async with self._sessions.begin() as session:
            await _enter(session, access)
            yield Tx(session, self.vault.for_tenant(access.tenant_id), access)

    @asynccontextmanager
    async def _watched(self, access: Access) -> AsyncGenerator[Tx]:
        """Reading under an approval: what was read is written down before the block is left, whatever becomes of the page."""
        if access.approval is None or self.witness is None:
            raise Forbidden
        watch, vault = Watch(), self.vault.for_tenant(access.tenant_id)
        try:
            async with self._sessions.begin() as session:
                await session.execute(text("SET TRANSACTION READ ONLY"))
                await _enter(session, access)
                watch.over(session)
                yield Tx(session, vault, access, watch)
        finally:
            async with self._sessions.begin() as session:
                await _work_for(session, access.tenant_id)
                await self.witness(Tx(session, vault, access), watch.seen())

    @asynccontextmanager
    async def control(self) -> AsyncGenerator[Tx]:
        """A transaction outside any tenant: control tables only; tenant tables show no rows (row security fails closed)."""
        async with self._sessions.begin() as session:
            yield Tx(session, self.vault.for_tenant(PLATFORM))

    def direct(self, name: str) -> DirectConnection:
        """A connection outside the pool, for a path whose budget the pool does not fit. The server shows it by this name."""
        url = self.engine.url.set(drivername="postgresql")
        made = DirectConnection(url.render_as_string(hide_password=False), name)
        self._direct.append(made)
        return made

    async def close(self) -> None:
        """Close the pool, and every connection outside it."""
        for connection in self._direct:
            await connection.close()
        await self.engine.dispose()
