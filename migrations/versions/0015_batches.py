"""Files, and batches: many requests that are asked one after another."""

from pathlib import Path

from alembic import op

revision = "0015"
down_revision = "0014"
branch_labels = None
depends_on = None

HERE = Path(__file__).resolve().parent


def upgrade() -> None:
    """Add the tables."""
    op.execute("SET LOCAL lock_timeout = '5s'")
    op.get_bind().connection.cursor().execute((HERE / "0015_batches.sql").read_text(encoding="utf-8"))
