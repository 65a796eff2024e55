"""Teams: roles a workspace makes, invitations, handing it on, and asking once through the management API.

The SQL beside this file was written from the mapped classes of that day; tests compare what all migrations make with the classes.
"""

from pathlib import Path

from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None

HERE = Path(__file__).resolve().parent


def upgrade() -> None:
    """Add the tables, and what a membership needs to have a role that the workspace made."""
    op.execute("SET LOCAL lock_timeout = '5s'")
    # The driver's own cursor, without parameters: many statements in one go, colons and percent signs as they are.
    op.get_bind().connection.cursor().execute((HERE / "0003_team.sql").read_text(encoding="utf-8"))
