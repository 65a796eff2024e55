"""Drift: the live schema against the data map. A difference refuses the start, because an unmapped column is a hidden one."""

from dataclasses import dataclass

from sqlalchemy import text
from sqlalchemy.dialects import postgresql
from sqlalchemy.ext.asyncio import AsyncConnection

from callmissed.foundation.datamap import tables
from callmissed.foundation.problems import Problem

OTHERS = ("procrastinate_", "alembic_version")
"""Tables of libraries. They are entries of the map as stores, declared where the library is used."""

LIVE_COLUMNS = """
SELECT c.relname AS table_name, a.attname AS column_name, format_type(a.atttypid, a.atttypmod) AS kind
FROM pg_attribute a JOIN pg_class c ON c.oid = a.attrelid JOIN pg_namespace n ON n.oid = c.relnamespace
WHERE n.nspname = 'public' AND c.relkind IN ('r', 'p') AND NOT c.relispartition
  AND a.attnum > 0 AND NOT a.attisdropped
"""


class SchemaDrift(Problem):
    """The database and the data map differ, so nobody can say what is stored. Run `callmissed migrate`."""

    status = 500
    code = "schema_drift"


@dataclass(frozen=True, slots=True)
class Difference:
    """One column or table that stands on one side only, or differs in type."""

    where: str
    mapped: str | None
    live: str | None


async def differences(connection: AsyncConnection) -> list[Difference]:
    """Every difference between the mapped classes and the live tables of schema public."""
    rows = (await connection.execute(text(LIVE_COLUMNS))).all()
    live = {
        f"{r.table_name}.{r.column_name}": str(r.kind) for r in rows if not r.table_name.startswith(OTHERS)
    }
    dialect = postgresql.dialect()
    mapped = {
        f"{table.name}.{column.name}": column.type.compile(dialect).lower()
        for table in tables()
        for column in table.columns
    }
    return [
        Difference(where, mapped.get(where), live.get(where))
        for where in sorted(live.keys() | mapped.keys())
        if not _same(mapped.get(where), live.get(where))
    ]


ALIASES = {
    "varchar": "character varying",
    "timestamp with time zone": "timestamp with time zone",
    "float": "double precision",
}


def _same(mapped: str | None, live: str | None) -> bool:
    if mapped is None or live is None:
        return False
    for short, long in ALIASES.items():
        if mapped.startswith(short):
            mapped = long + mapped[len(short) :]
            break
    return mapped == live


async def refuse_drift(connection: AsyncConnection) -> None:
    """Raise SchemaDrift with the first differences unless map and database agree."""
    found = await differences(connection)
    if found:
        lines = [
            f"{d.where}: map says {d.mapped or 'nothing'}, database says {d.live or 'nothing'}" for d in found
        ]
        raise SchemaDrift(SchemaDrift.default_message() + " " + "; ".join(lines[:10]), differences=len(found))
