"""Answers that their callers may ask for again under an Idempotency-Key."""

from pathlib import Path

from alembic import op

revision = "0009"
down_revision = "0008"
branch_labels = None
depends_on = None

HERE = Path(__file__).resolve().parent


def upgrade() -> None:
    """Add the table."""
    op.execute("SET LOCAL lock_timeout = '5s'")
    op.get_bind().connection.cursor().execute((HERE / "0009_answered_once.sql").read_text(encoding="utf-8"))
