"""What is done besides with a key's requests: off unless it is switched on, and told by each request's record.

The SQL beside this file was written from the mapped classes of that day; tests compare what all migrations make with the classes.
"""

from pathlib import Path

from alembic import op

revision = "0012"
down_revision = "0011"
branch_labels = None
depends_on = None

HERE = Path(__file__).resolve().parent


def upgrade() -> None:
    """Add two columns that rewrite no row, and the functions that read and write them."""
    op.execute("SET LOCAL lock_timeout = '5s'")
    # The driver's own cursor, without parameters: many statements in one go, colons and percent signs as they are.
    statements = (HERE / "0012_key_options.sql").read_text(encoding="utf-8")
    op.get_bind().connection.cursor().execute(statements)
