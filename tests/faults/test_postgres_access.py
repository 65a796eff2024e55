"""Who gets into our own PostgreSQL server, as what, and what of them its log and our texts give away."""

import os
import shutil
import socket
import struct
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import asyncpg
import psycopg
import pytest
from sqlalchemy import text
from sqlalchemy.ext.asyncio import create_async_engine

from callmissed.foundation.postgres import (
    ADMIN,
    DATABASE,
    KEYS_DATABASE,
    Cluster,
    Dsn,
    Outside,
    ensure_key_roles,
    ensure_roles,
)
from callmissed.foundation.postgres.credentials import Credentials
from callmissed.foundation.postgres.dsn import socket_file
from callmissed.foundation.postgres.problems import CredentialsMissing, PostgresUnavailable

pytestmark = [pytest.mark.database, pytest.mark.faults]
SASL = 10
CANARY = "canary.person@example.in"


@pytest.fixture(scope="module")
def home() -> Iterator[Path]:
    path = Path(tempfile.mkdtemp(prefix="cm-pg-"))
    path.chmod(0o755)
    yield path
    shutil.rmtree(path)


@pytest.fixture(scope="module")
def data(home: Path) -> Iterator[Cluster]:
    with Cluster(home, "data", memory="data") as cluster:
        yield cluster


@pytest.fixture(scope="module")
async def ready(data: Cluster) -> Cluster:
    await prepare(data)
    return data


async def prepare(server: Cluster | Outside) -> None:
    logins = {role: server.password(role) for role in ("cm_app", "cm_worker", "cm_verifier")}
    await ensure_roles(server.dsn(ADMIN, "postgres"), logins)


def first(dsn: Dsn, question: str) -> object:
    with psycopg.connect(dsn.psycopg, autocommit=True) as connection:
        row = connection.execute(question.encode()).fetchone()
    return row[0] if row else None


def knock(path: Path, user: str) -> int:
    """What the server asks of `user` before anything else: 0 would be nothing, 10 a SCRAM exchange."""
    with socket.socket(socket.AF_UNIX) as line:
        line.settimeout(5)
        line.connect(str(path))
        body = struct.pack("!I", 196608) + f"user\0{user}\0database\0postgres\0\0".encode()
        line.sendall(struct.pack("!I", len(body) + 4) + body)
        answer = line.recv(64)
    assert answer[:1] == b"R", answer
    return struct.unpack("!I", answer[5:9])[0]


@pytest.mark.parametrize("user", [ADMIN, "cm_app", "nobody"])
def test_nobody_signs_in_without_a_password(data: Cluster, user: str) -> None:
    assert knock(socket_file(Path(data.dsn(ADMIN, "postgres").host)), user) == SASL
    for wrong in ("", "wrong"):
        with pytest.raises(psycopg.OperationalError, match="password"):
            psycopg.connect(replace(data.dsn(ADMIN, "postgres"), user=user, password=wrong).psycopg)


def test_the_rules_of_the_server_trust_nobody(data: Cluster) -> None:
    rules = [line.split() for line in (data.place.data / "pg_hba.conf").read_text().splitlines()]
    methods = {rule[-1] for rule in rules if rule and not rule[0].startswith("#")}
    assert methods == {"scram-sha-256"}


@pytest.mark.skipif(os.geteuid() != 0, reason="another account can only be tried as root")
def test_another_account_does_not_even_reach_the_socket(data: Cluster) -> None:
    path = str(socket_file(Path(data.dsn(ADMIN, "postgres").host)))
    program = f"import socket; socket.socket(socket.AF_UNIX).connect({path!r})"
    shown = subprocess.run(
        ["/usr/bin/python3", "-c", program],
        user=65534,
        group=65534,
        extra_groups=[],
        cwd="/",
        capture_output=True,
        check=False,
    )
    assert b"PermissionError" in shown.stderr


def test_files_are_closed_to_others(data: Cluster, home: Path) -> None:
    folder = home / "data"
    account = data.place.account
    expected = {
        folder / "credentials.json": (0o600, os.geteuid()),
        folder / "server.log": (0o600, os.geteuid()),
        folder / "lock": (0o600, os.geteuid()),
        data.place.data: (0o700, account.uid),
        data.place.root / "socket": (0o700, account.uid),
        socket_file(data.place.root / "socket"): (0o700, account.uid),
    }
    found = {path: (path.stat().st_mode & 0o777, path.stat().st_uid) for path in expected}
    assert found == expected
    assert account.uid != 0
    assert not (data.place.root / ".password").exists()


@pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")
def test_the_server_is_nobody_special_and_knows_none_of_our_secrets(data: Cluster) -> None:
    process = Path(f"/proc/{data.pid}")
    assert process.stat().st_uid == data.place.account.uid
    groups = next(
        line for line in (process / "status").read_text().splitlines() if line.startswith("Groups:")
    )
    assert groups.split()[1:] in ([], [str(data.place.account.gid)]) or data.place.account.is_ours
    try:
        environment = (process / "environ").read_bytes()
    except PermissionError:
        pytest.skip("may not look into the server, as in a container")
    names = {entry.split(b"=")[0] for entry in environment.split(b"\0") if entry}
    assert names <= {b"PATH", b"LC_ALL"}
    password = data.password(ADMIN).encode()
    assert password not in (process / "cmdline").read_bytes()
    files = [each.readlink().name for each in (process / "fd").iterdir() if each.is_symlink()]
    assert "lock" not in files


def test_texts_do_not_show_the_password(data: Cluster) -> None:
    dsn = data.dsn(ADMIN, "postgres")
    outside = Outside("postgresql://admin:hunter2@db.example.in/cm?sslmode=verify-full")
    shown = f"{dsn} {dsn!r} {data!r} {outside} {outside.dsn('cm_app', 'x')!r} {Credentials.load(data.place.folder)!r}"
    for secret in (dsn.password, "hunter2", outside.password("cm_app")):
        assert len(secret) > 6
        assert secret not in shown
    assert dsn.password in dsn.psycopg, "the planted offence: this is the text that must not be logged"


async def test_the_three_drivers_sign_in(ready: Cluster) -> None:
    dsn = ready.dsn("cm_app", DATABASE)
    assert first(dsn, "SELECT current_user::text") == "cm_app"
    engine = create_async_engine(dsn.sqlalchemy)
    async with engine.connect() as connection:
        assert (await connection.execute(text("SELECT current_user::text"))).scalar_one() == "cm_app"
    await engine.dispose()
    direct = await asyncpg.connect(dsn.asyncpg)
    assert await direct.fetchval("SELECT current_user::text") == "cm_app"
    await direct.close()


async def test_roles_have_no_more_than_they_need(ready: Cluster) -> None:
    admin = ready.dsn(ADMIN, DATABASE)
    with psycopg.connect(admin.psycopg) as connection:
        found = connection.execute(
            "SELECT rolname, rolcanlogin FROM pg_roles WHERE rolname LIKE 'cm\\_%' AND NOT rolsuper"
            " AND NOT rolbypassrls AND NOT rolcreaterole AND NOT rolcreatedb AND NOT rolreplication ORDER BY 1"
        ).fetchall()
    assert found == [
        ("cm_app", True),
        ("cm_owner", False),
        ("cm_search", False),
        ("cm_verifier", True),
        ("cm_worker", True),
    ]
    assert (
        first(
            admin,
            "SELECT rolname FROM pg_database d JOIN pg_roles r ON r.oid = datdba WHERE datname = 'callmissed'",
        )
        == "cm_owner"
    )
    assert first(admin, "SELECT count(*) FROM pg_extension WHERE extname = 'pg_trgm'") == 1
    assert (
        first(admin, "SELECT rolpassword LIKE 'SCRAM-SHA-256$%' FROM pg_authid WHERE rolname = 'cm_app'")
        is True
    )


@pytest.mark.parametrize("role", ["cm_app", "cm_worker", "cm_verifier"])
async def test_a_role_creates_nothing_and_enters_no_other_database(ready: Cluster, role: str) -> None:
    with psycopg.connect(ready.dsn(role, DATABASE).psycopg) as connection:
        with pytest.raises(psycopg.errors.InsufficientPrivilege):
            connection.execute("CREATE TABLE public.mine (id int)")
        connection.rollback()
        with pytest.raises(psycopg.errors.InsufficientPrivilege):
            connection.execute("SET ROLE cm_owner")
    for database in ("postgres", "template1"):
        with pytest.raises(psycopg.OperationalError, match="permission denied for database"):
            psycopg.connect(ready.dsn(role, database).psycopg)


