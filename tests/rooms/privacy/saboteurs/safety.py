"""Against safety: safe.rest, safe.least-privilege, safe.hashed-secrets."""

from collections.abc import AsyncGenerator
from typing import Any

from sqlalchemy import Column, Text

from callmissed.app.probes import secrets_in_logs
from callmissed.foundation.datamap import Category, Whose, personal
from callmissed.foundation.postgres import Cluster
from callmissed.identity.key_format import mint
from callmissed.privacy import hidden_words
from tests.rooms.privacy.house import House
from tests.rooms.privacy.saboteurs import sabotages


@sabotages("safe.rest", "1 values in plain text", "user_account.full_name", plain=1, found=0)
async def short_name_in_plain_text(house: House) -> AsyncGenerator[None]:
    """Writes a person's name as it is read."""
    mine = f"id = '{house.access.actor.id}'"
    async with house.saved("user_account", mine):
        await house.sql(f"UPDATE user_account SET full_name = 'Asha Namuna' WHERE {mine}")
        yield


@sabotages("safe.rest", "1 values in plain text", "user_account.email", plain=1, found=0)
async def long_address_in_plain_text(house: House) -> AsyncGenerator[None]:
    """Writes an address as it is read, longer than the smallest sealed value."""
    mine = f"id = '{house.access.actor.id}'"
    async with house.saved("user_account", mine):
        await house.sql(
            f"UPDATE user_account SET email = convert_to(repeat('asha', 20) || '@namuna.in', 'UTF8') WHERE {mine}"
        )
        yield


@sabotages("safe.rest", "1 values in plain text", "planted.words", plain=1)
async def column_declared_personal_and_not_sealed(house: House) -> AsyncGenerator[None]:
    """Puts a personal column of ordinary text into the data map, past the class that would refuse it."""
    words = personal(Category.CONTENT, Whose.USER, "words", person="id")
    with house.mapped(Column("words", Text, info={"holds": words})):
        yield


@sabotages("safe.rest", "2 hidden words found on disk", found=2, plain=0)
async def copy_of_a_hidden_word_in_a_file(house: House) -> AsyncGenerator[None]:
    """Leaves a file beside the database with a hidden word in it, twice: once across the seam of two reads."""
    assert isinstance(house.installation.data, Cluster)
    [word, *_] = hidden_words(house.services.vault)
    file = house.installation.data.place.data / "planted.dump"
    file.write_bytes(word + b"." * (4_000_000 - len(word) - 20) + word)
    try:
        yield
    finally:
        file.unlink()


@sabotages("safe.rest", "hidden words found on disk", plain=0)
async def hidden_word_in_plain_text_in_a_row(house: House) -> AsyncGenerator[None]:
    """Writes a hidden word into an ordinary text column: it stands in the table's file and in the write-ahead log."""
    [word, *_] = hidden_words(house.services.vault)
    await house.sql("CREATE TABLE planted_words (words text)", "ALTER SYSTEM SET wal_recycle = off")
    try:
        await house.sql("SELECT pg_reload_conf()")
        await house.sql("INSERT INTO planted_words VALUES (%(word)s)", word=word.decode())
        await house.sql("CHECKPOINT")
        yield
    finally:
        # The log keeps what was written until its segments go; recycled ones would keep it for longer.
        await house.sql("DROP TABLE planted_words", *("SELECT pg_switch_wal()", "CHECKPOINT") * 2)
        await house.sql("ALTER SYSTEM RESET wal_recycle", "SELECT pg_reload_conf()")


@sabotages("safe.rest", "store_canary", verdict="unknown")
async def nothing_hidden(house: House) -> AsyncGenerator[None]:
    """Takes the hidden words out of the database, so that a search for them says nothing."""
    async with house.saved("store_canary"):
        await house.sql("DELETE FROM store_canary")
        yield


@sabotages("safe.rest", "store.canaries", verdict="unknown")
async def disk_that_nobody_can_read(house: House) -> AsyncGenerator[None]:
    """Takes away who reads the disk, as with a database of somebody else's."""
    with house.answering("store.canaries", None):
        yield


POWERS = ("SUPERUSER", "BYPASSRLS", "CREATEROLE", "CREATEDB", "REPLICATION")
RIGHTS = {
    "login_of_our_name": ("CREATE ROLE cm_backdoor LOGIN", "DROP ROLE cm_backdoor", "unknown_logins", "login cm_backdoor"),
    "owner_that_may_sign_in": ("ALTER ROLE cm_owner LOGIN", "ALTER ROLE cm_owner NOLOGIN", "unknown_logins", "login cm_owner"),
    "second_superuser": ("CREATE ROLE mallory LOGIN SUPERUSER", "DROP ROLE mallory", "unknown_logins", "login mallory"),
    "login_with_a_grant": (
        "CREATE ROLE mallory LOGIN; GRANT SELECT ON contact TO mallory",
        "REVOKE ALL ON contact FROM mallory; DROP ROLE mallory", "unknown_logins", "login mallory",
    ),
    "login_that_may_become_the_application": (
        "CREATE ROLE mallory LOGIN; GRANT cm_app TO mallory", "DROP ROLE mallory", "unknown_logins", "login mallory",
    ),
    "verifier_that_writes": (
        "GRANT UPDATE ON contact TO cm_verifier", "REVOKE UPDATE ON contact FROM cm_verifier",
        "verifier_writes", "cm_verifier may change contact",
    ),
    "verifier_that_writes_one_column": (
        "GRANT UPDATE (state) ON tenant TO cm_verifier", "REVOKE UPDATE (state) ON tenant FROM cm_verifier",
        "verifier_writes", "cm_verifier may change tenant",
    ),
    "verifier_that_removes": (
        "GRANT DELETE ON tenant TO cm_verifier", "REVOKE DELETE ON tenant FROM cm_verifier",
        "verifier_writes", "cm_verifier may change tenant",
    ),
    "table_that_everybody_may_fill": (
        "GRANT INSERT ON contact TO PUBLIC", "REVOKE INSERT ON contact FROM PUBLIC",
        "verifier_writes", "cm_verifier may change contact",
    ),
    "verifier_that_moves_a_sequence": (
        "GRANT UPDATE ON SEQUENCE procrastinate_jobs_id_seq TO cm_verifier",
        "REVOKE UPDATE ON SEQUENCE procrastinate_jobs_id_seq FROM cm_verifier",
        "verifier_writes", "cm_verifier may change procrastinate_jobs_id_seq",
    ),
    "keys_beside_the_data": ("CREATE TABLE data_key (id int)", "DROP TABLE data_key", "key_tables_here", "keys beside the data"),
}  # fmt: skip
"""Name to what gives the right, what takes it back, the figure that counts it and the words that name it."""


