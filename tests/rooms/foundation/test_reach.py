"""A database that is away is told from a statement that failed and from whatever else breaks."""

import asyncpg
import psycopg
import pytest
from sqlalchemy.exc import IntegrityError, OperationalError

from callmissed.foundation.database import DRIVERS, out_of_reach

AWAY = {
    "refused": ConnectionRefusedError(),
    "no socket": FileNotFoundError(2, "No such file or directory"),
    "connection broke": psycopg.OperationalError("server closed the connection unexpectedly"),
    "shutting down": psycopg.errors.AdminShutdown(),
    "full disk": psycopg.errors.DiskFull(),
    "through SQLAlchemy": OperationalError("SELECT 1", {}, psycopg.errors.DiskFull()),
    "starting": asyncpg.CannotConnectNowError(),
    "full disk, asyncpg": asyncpg.DiskFullError(),
    "connection is closed": asyncpg.InterfaceError("connection is closed"),
}
HERE = {
    "deadlock": psycopg.errors.DeadlockDetected(),
    "lock timeout": psycopg.errors.LockNotAvailable(),
    "cancelled": psycopg.errors.QueryCanceled(),
    "deadlock, SQLAlchemy": OperationalError("SELECT 1", {}, psycopg.errors.DeadlockDetected()),
    "cancelled, asyncpg": asyncpg.QueryCanceledError(),
    "written twice": IntegrityError("INSERT", {}, psycopg.errors.UniqueViolation()),
    "a file of ours": FileNotFoundError(2, "No such file or directory", "var/demo.json"),
    "a fault of ours": ValueError("x"),
}


@pytest.mark.parametrize("what", AWAY)
def test_a_database_that_is_away(what: str) -> None:
    assert out_of_reach(AWAY[what])


@pytest.mark.parametrize("what", HERE)
def test_a_database_that_is_there(what: str) -> None:
    assert not out_of_reach(HERE[what])


def test_a_suppliers_connection_is_no_drivers() -> None:
    """A job whose supplier hangs up fails alone: it does not end the worker that everybody's jobs run in."""
    assert not isinstance(ConnectionResetError(), DRIVERS)
