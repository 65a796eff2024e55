"""Write the schema of the mapped classes into the first migration. Run after changing models, before the first release.

`python -m tools.freeze_schema` rewrites the two SQL files; `--check` exits 1 when they differ.
"""

import sys
from pathlib import Path

from procrastinate.schema import SchemaManager

from callmissed.app import tables
from callmissed.foundation import datamap
from callmissed.foundation.database.schema import statements

VERSIONS = Path(__file__).resolve().parent.parent / "migrations" / "versions"

QUEUE_GRANTS = """
-- The queue holds ids only (see the data map), so both application roles may use it.
GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA public TO cm_app, cm_worker;
GRANT USAGE, SELECT ON ALL SEQUENCES IN SCHEMA public TO cm_app, cm_worker;
GRANT SELECT ON ALL TABLES IN SCHEMA public TO cm_verifier;
"""


def files() -> dict[str, str]:
    """File name to its text."""
    tables.load()
    own = "\n".join(statements(datamap.tables()))
    return {
        "0001_procrastinate.sql": SchemaManager.get_schema() + QUEUE_GRANTS,
        "0001_first_light.sql": "\n".join(line.rstrip() for line in own.splitlines()) + "\n",
    }


def main() -> int:
    """Write the files, or compare them."""
    stale: list[str] = []
    for name, text in files().items():
        path = VERSIONS / name
        if not path.exists() or path.read_text(encoding="utf-8") != text:
            stale.append(name)
            if "--check" not in sys.argv:
                path.write_text(text, encoding="utf-8")
    sys.stdout.write(f"changed: {', '.join(stale) or 'nothing'}\n")
    return 1 if stale and "--check" in sys.argv else 0


if __name__ == "__main__":
    raise SystemExit(main())
