"""The roles and databases of both planes, created by the server's own login, which nothing else uses but migrations.

cm_owner     no login; owns the schema; migrations act as it through SET ROLE
cm_app       the web processes; row-level security holds it to one tenant at a time
cm_worker    the jobs, likewise held
cm_verifier  reads, for the checks of the promises
cm_search    no login; owns the few search functions
cm_keys      the only login of the key plane, and the owner of its database
"""

import logging
from collections.abc import Mapping
from dataclasses import replace

import psycopg
from psycopg import AsyncConnection, sql

from callmissed.foundation.postgres.dsn import Dsn

DATABASE = "callmissed"
KEYS_DATABASE = "callmissed_keys"
OWNER = "cm_owner"
KEYS_ROLE = "cm_keys"
LOGINS = ("cm_app", "cm_worker", "cm_verifier")
WITHOUT_LOGIN = (OWNER, "cm_search")
CONNECTIONS = {"cm_verifier": 4}

_log = logging.getLogger(__name__)


async def ensure_roles(admin: Dsn, passwords: Mapping[str, str]) -> None:
    """Make the data plane's roles and database what they should be; again and again with the same result.

    `admin` is a login that may create roles, `passwords` has those of `LOGINS`. Raises psycopg.Error.
    """
    async with await _connect(admin) as connection:
        for role in WITHOUT_LOGIN:
            await _role(connection, role, None)
        for role in LOGINS:
            await _role(connection, role, passwords[role])
        await _database(connection, DATABASE, OWNER, LOGINS)
    async with await _connect(replace(admin, database=DATABASE)) as connection:
        await _close_public(connection, OWNER)
        await _optional_extension(connection, "pg_trgm")


async def ensure_key_roles(admin: Dsn, passwords: Mapping[str, str]) -> None:
    """The same for the key plane: one role, one database. Raises psycopg.Error."""
    async with await _connect(admin) as connection:
        await _role(connection, KEYS_ROLE, passwords[KEYS_ROLE])
        await _database(connection, KEYS_DATABASE, KEYS_ROLE, (KEYS_ROLE,))
    async with await _connect(replace(admin, database=KEYS_DATABASE)) as connection:
        await _close_public(connection, KEYS_ROLE)


async def _connect(dsn: Dsn) -> AsyncConnection:
    return await psycopg.AsyncConnection.connect(dsn.psycopg, autocommit=True)


async def _role(connection: AsyncConnection, role: str, password: str | None) -> None:
    """Create or correct one role. The password is hashed here: its clear text never travels, and no log can hold it."""
    found = await connection.execute("SELECT 1 FROM pg_roles WHERE rolname = %s", [role])
    verb = "ALTER" if await found.fetchone() else "CREATE"
    login = "NOLOGIN" if password is None else "LOGIN"
    # A managed server's administrator may not even mention these three, and creates no role that has them.
    powerless = "NOSUPERUSER NOBYPASSRLS NOREPLICATION" if await _is_superuser(connection) else ""
    # house: built-sql words of this module; the name and the password are composed by psycopg
    words = sql.SQL(
        f"{verb} ROLE {{}} {login} NOCREATEDB NOCREATEROLE NOINHERIT {powerless} CONNECTION LIMIT {{}}"
    )
    statement = words.format(sql.Identifier(role), sql.Literal(CONNECTIONS.get(role, -1)))
    if password is not None:
        verifier = connection.pgconn.encrypt_password(
            password.encode(), role.encode(), b"scram-sha-256"
        ).decode()
        statement += sql.SQL(" PASSWORD {}").format(sql.Literal(verifier))
    await connection.execute(statement)


async def _is_superuser(connection: AsyncConnection) -> bool:
    found = await connection.execute("SELECT rolsuper FROM pg_roles WHERE rolname = current_user")
    row = await found.fetchone()
    return bool(row and row[0])


async def _database(connection: AsyncConnection, name: str, owner: str, users: tuple[str, ...]) -> None:
    """Create the database when absent; only `users` may connect to it, and nobody to the server's other databases."""
    database, role = sql.Identifier(name), sql.Identifier(owner)
    if not await _is_superuser(connection):
        # to give something to a role, an ordinary administrator must be its member
        await connection.execute(sql.SQL("GRANT {} TO CURRENT_USER").format(role))
    found = await connection.execute("SELECT 1 FROM pg_database WHERE datname = %s", [name])
    if not await found.fetchone():
        await connection.execute(
            sql.SQL("CREATE DATABASE {} OWNER {} TEMPLATE template0").format(database, role)
        )
    await connection.execute(sql.SQL("REVOKE CONNECT, TEMPORARY ON DATABASE {} FROM PUBLIC").format(database))
    for user in users:
        await connection.execute(
            sql.SQL("GRANT CONNECT ON DATABASE {} TO {}").format(database, sql.Identifier(user))
        )
    if await _is_superuser(connection):
        for other in ("postgres", "template1"):
            await connection.execute(
                sql.SQL("REVOKE CONNECT ON DATABASE {} FROM PUBLIC").format(sql.Identifier(other))
            )


async def _close_public(connection: AsyncConnection, owner: str) -> None:
    """Nobody but the owner creates anything in the schema `public`."""
    await connection.execute("REVOKE CREATE ON SCHEMA public FROM PUBLIC")
    await connection.execute(
        sql.SQL("GRANT USAGE, CREATE ON SCHEMA public TO {}").format(sql.Identifier(owner))
    )


async def _optional_extension(connection: AsyncConnection, name: str) -> None:
    """Create an extension the product is faster with and does without."""
    found = await connection.execute("SELECT 1 FROM pg_available_extensions WHERE name = %s", [name])
    if not await found.fetchone():
        return
    try:
        await connection.execute(
            sql.SQL("CREATE EXTENSION IF NOT EXISTS {} SCHEMA public").format(sql.Identifier(name))
        )
    except psycopg.errors.InsufficientPrivilege:
        _log.warning("extension %s is available, but this login may not create it", name)
