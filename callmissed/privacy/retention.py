"""Retention: rows past their days go, and partitions are there before they are needed (Policy §5).

How long a table is kept stands in the data map alone. The database's own function `cm.expire` removes rows: it reads the
period from what the migration entered for the table, so nobody can have it remove anything else.
"""

from collections.abc import Iterator

from sqlalchemy import Table, text

from callmissed.foundation import clock, datamap
from callmissed.foundation.database import Tx

MONTHS_AHEAD = 3


def expiring() -> Iterator[Table]:
    """Tables whose rows are kept for a number of days and hold nothing under a key of their own.

    Where each row has a key of its own, that key must be destroyed first: the table's room sees to it.
    """
    for table in datamap.tables():
        own_key = any(entry.holds.person == "id" for entry in datamap.entries() if entry.table == table.name)
        if table.info["row"].__keep__.days is not None and not own_key:
            yield table


async def expire(tx: Tx) -> dict[str, int]:
    """Remove what is past its days; table name to the number of rows removed, where there were any."""
    removed: dict[str, int] = {}
    for table in expiring():
        count = await tx.session.scalar(text("SELECT cm.expire(to_regclass(:name))"), {"name": table.name})
        if count:
            removed[table.name] = int(count)
    return removed


async def prepare_partitions(tx: Tx) -> int:
    """Make the partitions of the coming months; how many were made."""
    made = 0
    for table in datamap.tables():
        if table.info["row"].__partition__:
            query = text("SELECT cm.ensure_partitions(to_regclass(:name), :today, :months)")
            values = {"name": table.name, "today": clock.today(), "months": MONTHS_AHEAD}
            made += int(await tx.session.scalar(query, values) or 0)
    return made
