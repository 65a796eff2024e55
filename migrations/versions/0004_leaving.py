"""Leaving: closed doors, closings with their notices and receipts, proofs, warnings, signs of children.

The SQL beside this file was written from the mapped classes of that day; changed columns of older tables stand at its head.
"""

from pathlib import Path

from alembic import op

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None

HERE = Path(__file__).resolve().parent


def upgrade() -> None:
    """Add what is new; the code of the last release knows nothing of it and runs on."""
    op.execute("SET LOCAL lock_timeout = '5s'")
    # The driver's own cursor, without parameters: many statements in one go, colons and percent signs as they are.
    op.get_bind().connection.cursor().execute((HERE / "0004_leaving.sql").read_text(encoding="utf-8"))
