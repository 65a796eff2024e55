"""Telling a database that is away (restarting, full, refusing connections) from a fault of ours."""

import psycopg
from sqlalchemy.exc import InterfaceError, OperationalError

from callmissed.foundation.database.direct import GONE

AWAY: tuple[type[BaseException], ...] = (
    OperationalError,
    InterfaceError,
    psycopg.OperationalError,
    psycopg.InterfaceError,
    *GONE,
    ConnectionError,
)
"""What drivers raise when the server is not there, is starting or stopping, or has no room (SQLSTATE 08, 53, 57)."""


def out_of_reach(failure: BaseException) -> bool:
    """Whether this failure means that a database is away: then trying again in a moment helps.

    A socket that is not there is an OSError without a file's name.
    """
    return isinstance(failure, AWAY) or (isinstance(failure, FileNotFoundError) and failure.filename is None)
