"""The reminder that everybody with an account gets once a quarter.

The SQL beside this file was written from the mapped classes of that day; tests compare what all migrations make with the classes.
"""

from pathlib import Path

from alembic import op

revision = "0027"
down_revision = "0026"
branch_labels = None
depends_on = None

HERE = Path(__file__).resolve().parent


def upgrade() -> None:
    """Add a table."""
    op.execute("SET LOCAL lock_timeout = '5s'")
    # The driver's own cursor, without parameters: many statements in one go, colons and percent signs as they are.
    statements = (HERE / "0027_reminders.sql").read_text(encoding="utf-8")
    op.get_bind().connection.cursor().execute(statements)
