"""What the checks ask PostgreSQL about itself: which columns there are, live."""

from collections.abc import Collection

from callmissed.privacy.promises.engine import Look, Rows, require

LIVE_COLUMNS = """\
SELECT c.relname AS table_name, a.attname AS column_name, c.relname || '.' || a.attname AS name,
  format_type(a.atttypid, a.atttypmod) AS kind, a.attnotnull AS required
FROM pg_attribute a JOIN pg_class c ON c.oid = a.attrelid JOIN pg_namespace n ON n.oid = c.relnamespace
WHERE n.nspname = 'public' AND c.relkind IN ('r', 'p') AND NOT c.relispartition
  AND a.attnum > 0 AND NOT a.attisdropped AND has_column_privilege(c.oid, a.attnum, 'SELECT')
ORDER BY 1, a.attnum"""
"""Every column of every table that the verifier may read. Partitions are read through their parents."""

UNREADABLE = """\
SELECT c.relname FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
WHERE n.nspname = 'public' AND c.relkind IN ('r', 'p') AND NOT c.relispartition
  AND NOT has_table_privilege(c.oid, 'SELECT') AND c.relname NOT IN ('alembic_version', 'sealed_record')"""
"""Tables that the verifier may not read: a check of everything must not be silent about them.

Of sealed records nobody reads one column, which is ciphertext for their custodians.
"""

TEXT_KINDS = ("text", "character", "json", "varchar")
"""How the names of types begin that hold text."""


async def columns_of(look: Look, tables: Collection[str]) -> Rows:
    """Every live column of these tables. Raises Silent where one of them is gone or closed to the verifier."""
    live = [row for row in await look.rows(LIVE_COLUMNS) if row["table_name"] in tables]
    for name in tables:
        require(any(row["table_name"] == name for row in live), f"table {name}")
    return live
