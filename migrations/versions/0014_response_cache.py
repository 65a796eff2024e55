"""Answers that the same request of a workspace gets again, kept sealed for an hour where a key is switched to that."""

from pathlib import Path

from alembic import op

revision = "0014"
down_revision = "0013"
branch_labels = None
depends_on = None

HERE = Path(__file__).resolve().parent


def upgrade() -> None:
    """Add the table."""
    op.execute("SET LOCAL lock_timeout = '5s'")
    op.get_bind().connection.cursor().execute((HERE / "0014_response_cache.sql").read_text(encoding="utf-8"))
