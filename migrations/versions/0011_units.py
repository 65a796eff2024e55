"""What is not sold by the token: a usage record says what it was and how many."""

from pathlib import Path

from alembic import op

revision = "0011"
down_revision = "0010"
branch_labels = None
depends_on = None

HERE = Path(__file__).resolve().parent


def upgrade() -> None:
    """Add two columns that may be empty: no row is rewritten, and the last release runs on beside them."""
    op.execute("SET LOCAL lock_timeout = '5s'")
    op.get_bind().connection.cursor().execute((HERE / "0011_units.sql").read_text(encoding="utf-8"))
