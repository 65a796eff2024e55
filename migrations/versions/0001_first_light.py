"""First light: every table of the first landing with its row security, grants and partitions.

The SQL beside this file was written from the mapped classes of that day; tests compare what all migrations make with the classes.
"""

from pathlib import Path

from alembic import op

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None

HERE = Path(__file__).resolve().parent


def upgrade() -> None:
    """Create the job queue of Procrastinate, then our own schema."""
    op.execute("SET LOCAL lock_timeout = '5s'")
    for name in ("0001_procrastinate.sql", "0001_first_light.sql"):
        # The driver's own cursor, without parameters: many statements in one go, colons and percent signs as they are.
        op.get_bind().connection.cursor().execute((HERE / name).read_text(encoding="utf-8"))
