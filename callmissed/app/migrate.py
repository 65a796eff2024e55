"""Migrations: bring the data plane and the key plane to the schema of this release. Safe to repeat; one runs at a time."""

from pathlib import Path

from alembic import command
from alembic.config import Config
from sqlalchemy import create_engine, text

from callmissed.foundation.postgres import Dsn
from callmissed.foundation.vault import create_key_plane

SCRIPTS = Path(__file__).resolve().parent.parent.parent / "migrations"
ONE_AT_A_TIME = 3_203_951


def migrate(data_admin: Dsn, keys: Dsn) -> None:
    """Run all pending migrations as the owner of the schema. `data_admin` may become cm_owner; `keys` owns the key plane."""
    engine = create_engine(data_admin.sqlalchemy, hide_parameters=True)
    try:
        with engine.connect() as connection:
            connection.execute(text(f"SELECT pg_advisory_lock({ONE_AT_A_TIME})"))
            connection.execute(text("SET ROLE cm_owner"))
            connection.commit()
            config = Config()
            config.set_main_option("script_location", str(SCRIPTS))
            config.attributes["connection"] = connection
            command.upgrade(config, "head")
            connection.commit()
    finally:
        engine.dispose()
    create_key_plane(keys)
