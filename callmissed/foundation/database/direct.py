"""Statements and transactions over asyncpg: for the ledger and the key ring, whose budget the ordinary way does not fit.

Hand-written statements, the same tenant lock. A joint transaction may work for several tenants one after another; each
statement sees only the tenant entered last.
"""

from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from typing import Any
from uuid import UUID

import asyncpg  # pyright: ignore[reportMissingTypeStubs] - it ships none

AlreadyThere = asyncpg.UniqueViolationError
"""Raised by a statement that would write the same key twice."""

PASSING = (asyncpg.TransactionRollbackError, asyncpg.LockNotAvailableError)
"""Raised by a statement that will go through when it is tried again: deadlocks, locks held too long."""

FAILURES: tuple[type[Exception], ...] = (asyncpg.PostgresError, asyncpg.InterfaceError, OSError, TimeoutError)
"""Everything a statement or a lost connection can raise. `DirectConnection.lost` tells the two apart."""

GONE: tuple[type[Exception], ...] = (
    asyncpg.PostgresConnectionError,
    asyncpg.InsufficientResourcesError,
    asyncpg.OperatorInterventionError,
    asyncpg.InterfaceError,
)
"""Of those, what says that the server is away, or has no room (SQLSTATE 08, 53, 57)."""

UNWRITABLE: tuple[type[Exception], ...] = (
    *FAILURES,
    asyncpg.InternalClientError,
    ValueError,
    ArithmeticError,
)
"""What a single bad value can raise besides, in whoever encodes it: a number too large for JSON or for its column."""


class DirectTx:
    """One open transaction. `enter` a tenant before the first statement."""

    def __init__(self, connection: Any) -> None:
        self._connection = connection
        self._begin = "BEGIN; "

    async def enter(self, tenant_id: UUID) -> None:
        """Work for this tenant from here on."""
        # house: built-sql a parsed UUID, and SET takes no bound values
        await self._connection.execute(f"{self._begin}SET LOCAL app.tenant_id = '{UUID(str(tenant_id))}'")
        self._begin = ""

    async def fetch(self, statement: str, *arguments: Any) -> list[Any]:
        """Run one statement and return its rows."""
        return await self._connection.fetch(statement, *arguments)

    async def end(self, verb: str) -> None:
        """COMMIT or ROLLBACK, where anything was begun."""
        if not self._begin:
            await self._connection.execute(verb)


class DirectConnection:
    """One asyncpg connection to the data plane, made when it is first needed and made again when it was lost.

    `name` is what the server's lists call it.
    """

    def __init__(self, dsn: str, name: str = "ledger") -> None:
        self._dsn = dsn
        self._name = name
        self._connection: Any = None

    @property
    def lost(self) -> bool:
        """Whether the connection is gone, so that the fate of the last transaction is unknown."""
        return self._connection is None or self._connection.is_closed()

    @asynccontextmanager
    async def transaction(self) -> AsyncGenerator[DirectTx]:
        """A transaction that commits at the end of the block and rolls back on an exception."""
        tx = DirectTx(await self._connected())
        try:
            yield tx
        # house: broad-except an interrupted transaction must not stay open, whatever interrupted it
        except BaseException:
            await self._abandon(tx)
            raise
        await tx.end("COMMIT")

    async def alone(self, statement: str, *arguments: Any) -> list[Any]:
        """Run one statement as a transaction of its own and return its rows: they are durable then."""
        return await (await self._connected()).fetch(statement, *arguments)

    async def _connected(self) -> Any:
        if self.lost:
            connect: Any = asyncpg.connect  # pyright: ignore[reportUnknownMemberType, reportUnknownVariableType] - the library is untyped
            self._connection = await connect(
                self._dsn, timeout=10, command_timeout=30, server_settings={"application_name": self._name}
            )
        return self._connection

    async def _abandon(self, tx: DirectTx) -> None:
        """Roll back; a connection that cannot even do that is thrown away."""
        try:
            await tx.end("ROLLBACK")
        except FAILURES:
            if self._connection is not None:
                self._connection.terminate()

    async def close(self) -> None:
        """Close the connection, if there is one."""
        if self._connection is not None and not self._connection.is_closed():
            await self._connection.close(timeout=5)
        self._connection = None
