"""What is asked and answered, kept sealed for a few days where a key is switched to that."""

from pathlib import Path

from alembic import op

revision = "0013"
down_revision = "0012"
branch_labels = None
depends_on = None

HERE = Path(__file__).resolve().parent


def upgrade() -> None:
    """Add the table, and a column that rewrites no row."""
    op.execute("SET LOCAL lock_timeout = '5s'")
    op.get_bind().connection.cursor().execute((HERE / "0013_prompt_log.sql").read_text(encoding="utf-8"))
