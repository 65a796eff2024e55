"""Migrations: bring the data plane to the schema of this release. Safe to repeat; one runs at a time."""

from pathlib import Path

from alembic import command
from alembic.config import Config
from alembic.script import ScriptDirectory
from sqlalchemy import create_engine, text

from callmissed.foundation.postgres import Dsn

SCRIPTS = Path(__file__).resolve().parent.parent.parent / "migrations"
ONE_AT_A_TIME = 3_203_951


def release() -> str:
    """The version of the schema that this release runs on."""
    return str(ScriptDirectory.from_config(_config()).get_current_head())


def _config() -> Config:
    config = Config()
    config.set_main_option("script_location", str(SCRIPTS))
    return config


def migrate(data_admin: Dsn) -> None:
    """Run all pending migrations as the owner of the schema. `data_admin` is a login that may become cm_owner."""
    engine = create_engine(data_admin.sqlalchemy, hide_parameters=True)
    try:
        with engine.connect() as connection:
            # house: built-sql the number of the lock is a constant of this module
            connection.execute(text(f"SELECT pg_advisory_lock({ONE_AT_A_TIME})"))
            connection.execute(text("SET ROLE cm_owner"))
            connection.commit()
            config = _config()
            config.attributes["connection"] = connection
            command.upgrade(config, "head")
            connection.commit()
    finally:
        engine.dispose()
