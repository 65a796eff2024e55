"""The sealed store: what law makes us keep after an erasure, and the register of what was handed out.

The SQL beside this file was written from the mapped classes of that day; tests compare what all migrations make with the classes.
"""

from pathlib import Path

from alembic import op

revision = "0026"
down_revision = "0025"
branch_labels = None
depends_on = None

HERE = Path(__file__).resolve().parent


def upgrade() -> None:
    """Add the tables and the two functions that reach into them."""
    op.execute("SET LOCAL lock_timeout = '5s'")
    # The driver's own cursor, without parameters: many statements in one go, colons and percent signs as they are.
    statements = (HERE / "0026_sealed.sql").read_text(encoding="utf-8")
    op.get_bind().connection.cursor().execute(statements)