async def test_roles_are_put_right_again(ready: Cluster) -> None:
    admin = ready.dsn(ADMIN, DATABASE)
    with psycopg.connect(admin.psycopg, autocommit=True) as connection:
        connection.execute("ALTER ROLE cm_app SUPERUSER BYPASSRLS PASSWORD 'stolen'")
        connection.execute("GRANT CONNECT ON DATABASE callmissed TO PUBLIC")
        connection.execute("GRANT CREATE ON SCHEMA public TO PUBLIC")
    await prepare(ready)
    assert (
        first(
            ready.dsn("cm_app", DATABASE),
            "SELECT rolsuper OR rolbypassrls FROM pg_roles WHERE rolname = current_user",
        )
        is False
    )
    with psycopg.connect(ready.dsn("cm_app", DATABASE).psycopg) as connection, pytest.raises(psycopg.Error):
        connection.execute("CREATE TABLE public.mine (id int)")


async def test_a_managed_server_without_a_superuser(ready: Cluster) -> None:
    """As a provider's login is: it may make roles and databases, and no more."""
    admin = ready.dsn(ADMIN, "postgres")
    with psycopg.connect(admin.psycopg, autocommit=True) as connection:
        connection.execute("CREATE ROLE provider LOGIN CREATEROLE CREATEDB PASSWORD 'from the provider'")
        connection.execute("GRANT CONNECT ON DATABASE postgres TO provider")
    outside = Outside(replace(admin, user="provider", password="from the provider").psycopg)
    for _ in range(2):
        await ensure_key_roles(outside.dsn(ADMIN, "postgres"), {"cm_keys": outside.password("cm_keys")})
    keys = outside.dsn("cm_keys", KEYS_DATABASE)
    assert first(keys, "SELECT current_user::text") == "cm_keys"
    assert outside.password("cm_keys") == Outside(outside.admin.psycopg).password("cm_keys"), (
        "every node finds the same"
    )
    assert Outside(outside.admin.psycopg, {"cm_keys": "given"}).password("cm_keys") == "given"


def test_an_outside_url_keeps_its_options() -> None:
    dsn = Outside("postgres://u%40x:p%2Fw@db.example.in:6432/main?sslmode=verify-full").dsn(ADMIN, "other")
    assert dsn.psycopg == "postgresql://u%40x:p%2Fw@db.example.in:6432/other?sslmode=verify-full"
    assert dsn.sqlalchemy.startswith("postgresql+psycopg://u%40x:")
    for wrong in ("mysql://a:b@c/d", "postgresql:///nobody", "nonsense"):
        with pytest.raises(PostgresUnavailable, match="must look like"):
            Outside(wrong)


async def test_the_log_holds_no_personal_data(ready: Cluster) -> None:
    log = ready.place.folder / "server.log"
    offences = [
        f"SELECT '{CANARY}'::uuid",
        f"CREATE TEMP TABLE t (mail text UNIQUE); INSERT INTO t VALUES ('{CANARY}'), ('{CANARY}')",
        f"DO $$ BEGIN RAISE WARNING '{CANARY}'; RAISE '{CANARY}'; END $$",
    ]
    for offence in offences:
        with (
            psycopg.connect(ready.dsn(ADMIN, DATABASE).psycopg) as connection,
            pytest.raises(psycopg.Error) as told,
        ):
            connection.execute(offence.encode())
        assert CANARY in str(told.value), "the caller is told"
    with psycopg.connect(ready.dsn(ADMIN, DATABASE).psycopg) as connection, pytest.raises(psycopg.Error):
        connection.execute(f"SET log_min_messages = 'error'; SELECT '{CANARY}'::uuid".encode())
    assert CANARY in log.read_text(), "the planted offence: a server that logs errors would be caught"


def test_lost_or_broken_credentials_are_named(home: Path, data: Cluster) -> None:
    folder = data.place.folder
    (folder / "credentials.json").rename(folder / "kept")
    try:
        with pytest.raises(CredentialsMissing, match=r"Put `credentials.json` back"):
            Cluster(home, "data", memory="data").dsn(ADMIN, "postgres")
        (folder / "credentials.json").write_text("{")
        with pytest.raises(CredentialsMissing, match="cannot be read"):
            data.password(ADMIN)
    finally:
        (folder / "kept").rename(folder / "credentials.json")
    with pytest.raises(LookupError, match="cm_keys"):
        data.password("cm_keys")
