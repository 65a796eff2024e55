"""Print the SQL of mapped tables, for a migration that adds them: `python -m tools.new_tables passkey totp_factor`.

Tables, indexes, row security, grants and first partitions, as `foundation/database/schema.py` derives them from the classes.
A migration is history from the day it lands, so nothing rewrites one; a test compares what all of them make with the classes.
"""

import sys

from callmissed.app import tables
from callmissed.foundation import datamap
from callmissed.foundation.database.schema import table_statements


def main() -> int:
    """Print, or name what there is."""
    tables.load()
    known = {table.name: table for table in datamap.tables()}
    wanted = sys.argv[1:]
    if not wanted or set(wanted) - known.keys():
        sys.stderr.write(f"which? {' '.join(sorted(known))}\n")
        return 2
    for name in wanted:
        sys.stdout.write("\n".join(table_statements(known[name])) + "\n")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
