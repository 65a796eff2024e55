"""Sign-in factors: passkeys, apps that show codes, recovery codes, providers, and the domains that lead to them."""

from pathlib import Path

from alembic import op

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None

HERE = Path(__file__).resolve().parent


def upgrade() -> None:
    """Add the tables, and what sessions, codes and tenants say about factors."""
    op.execute("SET LOCAL lock_timeout = '5s'")
    # The driver's own cursor, without parameters: many statements in one go, colons and percent signs as they are.
    op.get_bind().connection.cursor().execute((HERE / "0006_factors.sql").read_text(encoding="utf-8"))
