"""What waits to be linked during a second step, since when a domain's record is missing, who saw a key's new secret, and what a warning is about."""

from pathlib import Path

from alembic import op

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None

HERE = Path(__file__).resolve().parent


def upgrade() -> None:
    """Add four columns that may be empty: no table is rewritten."""
    op.execute("SET LOCAL lock_timeout = '5s'")
    op.get_bind().connection.cursor().execute((HERE / "0007_ways_round.sql").read_text(encoding="utf-8"))
