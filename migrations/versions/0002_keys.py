"""Keys: what narrows them, rotation with an overlap, service accounts, and what each key has spent in a month.

The counters begin empty and the hourly recount fills them from what was used: the owner of the schema sees no tenant's rows.
"""

from pathlib import Path

from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None

HERE = Path(__file__).resolve().parent


def upgrade() -> None:
    """New columns are empty or have a default, so the last release goes on working beside this one."""
    op.execute("SET LOCAL lock_timeout = '5s'")
    op.get_bind().connection.cursor().execute((HERE / "0002_keys.sql").read_text(encoding="utf-8"))
