"""Pictures that are kept sealed for 30 days, for keys that are switched to it and for the playground."""

from pathlib import Path

from alembic import op

revision = "0020"
down_revision = "0019"
branch_labels = None
depends_on = None

HERE = Path(__file__).resolve().parent


def upgrade() -> None:
    """Add the table."""
    op.execute("SET LOCAL lock_timeout = '5s'")
    op.get_bind().connection.cursor().execute((HERE / "0020_kept_pictures.sql").read_text(encoding="utf-8"))
