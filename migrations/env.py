"""Alembic's entry: runs migrations on the connection it is given by `callmissed.app.migrate`, as the owner of the schema."""

from alembic import context
from sqlalchemy import Connection

connection: Connection = context.config.attributes["connection"]
context.configure(connection=connection, version_table="alembic_version", transaction_per_migration=False)
with context.begin_transaction():
    context.run_migrations()
