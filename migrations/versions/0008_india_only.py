"""Where content may go: a workspace's decision, and what each request's record says of it and of where it was sent before."""

from alembic import op

revision = "0008"
down_revision = "0007"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add three columns with defaults that PostgreSQL keeps in the catalogue: no row is rewritten."""
    op.execute("SET LOCAL lock_timeout = '5s'")
    op.execute("ALTER TABLE tenant ADD COLUMN india_only BOOLEAN DEFAULT true NOT NULL")
    op.execute("ALTER TABLE usage_record ADD COLUMN tried VARCHAR(400)")
    op.execute("ALTER TABLE usage_record ADD COLUMN india_only BOOLEAN DEFAULT true NOT NULL")
