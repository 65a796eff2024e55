"""Telling a database that is away (restarting, full, refusing connections) from a fault of ours."""

import psycopg
from sqlalchemy.exc import InterfaceError, OperationalError

from callmissed.foundation.database.direct import GONE

DRIVERS: tuple[type[Exception], ...] = (
    OperationalError,
    InterfaceError,
    psycopg.OperationalError,
    psycopg.InterfaceError,
    *GONE,
)
"""What drivers raise when the server is not there, is starting or stopping, or has no room; and for other reasons too."""

AWAY: tuple[type[Exception], ...] = (*DRIVERS, ConnectionError, FileNotFoundError)
"""That, and what connecting to a server's socket raises. A supplier of models may raise the same."""


GONE_STATES = ("08", "53", "57P")
"""How the SQLSTATE of a server begins that is away or has no room; a deadlock or a statement that took too long is none of it."""


def out_of_reach(failure: BaseException) -> bool:
    """Whether this failure means that a database is away: then trying again in a moment helps.

    A socket that is not there is an OSError without a file's name; a connection that broke has no SQLSTATE.
    """
    if isinstance(failure, FileNotFoundError):
        return failure.filename is None
    if not isinstance(failure, AWAY):
        return False
    state = getattr(getattr(failure, "orig", failure), "sqlstate", None)
    return state is None or str(state).startswith(GONE_STATES)