def enter(name: str, do: str, undo: str, figure: str, says: str) -> None:
    """Enter a saboteur that gives a right away."""

    async def deed(house: House) -> AsyncGenerator[None]:
        async with house.done(do, undo):
            yield

    deed.__name__, deed.__doc__ = name, f"Makes a {name.replace('_', ' ')}."
    counted: dict[str, Any] = {figure: 1, "wrong": 1}
    sabotages("safe.least-privilege", says, **counted)(deed)


for power in POWERS:
    enter(
        f"application_with_{power.lower()}",
        f"ALTER ROLE cm_app {power}",
        f"ALTER ROLE cm_app NO{power}",
        "too_strong",
        "cm_app",
    )
for right, parts in RIGHTS.items():
    enter(right, *parts)


@sabotages("safe.least-privilege", "pg_roles", verdict="unknown")
async def role_that_is_gone(house: House) -> AsyncGenerator[None]:
    """Renames a role, so that nobody can say what it may do."""
    async with house.done("ALTER ROLE cm_worker RENAME TO worker", "ALTER ROLE worker RENAME TO cm_worker"):
        yield


KEY = mint()
TABLES = {
    "key_in_a_text": f"CREATE TABLE planted AS SELECT '{KEY}'::text AS note",
    "key_in_json": f"CREATE TABLE planted AS SELECT jsonb_build_object('a', jsonb_build_array('{KEY}')) AS note",
    "key_in_a_list": f"CREATE TABLE planted AS SELECT ARRAY['x', '{KEY}'] AS note",
    "key_in_bytes": f"CREATE TABLE planted AS SELECT convert_to('\x01key={KEY};', 'UTF8') AS note",
}


def keep(name: str, table: str) -> None:
    """Enter a saboteur that keeps a key in a table."""

    async def deed(house: House) -> AsyncGenerator[None]:
        async with house.done(f"{table}; GRANT SELECT ON planted TO cm_verifier", "DROP TABLE planted"):
            yield

    deed.__name__, deed.__doc__ = name, f"Keeps a {name.replace('_', ' ')}."
    sabotages("safe.hashed-secrets", "1 places hold a readable secret", "planted.note", keys_in_tables=1)(
        deed
    )


for table, statement in TABLES.items():
    keep(table, statement)


@sabotages("safe.hashed-secrets", "1 places", "logs", keys_in_logs=1, keys_in_tables=0)
async def key_in_a_log(house: House) -> AsyncGenerator[None]:
    """Writes a key to a log file, as it was sent."""
    log = house.installation.home / "access.log.1"
    log.write_text(f"GET /v1/models authorization: Bearer {KEY}\n")
    try:
        yield
    finally:
        log.unlink()


@sabotages("safe.hashed-secrets", "1 places", "user_account.password_md5", password_columns=1)
async def column_for_passwords(house: House) -> AsyncGenerator[None]:
    """Adds a column for passwords, hashed or not."""
    async with house.done(
        "ALTER TABLE user_account ADD COLUMN password_md5 bytea",
        "ALTER TABLE user_account DROP COLUMN password_md5",
    ):
        yield


@sabotages("safe.hashed-secrets", "1 places", "planted", unread_tables=1)
async def table_closed_to_the_verifier(house: House) -> AsyncGenerator[None]:
    """Makes a table that the checks may not read."""
    async with house.done("CREATE TABLE planted (note text)", "DROP TABLE planted"):
        yield


@sabotages("safe.hashed-secrets", "logs.secrets", verdict="unknown")
async def logs_elsewhere(house: House) -> AsyncGenerator[None]:
    """Moves the logs to where the checks find none."""

    async def nothing_there() -> dict[str, int]:
        return secrets_in_logs(house.installation.home / "keyring")

    with house.answering("logs.secrets", nothing_there):
        yield


@sabotages("safe.hashed-secrets", "logs.secrets", verdict="unknown")
async def log_that_cannot_be_read(house: House) -> AsyncGenerator[None]:
    """Puts a log where reading it fails, and has the search give up."""

    async def fails() -> dict[str, int]:
        return secrets_in_logs(house.installation.home / "keyring" / "\0")

    with house.answering("logs.secrets", fails):
        yield
